"""Usage files over HTTP: streamed in, reported as JSON and text, held, released and rejected with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.container import Container
from api.dependencies import Caller
from api.errors import install
from api.routers import usage, usage_files
from billing.persistence.unit_of_work import make_engine
from tests.builders_usage import LINE, UsageWorld, a_usage_world
from tests.builders_usage_files import NUMBERED, NumberedCsv, day_name, some_messages

FILES = "/v1/usage/files"


class Keys:
    """API keys that are their own role."""

    async def caller_of(self, key: str) -> Caller | None:
        return Caller("sanne", key) if key in ("viewer", "agent") else None


@dataclass
class Doors:
    world: UsageWorld
    client: httpx.AsyncClient

    async def send(self, sequence: int, *rows: str, **query: str) -> dict[str, Any]:
        """Stream a numbered file in."""
        content = "\n".join(rows or some_messages(f"n-{sequence}")).encode()
        params = {"profile": NUMBERED, "name": day_name(sequence)} | query
        answer = await self.client.post(f"{FILES}/content", params=params, content=_pieces(content))
        assert answer.status_code == 202, answer.text
        file: dict[str, Any] = answer.json()["file"]
        return file

    async def import_all(self) -> None:
        while self.world.process.imports:
            await self.world.service.files.import_file(self.world.process.imports.pop(0).file_id)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 7):
        yield content[start : start + 7]


@pytest.fixture
async def doors(database_url: str, tmp_path: Path) -> AsyncIterator[Doors]:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path, formats={NUMBERED: NumberedCsv()})
    app = FastAPI()
    install(app)
    for module in (usage, usage_files):
        app.include_router(module.router)
    app.state.container = Container(
        world.work, world.clock, world.process, "http://t", usage=world.service, access=Keys()
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t", headers={"X-API-Key": "agent"}) as client:
        yield Doors(world, client)
    await engine.dispose()


async def test_a_streamed_file_is_kept_whole_and_imported(doors: Doors) -> None:
    file = await doors.send(1, *some_messages("a", "b"))
    await doors.import_all()
    shown = (await doors.client.get(f"{FILES}/{file['file_id']}")).json()
    assert (shown["status"], shown["accepted"], shown["sequence"], shown["name"]) == ("done", 2, 1, "day-0001.csv")


async def test_a_report_is_answered_as_json_and_as_text(doors: Doors) -> None:
    file = await doors.send(1, *some_messages("a"), f"b,{LINE},sms,many,2027-02-01T10:00:00Z,,", "#total 2 1 0.00")
    await doors.import_all()
    path = f"{FILES}/{file['file_id']}/report"
    report = (await doors.client.get(path)).json()
    assert (report["file"]["read"], report["file"]["rejected"], report["needs_a_person"]) == (2, 1, True)
    assert report["control"][0] == {"name": "charge", "declared": "0.00", "counted": "0.00", "agrees": True}
    page = await doors.client.get(path, headers={"Accept": "text/plain"})
    assert page.headers["content-type"].startswith("text/plain")
    assert page.text == report["text"]
    assert "1 records wait for a correction" in page.text


async def test_a_held_file_is_listed_with_its_reason_and_released_by_name(doors: Doors) -> None:
    await doors.send(1)
    held = await doors.send(3)
    (listed,) = (await doors.client.get(FILES, params={"status": "held"})).json()
    assert (listed["file_id"], listed["hold_kind"], listed["gap"]) == (held["file_id"], "gap", ["2"])
    without_reason = await doors.client.post(f"{FILES}/{held['file_id']}/release", json={"reason": ""})
    assert (without_reason.status_code, without_reason.json()["field"]) == (422, "body.reason")
    released = await doors.client.post(f"{FILES}/{held['file_id']}/release", json={"reason": "2 was never sent"})
    assert released.json()["status"] == "registered"
    await doors.import_all()
    report = (await doors.client.get(f"{FILES}/{held['file_id']}/report")).json()
    assert report["decision"].startswith("released (gap) by sanne on ")
    again = await doors.client.post(f"{FILES}/{held['file_id']}/reject", json={"reason": "too late"})
    assert (again.status_code, again.json()["field"]) == (409, "file_id")


async def test_a_rejected_file_is_never_counted(doors: Doors) -> None:
    await doors.send(1)
    held = await doors.send(3)
    rejected = await doors.client.post(f"{FILES}/{held['file_id']}/reject", json={"reason": "not ours"})
    assert rejected.json()["status"] == "rejected"
    await doors.import_all()
    assert (await doors.client.get(f"{FILES}/{held['file_id']}")).json()["read"] == 0


async def test_a_viewer_reads_reports_and_decides_nothing(doors: Doors) -> None:
    await doors.send(1)
    held = await doors.send(3)
    viewer = {"X-API-Key": "viewer"}
    assert (await doors.client.get(f"{FILES}/{held['file_id']}/report", headers=viewer)).status_code == 200
    for verb in ("release", "reject"):
        path = f"{FILES}/{held['file_id']}/{verb}"
        assert (await doors.client.post(path, json={"reason": "r"}, headers=viewer)).status_code == 403


async def test_files_and_kept_records_are_read_page_by_page(doors: Doors) -> None:
    rows = [f"r-{number},{LINE},sms,many,2027-02-01T10:00:00Z,," for number in range(7)]
    file = await doors.send(1, *rows)
    for sequence in (2, 3):
        await doors.send(sequence)
    await doors.import_all()
    names, before = [], ""
    while page := (await doors.client.get(FILES, params={"limit": 2, "before": before})).json():
        names += [each["name"] for each in page]
        before = page[-1]["file_id"]
    assert names == [day_name(3), day_name(2), day_name(1)]
    lines, after = [], ""
    query = {"file_id": file["file_id"], "limit": 3}
    while page := (await doors.client.get("/v1/usage/issues", params={**query, "after": after})).json():
        lines += [each["line_number"] for each in page]
        after = page[-1]["issue_id"]
    assert lines == [1, 2, 3, 4, 5, 6, 7]
