"""A record that was sent again with another start counts once: the daily check takes back all copies but the first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.services import usage_resent
from billing.services.invoicing_charges import charges_of
from billing.services.reconcile import Watched
from billing.services.service_changes import Port, ServiceChanges, ServiceCommand
from billing.services.usage_plans import PlanShelf
from tests.builders_usage import LINE, NOW, UsageWorld, a_customer, a_usage_world
from tests.builders_usage_resent import BY_TIME, DAYS, a_call, bill, check

HEADER = "record_id,identifier,meter,quantity,started_at,destination"
_numbers = iter(range(10**9))


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path, BY_TIME)
    await engine.dispose()


async def use(world: UsageWorld, record_id: str, at: str, quantity: int = 60, **changes: Any) -> None:
    """A record arrives, a minute after the one before."""
    world.clock.at += timedelta(minutes=1)
    (result,) = await world.service.take([a_call(record_id, at, quantity, **changes)])
    assert result.outcome in ("accepted", "late"), result


async def imported(world: UsageWorld, folder: Path, *lines: str) -> str:
    world.clock.at += timedelta(minutes=1)
    path = folder / f"usage-{next(_numbers)}.csv"
    path.write_text("\n".join([HEADER, *lines, ""]))
    file, _ = await world.register(path, "csv")
    await world.service.files.import_file(file.file_id)
    return file.file_id


def line(record_id: str, at: str, seconds: int = 60) -> str:
    return f"{record_id},{LINE},voice,{seconds},{at},+31201234567"


async def starts(world: UsageWorld) -> list[tuple[str, str]]:
    """What is stored: record_id and start, one for each event."""
    async with world.work() as work:
        rows = await work.connection.execute(
            text("SELECT record_id, started_at FROM usage_events WHERE part = 0 ORDER BY record_id, started_at")
        )
        return [(row.record_id, f"{row.started_at.astimezone(UTC):%m-%dT%H:%M}") for row in rows]


async def counted(world: UsageWorld, account_id: str = "") -> list[tuple[int, str, str, int, int]]:
    """Cycle, price, band, events and quantity of the counters that count anything; they agree with the events."""
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
        return [
            (cycle, row.price_code, row.band, row.events, row.quantity)
            for cycle in (1, 2)
            for row in await work.usage.counters_of(account_id or world.account_id, cycle)
            if row.events or row.quantity or row.amount
        ]


async def corrections(world: UsageWorld) -> Sequence[Any]:
    async with world.work() as work:
        rows = await work.connection.execute(
            text("SELECT kind, author, reason, part, became FROM usage_corrections ORDER BY started_at, part")
        )
        return rows.all()


async def test_the_copy_that_came_later_is_taken_back(world: UsageWorld) -> None:
    await use(world, "r-1", "2027-01-28T10:00:00Z")
    await use(world, "r-1", "2027-01-20T10:00:00Z")
    await use(world, "other", "2027-01-20T10:00:00Z", 120)
    assert await counted(world) == [(1, "voice", "", 3, 240)]
    assert await check(world) == 1
    assert await counted(world) == [(1, "voice", "", 2, 180)]
    assert await starts(world) == [("other", "01-20T10:00"), ("r-1", "01-28T10:00")]


async def test_it_is_kept_with_both_starts_and_told_on_the_timeline(world: UsageWorld) -> None:
    await use(world, "r-1", "2027-01-28T10:00:00Z")
    await use(world, "r-1", "2027-01-28T11:00:00Z")
    await use(world, "r-1", "2027-01-28T12:00:00Z", 90)
    await check(world)
    kept = await corrections(world)
    assert {(row.kind, row.author, row.became) for row in kept} == {("resent", "evenflow", "")}
    begins = "switch sent r-1 first with the start 2027-01-28T10:00:00+00:00, again with 2027-01-28T1"
    assert [row.reason for row in kept] == [
        f"{begins}1:00:00+00:00",
        f"{begins}2:00:00+00:00 and other content",
    ]
    async with world.work() as work:
        entries = await work.timeline.of(world.account_id)
    assert [entry.summary for entry in entries if entry.kind == "usage.resent"] == [
        "Usage of cycle 1 had been sent twice, with two starts: 2 records"
    ]


async def test_of_copies_that_came_together_the_earliest_start_stays(world: UsageWorld) -> None:
    await world.service.take([a_call("r-1", f"2027-01-2{day}T10:00:00Z") for day in (3, 1, 2)])
    assert await check(world) == 2
    assert await starts(world) == [("r-1", "01-21T10:00")]
    assert await counted(world) == [(1, "voice", "", 1, 60)]


async def test_all_parts_of_a_split_call_go_together(world: UsageWorld) -> None:
    await use(world, "r-1", "2027-01-28T10:00:00Z", 7200)
    await use(world, "r-1", "2027-01-28T06:00:00Z", 7200)
    assert await counted(world) == [(1, "voice", "", 1, 10800), (1, "voice", "~night", 1, 3600)]
    assert await check(world) == 1
    assert await counted(world) == [(1, "voice", "", 1, 7200)]
    assert [row.part for row in await corrections(world)] == [0, 1]


async def test_a_split_call_that_came_first_keeps_all_its_parts(world: UsageWorld) -> None:
    await use(world, "r-1", "2027-01-28T06:00:00Z", 7200)
    before = await counted(world)
    await use(world, "r-1", "2027-01-28T10:00:00Z", 7200)
    assert await check(world) == 1
    assert await counted(world) == before


async def test_billed_usage_is_credited_on_the_next_invoice(world: UsageWorld) -> None:
    await use(world, "r-1", "2027-01-28T10:00:00Z", 600)
    await use(world, "r-1", "2027-01-29T10:00:00Z", 600)
    billed = await counted(world)
    await bill(world)
    assert await check(world) == 1
    assert await counted(world) == billed
    async with world.work() as work:
        late = await work.usage.unbilled_late_usage(world.account_id)
        cycle = await work.accounts.cycle(world.account_id, 2)
        charges = await charges_of(work, PlanShelf(), cycle, "Europe/Amsterdam")
    assert [(row.correction, row.events, row.quantity) for row in late] == [("resent", -1, -600)]
    lines = [each for each in charges.lines if each.kind == "late_usage"]
    assert [(each.description, str(each.amount.decimal), each.explanation[-1]) for each in lines] == [
        ("Bellen", "-1.00", "corrected: usage that was sent twice was taken back once")
    ]


async def test_a_copy_in_an_open_cycle_goes_when_the_first_one_is_billed(world: UsageWorld) -> None:
    await use(world, "r-1", "2027-01-28T10:00:00Z")
    await bill(world)
    world.clock.at = datetime(2027, 2, 16, 12, tzinfo=UTC)
    await use(world, "r-1", "2027-02-16T10:00:00Z")
    assert await check(world) == 1
    assert await counted(world) == [(1, "voice", "", 1, 60)]
    async with world.work() as work:
        assert await work.usage.unbilled_late_usage(world.account_id) == []


async def test_in_its_files_report_the_later_copy_is_a_duplicate(world: UsageWorld, tmp_path: Path) -> None:
    first = await imported(world, tmp_path, line("r-1", "2027-01-28T10:00:00Z"))
    second = await imported(
        world, tmp_path, line("r-1", "2027-01-28T11:00:00Z"), line("r-2", "2027-01-28T11:00:00Z"), "broken"
    )
    assert await check(world) == 1
    reports = [await world.service.files.get(each) for each in (first, second)]
    assert [(each.read, each.accepted, each.duplicates, each.rejected) for each in reports] == [
        (1, 1, 0, 0),
        (3, 1, 1, 1),
    ]


async def test_a_late_copy_of_a_file_is_moved_from_late_to_duplicate(world: UsageWorld, tmp_path: Path) -> None:
    await use(world, "r-1", "2027-01-28T10:00:00Z", source="csv")
    await bill(world)
    file_id = await imported(world, tmp_path, line("r-1", "2027-01-28T11:00:00Z"))
    assert await check(world) == 1
    report = await world.service.files.get(file_id)
    assert (report.accepted, report.late, report.duplicates) == (0, 0, 1)
    async with world.work() as work:
        late = await work.usage.unbilled_late_usage(world.account_id)
    assert sum(row.events for row in late) == 0


async def test_checking_again_changes_nothing(world: UsageWorld) -> None:
    await use(world, "r-1", "2027-01-28T10:00:00Z")
    await use(world, "r-1", "2027-01-28T11:00:00Z")
    assert await check(world) == 1
    there = await counted(world), await corrections(world)
    assert await check(world) == 0
    assert (await counted(world), await corrections(world)) == there


async def test_two_checks_at_once_take_every_copy_back_once(world: UsageWorld) -> None:
    events = [a_call(f"r-{number}", f"2027-01-2{day}T10:00:00Z") for number in range(40) for day in (1, 2, 3)]
    await world.service.take(events)
    found = await asyncio.gather(*[check(world) for _ in range(3)])
    assert sum(found) == 80
    assert await counted(world) == [(1, "voice", "", 40, 2400)]
    assert len(await corrections(world)) == 80


async def test_pages_and_batches_reach_every_record(world: UsageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_resent, "RECORDS_AT_ONCE", 4)
    monkeypatch.setattr(usage_resent, "EVENTS_AT_ONCE", 5)
    await world.service.take([a_call(f"r-{n}", f"2027-01-2{day}T10:00:00Z") for n in range(11) for day in (1, 2)])
    assert await check(world) == 11
    assert await counted(world) == [(1, "voice", "", 11, 660)]


async def test_a_check_that_dies_is_finished_by_the_next(world: UsageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_resent, "EVENTS_AT_ONCE", 4)
    await world.service.take([a_call(f"r-{n}", f"2027-01-2{day}T10:00:00Z") for n in range(8) for day in (1, 2)])
    true_reverse, calls = usage_resent.reverse, iter(range(100))

    async def dies_in_the_second_batch(*arguments: Any) -> Sequence[str]:
        if next(calls) == 1:
            raise RuntimeError("killed")
        return await true_reverse(*arguments)

    monkeypatch.setattr(usage_resent, "reverse", dies_in_the_second_batch)
    with pytest.raises(RuntimeError, match="killed"):
        await world.service.resent.look_after(DAYS)
    assert await counted(world) == [(1, "voice", "", 14, 840)]
    assert await world.service.resent.look_after(DAYS) == Watched(6)
    assert await counted(world) == [(1, "voice", "", 8, 480)]


async def test_a_first_copy_that_is_gone_meanwhile_leaves_the_other_one(
    world: UsageWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use(world, "r-1", "2027-01-28T10:00:00Z")
    await use(world, "r-1", "2027-01-28T11:00:00Z")
    async with world.work() as work:
        (found,) = await work.usage.sent_again(NOW - timedelta(days=DAYS), 20, 10)
        await work.usage.remove_events(found.keys[:1])
        await work.commit()
    assert await world.service.resent._take_back(found.keys) == 0
    assert await starts(world) == [("r-1", "01-28T11:00")]


async def test_upkeep_checks_once_a_business_day(world: UsageWorld) -> None:
    resent = world.service.resent
    await use(world, "r-1", "2027-01-28T10:00:00Z")
    assert await resent.look_after(DAYS) == Watched(0)
    await use(world, "r-1", "2027-01-28T11:00:00Z")
    assert await resent.look_after(DAYS) == Watched(0)
    assert await counted(world) == [(1, "voice", "", 2, 120)]
    world.clock.at += timedelta(days=1)
    assert await resent.look_after(DAYS) == Watched(1)
    assert await counted(world) == [(1, "voice", "", 1, 60)]


async def test_a_long_check_goes_on_beside_the_rounds(world: UsageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_resent, "PATIENCE_SECONDS", 0.0)
    await use(world, "r-1", "2027-01-28T10:00:00Z")
    await use(world, "r-1", "2027-01-28T11:00:00Z")
    resent = world.service.resent
    assert await resent.look_after(DAYS) == Watched(0)
    monkeypatch.setattr(usage_resent, "PATIENCE_SECONDS", 10.0)
    assert await resent.look_after(DAYS) == Watched(1)
    assert await resent.look_after(DAYS) == Watched(0)
    assert await counted(world) == [(1, "voice", "", 1, 60)]


async def test_rounds_at_once_share_one_check_and_its_result(world: UsageWorld) -> None:
    await use(world, "r-1", "2027-01-28T10:00:00Z")
    await use(world, "r-1", "2027-01-28T11:00:00Z")
    found = await asyncio.gather(*[world.service.resent.look_after(DAYS) for _ in range(3)])
    assert sorted(each.count for each in found) == [0, 0, 1]


async def test_switched_off_and_before_the_days_nothing_is_taken_back(world: UsageWorld) -> None:
    await use(world, "old", "2027-01-20T10:00:00Z")
    await use(world, "old", "2027-01-28T11:00:00Z")
    await use(world, "new", "2027-02-01T09:00:00Z")
    await use(world, "new", "2027-02-01T11:00:00Z")
    assert await world.service.resent.look_after(0) == Watched(0)
    assert await counted(world) == [(1, "voice", "", 4, 240)]
    assert await world.service.resent.check(11) == Watched(1)
    assert await world.service.resent.check(12) == Watched(1)
    assert await starts(world) == [("new", "02-01T09:00"), ("old", "01-20T10:00")]


async def test_one_id_for_many_records_is_left_to_a_person(world: UsageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_resent, "MOST_STARTS", 3)
    await world.service.take([a_call("always", f"2027-01-2{day}T10:00:00Z") for day in range(4)])
    await world.service.take([a_call("thrice", f"2027-01-2{day}T10:00:00Z") for day in range(3)])
    found = await world.service.resent.check(DAYS)
    why = f"switch sent always of {world.account_id} with 4 starts: all are counted, see what names its records"
    assert found == Watched(2, (why,))
    assert await counted(world) == [(1, "voice", "", 5, 300)]
    monkeypatch.setattr(usage_resent, "MOST_ALARMS", 0)
    assert await world.service.resent.check(DAYS) == Watched(0, ("1 more record_ids have as many starts",))


async def test_one_record_on_two_accounts_and_one_id_of_two_sources_are_not_touched(world: UsageWorld) -> None:
    async with world.work() as work:
        other_id, _ = await a_customer(work, number="A100002", identifier="+31687654321")
        await work.commit()
    await use(world, "r-1", "2027-01-28T10:00:00Z")
    await use(world, "r-1", "2027-01-28T11:00:00Z", source="other-switch")
    at = datetime(2027, 1, 29, tzinfo=UTC)
    command = ServiceCommand(world.account_id, world.service_id, "c-1", "Ann", "ported", at)
    await ServiceChanges(world.work, world.clock).port(command, Port(other_id, "vonk-basis", 1))
    await use(world, "r-1", "2027-01-29T10:00:00Z")
    assert await check(world) == 0
    assert await counted(world) == [(1, "voice", "", 2, 120)]
    assert await counted(world, other_id) == [(1, "voice", "", 1, 60)]
    await use(world, "r-1", "2027-01-28T12:00:00Z")
    await use(world, "r-1", "2027-01-29T12:00:00Z")
    assert await check(world) == 2
    assert await counted(world) == [(1, "voice", "", 2, 120)]
    assert await counted(world, other_id) == [(1, "voice", "", 1, 60)]


async def test_a_copy_that_comes_once_more_is_taken_back_once_more(world: UsageWorld) -> None:
    await use(world, "r-1", "2027-01-28T10:00:00Z")
    for _ in range(2):
        await use(world, "r-1", "2027-01-28T11:00:00Z")
        assert await check(world) == 1
    assert await counted(world) == [(1, "voice", "", 1, 60)]
