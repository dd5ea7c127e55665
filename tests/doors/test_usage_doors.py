"""Usage over HTTP: 202 only for what is committed, each record answered, errors that name the field and the way out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.container import Container
from api.dependencies import Caller
from api.errors import install
from api.routers import balance, pricing, usage, usage_files, usage_records
from api.schemas.pricing_examples import EXAMPLES
from billing.persistence.unit_of_work import make_engine
from billing.services.service_changes import ServiceChanges, ServiceCommand
from tests.builders_usage import LINE, UsageWorld, a_usage_world, an_event
from tests.samples import charging_samples as cdr


class Keys:
    """API keys that are their own role."""

    async def caller_of(self, key: str) -> Caller | None:
        return Caller("sanne", key) if key in ("viewer", "agent") else None


@dataclass
class Doors:
    world: UsageWorld
    client: httpx.AsyncClient


@pytest.fixture
async def doors(database_url: str, tmp_path: Path) -> AsyncIterator[Doors]:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path)
    app = FastAPI()
    install(app)
    for module in (usage, usage_records, usage_files, balance, pricing):
        app.include_router(module.router)
    app.state.container = Container(
        make_work=world.work,
        clock=world.clock,
        process=world.process,
        public_url="http://testserver",
        usage=world.service,
        access=Keys(),
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t", headers={"X-API-Key": "agent"}) as client:
        yield Doors(world, client)
    await engine.dispose()


async def test_an_accepted_event_is_in_the_balance_when_it_is_answered(doors: Doors) -> None:
    answer = await doors.client.post("/v1/usage/events", json=an_event(quantity=90, destination="+3225551234"))
    assert answer.status_code == 202
    assert answer.json() | {} == {
        "place": 0,
        "outcome": "accepted",
        "record_id": "r-1",
        "field": "",
        "value": "",
        "reason": "",
        "account_id": doors.world.account_id,
        "service_id": doors.world.service_id,
        "cycle_number": 1,
        "price_code": "voice",
        "band": "32",
        "billable_quantity": 120,
    }
    balance_now = (await doors.client.get(f"/v1/accounts/{doors.world.account_id}/balance")).json()
    (line,) = balance_now["services"]
    assert {meter["meter"]: meter["quantity"] for meter in line["meters"]}["voice"] == 120
    assert line["allowances"][0] == {
        "code": "minutes",
        "name": "Belminuten",
        "meter": "voice",
        "counts": "pieces",
        "scale": "decimal",
        "included": 6000,
        "used": 120,
        "left": 5880,
        "origin": "plan",
        "expires_at": balance_now["closes_at"],
    }
    assert balance_now["charges"] == {"amount_minor": 1000, "currency": "EUR"}
    assert datetime.fromisoformat(balance_now["last_update_at"]) == doors.world.clock.at


async def test_what_no_allowance_covers_is_in_the_charges_and_the_projected_bill(doors: Doors) -> None:
    await doors.client.post("/v1/usage/events", json=an_event(quantity=6060))
    await doors.client.post("/v1/usage/events", json=an_event(record_id="r-2", meter="sms", quantity=10))
    found = (await doors.client.get(f"/v1/accounts/{doors.world.account_id}/balance")).json()
    assert found["charges"]["amount_minor"] == 1000 + 10 + 50
    assert found["projected_charges"]["amount_minor"] > found["charges"]["amount_minor"]


async def test_a_batch_answers_each_record_in_its_order(doors: Doors) -> None:
    events = [an_event(), an_event(), an_event(record_id="r-2", identifier="+31600000000"), an_event(quantity="x"), {}]
    answer = await doors.client.post("/v1/usage/events/batch", json=events)
    assert answer.status_code == 202
    assert [each["outcome"] for each in answer.json()["results"]] == [
        *("accepted", "duplicate", "recycled", "rejected", "rejected"),
    ]
    assert answer.json()["counts"] == {"accepted": 1, "duplicate": 1, "recycled": 1, "rejected": 2}
    issues = (await doors.client.get("/v1/usage/issues", params={"kind": "recycled"})).json()
    assert [issue["identifier"] for issue in issues] == ["+31600000000"]


async def test_a_rejected_record_is_corrected_over_http(doors: Doors) -> None:
    await doors.client.post("/v1/usage/events", json=an_event(quantity="x"))
    (issue,) = (await doors.client.get("/v1/usage/issues")).json()
    path = f"/v1/usage/issues/{issue['issue_id']}/resubmit"
    answer = await doors.client.post(path, json={"changes": {"quantity": 60}})
    assert answer.json()["outcome"] == "accepted"
    again = await doors.client.post(path, json={})
    assert (again.status_code, again.json()["field"]) == (409, "issue_id")
    (resolved,) = (await doors.client.get("/v1/usage/issues", params={"status": "resolved"})).json()
    assert resolved["resolution"] == "accepted: sent again by sanne"


async def test_an_uploaded_file_starts_its_import_and_shows_its_progress(doors: Doors) -> None:
    content = f"record_id,identifier,meter,quantity,started_at\nr-1,{LINE},sms,1,2027-02-01T10:00:00Z\n"
    for already_known in (False, True):
        answer = await doors.client.post(
            "/v1/usage/files", params={"profile": "csv"}, files={"file": ("day.csv", content.encode())}
        )
        assert (answer.status_code, answer.json()["already_known"]) == (202, already_known)
    file_id = answer.json()["file"]["file_id"]
    assert {request.file_id for request in doors.world.process.imports} == {file_id}
    await doors.world.service.files.import_file(file_id)
    shown = (await doors.client.get(f"/v1/usage/files/{file_id}")).json()
    assert (shown["status"], shown["read"], shown["accepted"]) == ("done", 1, 1)
    assert [file["name"] for file in (await doors.client.get("/v1/usage/files")).json()] == ["day.csv"]


async def test_a_binary_file_is_uploaded_and_its_damaged_record_is_corrected_in_hexadecimal(doors: Doors) -> None:
    good = cdr.encoded(cdr.message())
    damaged = cdr.encoded(cdr.message(originationTime=cdr.stamp().replace(b"+", b"?"), messageReference=b"\x08"))
    answer = await doors.client.post(
        "/v1/usage/files/content",
        params={"profile": "3gpp-circuit", "name": "messages.dat"},
        content=cdr.framed_file(good, damaged, specification=6),
    )
    file_id = answer.json()["file"]["file_id"]
    await doors.world.service.files.import_file(file_id)
    shown = (await doors.client.get(f"/v1/usage/files/{file_id}")).json()
    assert (shown["status"], shown["accepted"], shown["rejected"]) == ("done", 1, 1)
    (issue,) = (await doors.client.get("/v1/usage/issues")).json()
    assert (issue["field"], issue["raw"]) == ("originationTime", damaged.hex())
    path = f"/v1/usage/issues/{issue['issue_id']}/resubmit"
    answer = await doors.client.post(path, json={"raw": damaged.replace(b"?", b"+").hex()})
    assert answer.json()["outcome"] == "accepted"


async def test_waiting_records_are_guided_again_by_command(doors: Doors) -> None:
    await doors.client.post("/v1/usage/events", json=an_event(identifier="+31600000000"))
    answer = await doors.client.post("/v1/usage/reguide", json={})
    assert answer.json() == {"tried": 1, "resolved": 0, "moved": 0, "recycled": 0, "repeats": 0}


async def test_counted_records_of_a_number_are_guided_again_by_command(doors: Doors) -> None:
    world = doors.world
    await doors.client.post("/v1/usage/events", json=an_event())
    ended_at = datetime(2027, 2, 1, tzinfo=UTC)
    command = ServiceCommand(world.account_id, world.service_id, "c-1", "Ann", "given up", ended_at)
    await ServiceChanges(world.work, world.clock).end(command)
    wanted = {"identifier": LINE, "since": ended_at.isoformat()}
    unexplained = await doors.client.post("/v1/usage/reguide", json=wanted)
    assert (unexplained.status_code, unexplained.json()["field"]) == (422, "reason")
    answer = await doors.client.post("/v1/usage/reguide", json={**wanted, "reason": "entered late"})
    assert answer.json() == {"tried": 1, "resolved": 0, "moved": 0, "recycled": 1, "repeats": 0}
    (waiting,) = (await doors.client.get("/v1/usage/issues?kind=recycled")).json()
    assert waiting["record_id"] == "r-1"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/usage/files/file_99", 404),
        ("GET", "/v1/usage/files/nonsense", 422),
        ("GET", "/v1/accounts/acc_99/balance", 404),
        ("POST", "/v1/usage/issues/rec_99/resubmit", 404),
        ("GET", "/v1/usage/issues?file_id=nonsense", 422),
    ],
)
async def test_what_is_not_there_is_refused_with_the_way_out(doors: Doors, method: str, path: str, status: int) -> None:
    answer = await doors.client.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == status
    assert answer.json()["remedy"]


async def test_a_viewer_may_look_but_not_send(doors: Doors) -> None:
    as_viewer = {"X-API-Key": "viewer"}
    assert (await doors.client.get("/v1/usage/files", headers=as_viewer)).status_code == 200
    assert (await doors.client.post("/v1/usage/events", json=an_event(), headers=as_viewer)).status_code == 403
    assert await doors.world.issues(status="") == []


async def test_a_price_that_cannot_be_used_is_refused_by_its_dotted_field(doors: Doors) -> None:
    price = EXAMPLES["graduated"]["price"] | {"tiers": [{"rate": "many"}]}
    answer = await doors.client.post("/v1/pricing/preview", json={"price": price, "currency": "EUR", "quantity": 1})
    assert (answer.status_code, answer.json()["field"]) == (422, "price.tiers[0].rate")
