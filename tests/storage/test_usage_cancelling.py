"""A file that is cancelled has never been: not in the counters, not on the next invoice, and it may come again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from billing.domain.errors import InvalidValue, UnableTo
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.usage import IssueSelection
from billing.ports.usage_corrections import EventsOf
from billing.ports.usage_files import UsageFile
from billing.services import usage_cancelling
from tests.builders_usage import LINE, NOW, UsageWorld, a_customer, a_usage_world, an_event

HEADER = "record_id,identifier,meter,quantity,started_at,destination"
NEW_LINE = "+31600000077"
_numbers = iter(range(10**9))


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path)
    await engine.dispose()


async def imported(world: UsageWorld, folder: Path, lines: Sequence[str]) -> str:
    path = folder / f"usage-{next(_numbers)}.csv"
    path.write_text("\n".join([HEADER, *lines, ""]))
    file, _ = await world.register(path, "csv")
    await world.service.files.import_file(file.file_id)
    return file.file_id


async def cancelled(world: UsageWorld, file_id: str) -> str:
    await world.service.cancelling.cancel(file_id, "sanne", "the wrong month")
    return (await world.service.cancelling.carry_out(file_id)).status


async def counted(world: UsageWorld) -> list[tuple[str, str, int, int]]:
    """The counters of the account's first cycle that count anything; they agree with the events."""
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
        rows = await work.usage.counters_of(world.account_id, 1)
    return [(row.price_code, row.band, row.events, row.quantity) for row in rows if row.events or row.quantity]


def a_call(record_id: str, seconds: int = 60, destination: str = "+31201234567", day: int = 20) -> str:
    return f"{record_id},{LINE},voice,{seconds},2027-01-{day}T10:00:00Z,{destination}"


async def test_what_a_file_counted_is_counted_down(world: UsageWorld, tmp_path: Path) -> None:
    await world.service.take([an_event()])
    before = await counted(world)
    file_id = await imported(world, tmp_path, [a_call("a"), a_call("b", 600), a_call("c", 5, "+3225551234"), "broken"])
    assert await counted(world) != before
    assert await cancelled(world, file_id) == "cancelled"
    assert await counted(world) == before
    assert await world.issues() == []
    async with world.work() as work:
        kept = await work.connection.execute(text("SELECT kind, author, reason, became FROM usage_corrections"))
        entries = await work.timeline.of(world.account_id)
    assert {(row.kind, row.author, row.became) for row in kept} == {("cancelled", "sanne", "")}
    assert [entry.summary for entry in entries if entry.kind == "usage.cancelled"] == [
        "Usage of cycle 1 was taken back with its file: 3 records"
    ]


