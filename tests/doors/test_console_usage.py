"""The console's pages of usage: files, kept records one by one or many, unknown numbers, why a record cost what."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest

from billing.persistence.unit_of_work import SqlUnitOfWork
from tests.builders_desks import Desk, a_customer, a_desk, sign_in
from tests.builders_usage import LINE, an_event

HEADER = "record_id,identifier,meter,quantity,started_at,destination"
START = "2027-02-01T10:00:00Z"
STRANGER = "+31698765432"
FILE = f"{HEADER}\nr-1,{LINE},voice,60,{START},+31201234567\nr-2,{LINE},voice,many,{START},+31201234567\n"


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with a_desk(database_url, tmp_path) as desk:
        yield desk


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def uploaded(desk: Desk, content: str = FILE, name: str = "day.csv") -> str:
    """A file sent by the form, and imported as its process would."""
    sent = {"files": {"file": (name, content.encode())}}
    answer = await desk.send("/console/usage", "/console/usage/files", {"profile": "csv"}, **sent)
    assert answer.status_code == 303, answer.text
    file_id = answer.headers["location"].rpartition("/")[2]
    await desk.world.container.usage.files.import_file(file_id)
    return file_id


async def take(desk: Desk, *events: dict[str, object]) -> None:
    await desk.world.container.usage.take(list(events))


async def records(desk: Desk, query: str = "") -> list[str]:
    page = await desk.get(f"/console/usage/records{query}")
    return re.findall(r"/console/usage/records/(rec_\d+)", page)


async def test_nothing_came_yet_says_what_to_do(desk: Desk) -> None:
    assert "No usage file has come yet" in text_of(await desk.get("/console/usage"))
    assert "No record waits" in text_of(await desk.get("/console/usage/records"))
    assert "No number waits" in text_of(await desk.get("/console/usage/waiting"))


async def test_a_file_is_uploaded_counted_and_shown_with_what_waits(desk: Desk) -> None:
    file_id = await uploaded(desk)
    shown = text_of(await desk.get("/console/usage"))
    assert "day.csv" in shown
    page = await desk.get(f"/console/usage/files/{file_id}")
    assert "2 read" in text_of(page)
    assert "1 rejected" in text_of(page)
    assert "needs a person" in text_of(page)
    report = await desk.client.get(f"/console/usage/files/{file_id}/report.txt")
    assert "1 records wait for a correction" in report.text


async def test_the_same_content_again_has_no_effect_and_says_so(desk: Desk) -> None:
    file_id = await uploaded(desk)
    sent = {"files": {"file": ("again.csv", FILE.encode())}}
    answer = await desk.send("/console/usage", "/console/usage/files", {"profile": "csv"}, **sent)
    assert answer.headers["location"] == f"/console/usage/files/{file_id}"
    assert "The same content came before" in text_of(await desk.get(answer.headers["location"]))


@pytest.mark.parametrize(
    ("profile", "files", "says"),
    [
        ("csv", {}, "No file was chosen"),
        ("csv", {"file": ("empty.csv", b"")}, "The file is empty"),
        ("nobody", {"file": ("day.csv", b"x")}, "There is no such profile"),
    ],
)
async def test_an_upload_that_cannot_be_is_refused_at_its_field(
    desk: Desk, profile: str, files: dict[str, tuple[str, bytes]], says: str
) -> None:
    answer = await desk.send("/console/usage", "/console/usage/files", {"profile": profile}, files=files)
    assert answer.status_code == 422
    assert says in text_of(answer.text)


async def test_a_rejected_record_is_corrected_by_its_field_and_counted(desk: Desk) -> None:
    await uploaded(desk)
    (record,) = await records(desk)
    page = f"/console/usage/records/{record}"
    shown = await desk.get(page)
    assert "quantity" in shown
    still = await desk.send(page, f"{page}/resubmit", {"to_quantity": "lots", "do": "fields", "reason": "typo"})
    assert "It still cannot be taken" in text_of(await desk.get(still.headers["location"]))
    line = f"r-2,{LINE},voice,75,{START},+31201234567"
    assert (await desk.send(page, f"{page}/resubmit", {"raw": line, "do": "line"})).status_code == 422
    done = await desk.send(page, f"{page}/resubmit", {"raw": line, "do": "line", "reason": "The switch told us"})
    assert "The record is taken: accepted" in text_of(await desk.get(done.headers["location"]))
    assert await records(desk) == []


async def test_a_record_is_dismissed_with_a_reason(desk: Desk) -> None:
    await uploaded(desk)
    (record,) = await records(desk)
    page = f"/console/usage/records/{record}"
    refused = await desk.send(page, f"{page}/dismiss", {"reason": ""})
    assert refused.status_code == 422
    await desk.send(page, f"{page}/dismiss", {"reason": "a test call"})
    assert "dismissed by admin: a test call" in text_of(await desk.get(page))


async def test_many_are_corrected_by_filter_with_the_count_that_was_previewed(desk: Desk) -> None:
    await take(desk, *(an_event(record_id=f"r-{number}", meter="call") for number in range(3)))
    page, action = "/console/usage/records?kind=recycled", "/console/usage/records/resubmit"
    wanted = {"kind": "recycled", "change_field": "meter", "change_value": "voice"}
    seen = await desk.send(page, action, wanted | {"do": "preview"})
    assert seen.status_code == 200
    assert "3 records : 3 would be accepted" in text_of(seen.text)
    assert len(await records(desk)) == 3
    other = await desk.send(page, action, wanted | {"do": "send", "expected": "2", "reason": "a wrong name"})
    assert other.status_code == 409
    done = await desk.send(page, action, wanted | {"do": "send", "expected": "3", "reason": "a wrong name"})
    assert "3 records: 3 accepted" in text_of(await desk.get(done.headers["location"]))


async def test_many_are_dismissed_and_never_all_by_mistake(desk: Desk) -> None:
    await take(desk, *(an_event(record_id=f"r-{number}", meter="call") for number in range(2)))
    action = "/console/usage/records/dismiss"
    everything = await desk.send("/console/usage/records?kind=recycled", action, {"do": "preview"})
    assert everything.status_code == 422
    assert "This would be every record that waits" in text_of(everything.text)
    form = {"kind": "recycled", "do": "dismiss", "expected": "2", "reason": "tests"}
    done = await desk.send("/console/usage/records?kind=recycled", action, form)
    assert "2 of 2 records are dismissed" in text_of(await desk.get(done.headers["location"]))


async def test_numbers_that_are_known_by_now_are_guided_again(desk: Desk) -> None:
    await take(desk, an_event(record_id="a", identifier=STRANGER), an_event(record_id="b", identifier="+31600000009"))
    page = "/console/usage/waiting"
    assert "2 records wait" in text_of(await desk.get(page))
    assert "0 would be counted now" in text_of((await desk.send(page, f"{page}/preview", {})).text)
    async with desk.world.work() as work:
        assert isinstance(work, SqlUnitOfWork)
        await a_customer(work, identifier=STRANGER, number="A100002")
        await work.commit()
    assert "1 would be counted now" in text_of((await desk.send(page, f"{page}/preview", {})).text)
    assert len(await records(desk)) == 2  # looking changed nothing
    without = await desk.send(page, f"{page}/reguide", {"identifier": STRANGER})
    assert (without.status_code, "This is empty" in without.text) == (422, True)
    done = await desk.send(page, f"{page}/reguide", {"identifier": STRANGER, "reason": "They signed the contract"})
    assert "1 of 1 records are counted now" in text_of(await desk.get(done.headers["location"]))
    assert len(await records(desk)) == 1


async def test_what_waits_is_counted_by_a_look_that_tries_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await take(desk, *[an_event(record_id=f"w-{number}", identifier=STRANGER) for number in range(3)])
    await take(desk, an_event(record_id="x", identifier="+31600000009"))

    async def tried(*_: object) -> None:
        raise AssertionError("a look must try nothing")

    monkeypatch.setattr(type(desk.world.container.usage.outlook), "waiting", tried)
    for order, first in (("-records", STRANGER), ("records", "+31600000009"), ("number", "+31600000009")):
        shown = (await desk.get(f"/console/usage/waiting?sort={order}")).partition("<tbody>")[2]
        assert (order, re.findall(r"identifier=%2B(\d+)", shown)[0]) == (order, first.removeprefix("+"))
    assert "1 records wait" in text_of(await desk.get("/console/usage/waiting?identifier=%2B31600000009"))
    file = (await desk.client.get("/console/usage/waiting?format=csv")).text.splitlines()
    assert [STRANGER in line for line in file[1:]] == [True, False]


async def test_a_file_is_taken_back_as_it_was_previewed(desk: Desk) -> None:
    many = "".join(f"m-{number},{LINE},sms,1,{START},\n" for number in range(40))
    file_id = await uploaded(desk, f"{HEADER}\n{many}")
    await desk.world.container.usage.counting.count_all()
    page = f"/console/usage/files/{file_id}"
    seen = text_of((await desk.send(page, f"{page}/cancel/preview", {})).text)
    assert "40 records of 1 accounts would be taken back" in seen
    assert "€12.00" in seen
    assert "€10.00" in seen
    wrong = await desk.send(page, f"{page}/cancel/confirm", {"expected": "9", "reason": "the wrong month"})
    assert wrong.status_code == 409
    form = {"expected": "40", "reason": "the wrong month"}
    assert (await desk.send(page, f"{page}/cancel/confirm", form)).status_code == 303
    await desk.world.container.usage.cancelling.carry_out(file_id)
    assert "cancelled" in text_of(await desk.get(page))


async def test_a_record_is_found_and_explained_step_by_step(desk: Desk) -> None:
    await take(desk, an_event())
    found = await desk.get(f"/console/usage/lookup?identifier={LINE.replace('+', '%2B')}")
    assert "source=switch" in found
    explained = text_of(await desk.get("/console/usage/lookup/record?source=switch&record_id=r-1"))
    assert "How it was priced" in explained
    assert "vonk-basis version 1" in explained
    nothing = await desk.client.get("/console/usage/lookup/record?source=switch&record_id=none")
    assert nothing.status_code == 404


async def test_every_record_that_is_looked_up_is_on_a_page_and_in_the_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await take(desk, *[an_event(record_id=f"l-{number}") for number in range(3)])
    monkeypatch.setattr("api.routers.console_lookup.PAGE_SIZE", 2)
    monkeypatch.setattr("api.routers.console_lookup.ROWS_AT_ONCE", 1)
    address = f"/console/usage/lookup?identifier={LINE.replace('+', '%2B')}"
    found: list[str] = []
    link = address
    while link:
        shown = await desk.get(link)
        found += re.findall(r"record_id=(l-\d)", shown)
        further = re.search(r'rel="next" href="([^"]+)"', shown)
        link = unescape(further[1]) if further else ""
    assert sorted(found) == ["l-0", "l-1", "l-2"]
    file = (await desk.client.get(f"{address}&format=csv")).text.splitlines()
    assert len(file) == 4


async def test_a_source_that_stopped_sending_is_told(desk: Desk) -> None:
    last = datetime(2027, 1, 20, tzinfo=UTC)
    async with desk.world.work() as work:
        for number in range(5):
            at = last - timedelta(days=number)
            values = {"name": f"{number}.csv", "sha256": str(number), "profile": "csv", "status": "done"}
            values |= {"size_bytes": 1, "stored_as": "", "registered_at": at, "declared": {}}
            await work.usage.register_file(values)
        await work.commit()
    assert "Nothing came from csv for 12 days" in text_of(await desk.get("/console/usage"))


async def test_lists_are_exported(desk: Desk) -> None:
    await uploaded(desk)
    await uploaded(desk, f"{HEADER}\nr-3,{LINE},voice,60,{START},+31201234567\n", "a-day.csv")
    for order, first in (("-registered", "a-day.csv"), ("name", "a-day.csv"), ("-rejected", "day.csv")):
        shown = (await desk.get(f"/console/usage?sort={order}")).partition("<tbody>")[2]
        assert (order, re.findall(r">([a-z-]+\.csv)</a>", shown)[0]) == (order, first)
    assert len(await records(desk, "?sort=-line")) == len(await records(desk, "?sort=kept")) == 1
    files = (await desk.client.get("/console/usage?format=csv&status=done")).text.splitlines()
    assert ["day.csv" in line for line in files[1:]] == [True, True]
    kept = (await desk.client.get("/console/usage/records?format=csv")).text
    assert "quantity" in kept


async def test_who_may_only_read_decides_nothing_and_a_forged_form_is_refused(desk: Desk) -> None:
    await uploaded(desk)
    (record,) = await records(desk)
    page = f"/console/usage/records/{record}"
    assert (await desk.forged(f"{page}/dismiss", {"reason": "x"})).status_code == 403
    assert (await desk.forged("/console/usage/waiting/reguide", {})).status_code == 403
    viewer = await sign_in(desk.world, desk.world.keys["viewer"])
    assert "Dismiss" not in await viewer.get(page)
    for action in (f"{page}/dismiss", f"{page}/resubmit", "/console/usage/waiting/reguide", "/console/usage/files"):
        answer = await viewer.send("/console/usage", action, {"reason": "x"})
        assert (action, answer.status_code) == (action, 403)
    agent = await sign_in(desk.world, desk.world.keys["agent"])
    assert (await agent.send("/console/usage", "/console/usage/files/file_1001/cancel/confirm", {})).status_code == 403