async def test_records_that_are_being_stored_anew_at_that_moment_are_taken_back_too(
    world: UsageWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await imported(world, tmp_path, [a_call("a"), a_call("b", 600)])
    take_back, corrections, stored = world.service.cancelling._take_back, list[asyncio.Task[None]](), asyncio.Event()

    async def store_anew(file: UsageFile) -> None:
        assert file.first_start is not None
        assert file.last_start is not None
        async with world.work() as work:
            await work.usage.begin_intake()
            rows = await work.usage.lock_events(EventsOf(file.first_start, file.last_start, file_id=file_id), 10)
            await work.usage.remove_events([row.key for row in rows])
            await work.usage.put_back(rows)
            stored.set()
            await asyncio.sleep(0.5)
            await work.commit()

    async def beside_a_correction(file: UsageFile) -> bool:
        if not corrections:
            corrections.append(asyncio.create_task(store_anew(file)))
            await stored.wait()
        return await take_back(file)

    monkeypatch.setattr(world.service.cancelling, "_take_back", beside_a_correction)
    assert await cancelled(world, file_id) == "cancelled"
    assert await counted(world) == []


async def test_the_same_content_may_come_again_on_purpose(world: UsageWorld, tmp_path: Path) -> None:
    lines = [a_call("a"), a_call("b", 600)]
    first = await imported(world, tmp_path, lines)
    there = await counted(world)
    await cancelled(world, first)
    second = await imported(world, tmp_path, lines)
    assert second != first
    assert await counted(world) == there
    assert await imported(world, tmp_path, lines) == second


async def test_cancelling_twice_and_at_once_changes_nothing_more(world: UsageWorld, tmp_path: Path) -> None:
    file_id = await imported(world, tmp_path, [a_call(f"r-{number}") for number in range(50)])
    await world.service.cancelling.cancel(file_id, "sanne", "wrong")
    await asyncio.gather(*[world.service.cancelling.carry_out(file_id) for _ in range(3)])
    assert await counted(world) == []
    assert await cancelled(world, file_id) == "cancelled"
    assert await counted(world) == []


async def test_a_cancelling_that_dies_goes_on(
    world: UsageWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_cancelling, "EVENTS_AT_ONCE", 10)
    file_id = await imported(world, tmp_path, [a_call(f"r-{number}") for number in range(35)])
    await world.service.cancelling.cancel(file_id, "sanne", "wrong")
    true_reverse, calls = usage_cancelling.reverse, iter(range(100))

    async def dies_in_the_third_batch(*arguments: Any) -> Sequence[str]:
        if next(calls) == 2:
            raise RuntimeError("killed")
        return await true_reverse(*arguments)

    monkeypatch.setattr(usage_cancelling, "reverse", dies_in_the_third_batch)
    with pytest.raises(RuntimeError, match="killed"):
        await world.service.cancelling.carry_out(file_id)
    assert await counted(world) == [("voice", "", 15, 900)]
    assert (await world.service.files.get(file_id)).status == "cancelling"
    assert (await world.service.cancelling.carry_out(file_id)).status == "cancelled"
    assert await counted(world) == []


async def test_records_that_were_corrected_are_taken_back_and_foreseen(world: UsageWorld, tmp_path: Path) -> None:
    path = tmp_path / "usage.ndjson"
    path.write_text("\n".join(json.dumps(an_event(record_id=name, started_at="yesterday")) for name in "ab"))
    file, _ = await world.register(path, "ndjson")
    await world.service.files.import_file(file_id := file.file_id)
    changes = {"started_at": "2027-01-20T10:00:00Z"}
    done = await world.service.resubmission.resubmit(IssueSelection(file_id=file_id), changes, author="sanne")
    assert done.outcomes == {"accepted": 2}
    assert (await world.service.outlook.cancelling(file_id)).events == 2
    assert await cancelled(world, file_id) == "cancelled"
    assert await counted(world) == []


async def test_a_start_that_was_corrected_to_another_day_is_taken_back_too(world: UsageWorld, tmp_path: Path) -> None:
    file_id = await imported(world, tmp_path, [a_call("a"), a_call("b").replace("2027", "2017")])
    (issue,) = await world.issues()
    corrected = a_call("b", day=27)
    assert (await world.service.resubmit(issue.issue_id, raw=corrected, author="sanne")).outcome == "accepted"
    assert (await world.service.outlook.cancelling(file_id)).events == 2
    await cancelled(world, file_id)
    assert await counted(world) == []


async def test_a_file_whose_starts_are_not_known_is_taken_back_all_the_same(world: UsageWorld, tmp_path: Path) -> None:
    file_id = await imported(world, tmp_path, [a_call("a"), a_call("b")])
    async with world.work() as work:
        await work.usage.change_file(file_id, {"first_start": None, "last_start": None})
        await work.commit()
    assert (await world.service.outlook.cancelling(file_id)).events == 2
    await cancelled(world, file_id)
    assert await counted(world) == []


async def test_what_waits_of_two_files_is_counted_for_the_one_that_stays(world: UsageWorld, tmp_path: Path) -> None:
    record = a_call("r").replace(LINE, NEW_LINE)
    first = await imported(world, tmp_path, [record])
    second = await imported(world, tmp_path, [record, a_call("a")])
    assert [issue.file_id for issue in await world.issues(kind="recycled")] == [first, second]
    await cancelled(world, first)
    async with world.work() as work:
        account_id, _ = await a_customer(work, number="KL-0002", identifier=NEW_LINE)
        await work.commit()
    assert (await world.service.reguide(NEW_LINE)).resolved == 1
    file = await world.service.files.get(second)
    assert (file.accepted, file.recycled) == (2, 0)
    async with world.work() as work:
        (row,) = await work.usage.counters_of(account_id, 1)
    assert (row.events, row.quantity) == (1, 60)


async def test_a_line_that_waits_twice_is_counted_once_and_told_as_a_duplicate(
    world: UsageWorld, tmp_path: Path
) -> None:
    record = a_call("r").replace(LINE, NEW_LINE)
    files = [await imported(world, tmp_path, lines) for lines in ([record, record], [record, a_call("a")])]
    async with world.work() as work:
        await a_customer(work, number="KL-0002", identifier=NEW_LINE)
        await work.commit()
    await world.service.reguide(NEW_LINE)
    found = [await world.service.files.get(file_id) for file_id in files]
    assert [(file.accepted, file.duplicates, file.recycled) for file in found] == [(1, 1, 0), (1, 1, 0)]
    assert await world.issues() == []


async def test_usage_of_a_billed_cycle_is_taken_back_on_the_next_invoice(world: UsageWorld, tmp_path: Path) -> None:
    await world.service.take([an_event()])
    file_id = await imported(world, tmp_path, [a_call("a", 600), a_call("b", 60, "+3225551234")])
    billed = await counted(world)
    async with world.work() as work:
        await work.accounts.change_cycle(world.account_id, 1, {"status": "issued"})
        await work.commit()
    await cancelled(world, file_id)
    assert await counted(world) == billed
    async with world.work() as work:
        late = await work.usage.unbilled_late_usage(world.account_id)
    assert [(row.band, row.events, row.quantity) for row in late] == [("", -1, -600), ("32", -1, -60)]


async def test_a_file_that_was_put_aside_cannot_be_cancelled_and_a_reason_is_needed(
    world: UsageWorld, tmp_path: Path
) -> None:
    file_id = await imported(world, tmp_path, [a_call("a")])
    with pytest.raises(InvalidValue, match="reason"):
        await world.service.cancelling.cancel(file_id, "sanne", " ")
    async with world.work() as work:
        await work.usage.change_file(file_id, {"status": "rejected"})
        await work.commit()
    with pytest.raises(UnableTo, match="rejected"):
        await world.service.cancelling.cancel(file_id, "sanne", "wrong")


async def test_an_import_that_is_cancelled_meanwhile_stops(world: UsageWorld, tmp_path: Path) -> None:
    world.service.files.batch_size = 10
    path = tmp_path / "usage.csv"
    path.write_text("\n".join([HEADER, *[a_call(f"r-{number}") for number in range(100)]]))
    file, _ = await world.register(path, "csv")
    seen: list[int] = []

    def cancel_after_the_second(report: object) -> None:
        seen.append(1)
        if len(seen) == 2:
            asyncio.get_running_loop().create_task(world.service.cancelling.cancel(file.file_id, "sanne", "wrong"))

    await world.service.files.import_file(file.file_id, cancel_after_the_second)
    assert len(seen) < 10
    assert (await world.service.cancelling.carry_out(file.file_id)).status == "cancelled"
    assert await counted(world) == []


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(st.tuples(st.integers(0, 4000), st.sampled_from(["+31201234567", "+3225551234"])), max_size=12),
    others=st.lists(st.integers(1, 4000), max_size=4),
)
async def test_cancelled_after_imported_is_never_imported(
    world: UsageWorld, tmp_path: Path, calls: list[tuple[int, str]], others: list[int]
) -> None:
    started = NOW.isoformat()
    events = [an_event(record_id=f"o-{next(_numbers)}", quantity=each, started_at=started) for each in others]
    await world.service.take(events)
    before = await counted(world)
    lines = [a_call(f"c-{next(_numbers)}", seconds, destination) for seconds, destination in calls]
    await cancelled(world, await imported(world, tmp_path, lines))
    assert await counted(world) == before
