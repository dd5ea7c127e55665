"""Events in, counted once, whatever is sent again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from billing.domain.errors import UnableTo
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from tests.builders import a_service, an_account
from tests.builders_usage import NOW, UsageWorld, a_customer, a_cycle, a_usage_world, an_event


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path)
    await engine.dispose()


async def counted(world: UsageWorld, cycle_number: int = 1) -> list[tuple[str, str, int, int]]:
    """(price, band, events, quantity) of the account's counters; they agree with the raw events."""
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
        rows = await work.usage.counters_of(world.account_id, cycle_number)
    return [(row.price_code, row.band, row.events, row.quantity) for row in rows]


async def test_an_event_is_counted_when_it_is_acknowledged(world: UsageWorld) -> None:
    (result,) = await world.service.take([an_event(quantity=45)])
    assert result.outcome == "accepted"
    assert await counted(world) == [("voice", "", 1, 60)]


async def test_a_repeat_is_a_duplicate_and_changes_nothing(world: UsageWorld) -> None:
    await world.service.take([an_event()])
    results = await world.service.take([an_event(), an_event(), an_event(record_id="r-2")])
    assert [result.outcome for result in results] == ["duplicate", "duplicate", "accepted"]
    assert await counted(world) == [("voice", "", 2, 120)]


async def test_the_same_key_with_other_content_is_kept_aside_as_a_conflict(world: UsageWorld) -> None:
    results = await world.service.take([an_event(), an_event(quantity=600)])
    assert [result.outcome for result in results] == ["accepted", "conflict"]
    assert await counted(world) == [("voice", "", 1, 60)]
    (issue,) = await world.issues()
    assert (issue.kind, issue.record_id, issue.event["quantity"]) == ("conflict", "r-1", 600)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quantity": -1}, "quantity"),
        ({"quantity": "many"}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"quantity": 1.5}, "quantity"),
        ({"started_at": "2027-02-01T10:00:00"}, "started_at"),
        ({"started_at": "yesterday"}, "started_at"),
        ({"started_at": "2026-10-01T10:00:00Z"}, "started_at"),
        ({"started_at": "2027-02-02T12:00:01Z"}, "started_at"),
        ({"record_id": ""}, "record_id"),
        ({"record_id": "nul\x00"}, "record_id"),
        ({"identifier": None}, "identifier"),
        ({"destination": "a friend"}, "destination"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"attributes": {"deep": {"er": 1}}}, "attributes.deep"),
        ({"wat": 1}, "wat"),
    ],
)
async def test_a_malformed_record_is_kept_with_its_field_and_does_not_spoil_the_others(
    world: UsageWorld, change: dict[str, object], field: str
) -> None:
    results = await world.service.take([an_event(**change), an_event(record_id="r-2")])
    assert [result.outcome for result in results] == ["rejected", "accepted"]
    assert results[0].field == field
    assert results[0].reason
    (issue,) = await world.issues()
    assert (issue.kind, issue.field) == ("rejected", field)


async def test_an_unknown_number_waits_and_is_counted_once_when_it_appears(world: UsageWorld) -> None:
    stranger = an_event(identifier="+31687654321")
    for _ in range(2):
        (result,) = await world.service.take([stranger])
        assert (result.outcome, result.field) == ("recycled", "identifier")
    assert len(await world.issues()) == 1
    async with world.work() as work:
        await a_customer(work, number="A100002", identifier="+31687654321")
        await work.commit()
    assert (await world.service.reguide()).resolved == 1
    assert await world.issues() == []
    assert (await world.service.reguide()).resolved == 0
    assert [result.outcome for result in await world.service.take([stranger])] == ["duplicate"]
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []


async def test_a_number_is_guided_to_who_owned_it_when_the_call_started(world: UsageWorld) -> None:
    moved_at = NOW - timedelta(days=2)
    async with world.work() as work:
        await work.accounts.change_service(world.account_id, world.service_id, {"active_to": moved_at})
        account = await work.accounts.add(an_account(number="A100002"))
        await work.accounts.add_service(a_service(account.account_id, active_from=moved_at))
        await work.accounts.add_cycle(a_cycle(account.account_id))
        await work.commit()
    before, after = (moved_at - timedelta(seconds=1)).isoformat(), moved_at.isoformat()
    results = await world.service.take([an_event(started_at=before), an_event(record_id="r-2", started_at=after)])
    assert [result.event.account_id for result in results if result.event] == [world.account_id, account.account_id]


async def test_a_destination_without_price_waits_instead_of_being_free(world: UsageWorld) -> None:
    (result,) = await world.service.take([an_event(destination="+4420123456")])
    assert result.outcome == "recycled"
    assert "no price" in result.reason


async def test_usage_of_an_issued_cycle_is_late_and_kept_for_the_next_invoice(world: UsageWorld) -> None:
    await world.service.take([an_event()])
    async with world.work() as work:
        await work.accounts.change_cycle(world.account_id, 1, {"status": "issued"})
        await work.commit()
    (result,) = await world.service.take([an_event(record_id="r-2", quantity=61)])
    assert result.outcome == "late"
    assert await counted(world) == [("voice", "", 1, 60)]
    async with world.work() as work:
        (late,) = await work.usage.unbilled_late_usage(world.account_id)
        assert (late.cycle_number, late.price_code, late.events, late.quantity) == (1, "voice", 1, 120)
        assert await work.usage.mark_late_billed(world.account_id, [late.late_id], "inv_1001") == 1
        assert await work.usage.mark_late_billed(world.account_id, [late.late_id], "inv_1002") == 0
        assert await work.usage.unbilled_late_usage(world.account_id) == []
        assert [row.invoice_id for row in await work.usage.late_usage_of(world.account_id, 1)] == ["inv_1001"]
        details = await work.usage.event_details(world.account_id, 1, world.service_id)
    assert [(detail.record_id, detail.late) for detail in details] == [("r-1", False), ("r-2", True)]


async def test_usage_is_late_as_soon_as_its_cycle_is_fenced(world: UsageWorld) -> None:
    async with world.work() as work:
        await work.accounts.change_cycle(world.account_id, 1, {"fenced_at": NOW})
        await work.commit()
    (result,) = await world.service.take([an_event()])
    assert result.outcome == "late"


async def test_issuing_waits_for_usage_that_is_being_taken_in_and_not_for_what_comes_after(world: UsageWorld) -> None:
    async def wait() -> None:
        async with world.work() as issuing:
            await issuing.usage.wait_for_intake()

    async with world.work() as under_way, world.work() as later:
        await under_way.usage.begin_intake()
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await later.usage.begin_intake()
        await under_way.commit()
        await asyncio.wait_for(waiting, 10)


async def test_what_is_pending_is_in_every_balance_and_is_added_up_once(world: UsageWorld) -> None:
    async def read() -> list[tuple[int, int]]:
        async with world.work() as work:
            return [(row.events, row.quantity) for row in await work.usage.counters_of(world.account_id, 1)]

    key = (int(world.account_id[4:]), 1, int(world.service_id[4:]), "vonk-basis", 1, "voice", "")
    async with world.work() as work:
        for _ in range(2):
            await work.usage.add_pending({key: (1, 60, Decimal(0))}, NOW)
        await work.commit()
    assert await read() == [(2, 120)]
    moved = await asyncio.gather(*[world.service.counting.count_all() for _ in range(3)])
    assert sum(moved) == 2
    assert await read() == [(2, 120)]


async def test_a_threshold_of_a_large_batch_is_told_when_it_is_counted(world: UsageWorld) -> None:
    async with world.work() as work:
        for number in range(200):
            await a_customer(work, number=f"B{number}", identifier=f"+3162{number:07}")
        await work.commit()
    calls = [an_event(identifier=f"+3162{number:07}", quantity=5400, record_id=f"b-{number}") for number in range(200)]
    await world.service.take([*calls, an_event(quantity=5400)])
    assert world.process.signals == []
    await world.service.counting.count_all()
    assert len({workflow for workflow, _, _ in world.process.signals}) == 201


async def test_an_event_joins_the_next_cycle_by_its_start(world: UsageWorld) -> None:
    world.clock.at = datetime(2027, 2, 15, 12, tzinfo=UTC)
    boundary = datetime(2027, 2, 14, 23, tzinfo=UTC)
    await world.service.take(
        [
            an_event(started_at=(boundary - timedelta(microseconds=1)).isoformat()),
            an_event(record_id="r-2", started_at=boundary.isoformat()),
        ]
    )
    assert await counted(world, 1) == [("voice", "", 1, 60)]
    assert await counted(world, 2) == [("voice", "", 1, 60)]


async def test_each_threshold_of_an_allowance_is_told_once(world: UsageWorld) -> None:
    for number, minutes in enumerate((79, 1, 19, 1, 50)):
        await world.service.take([an_event(record_id=f"r-{number}", quantity=minutes * 60)])
    told = [(name, payload.meter, payload.percent) for _, name, payload in world.process.signals]
    assert told == [("usage_threshold_crossed", "voice", 80), ("usage_threshold_crossed", "voice", 100)]
    assert world.process.signals[0][0] == "account/vonk/A100001"


async def test_a_threshold_waits_in_the_outbox_while_the_process_is_away(world: UsageWorld) -> None:
    world.process.away = True
    (result,) = await world.service.take([an_event(quantity=90 * 60)])
    assert result.outcome == "accepted"
    world.process.away = False
    assert await world.service.thresholds.send_pending() == 1
    assert await world.service.thresholds.send_pending() == 0
    assert len(world.process.signals) == 1


async def test_two_writers_of_the_same_batch_count_it_once(world: UsageWorld) -> None:
    batch = [an_event(record_id=f"r-{number}", quantity=number) for number in range(200)]
    answers = await asyncio.gather(*[world.service.take(order) for order in (batch, batch[::-1], batch[50:])])
    outcomes = Counter(result.outcome.value for answer in answers for result in answer)
    assert outcomes == {"accepted": 200, "duplicate": 350}
    ((_, _, events, _),) = await counted(world)
    assert events == 199  # the call of no seconds costs nothing


async def test_two_writers_together_cross_a_threshold_that_neither_crosses_alone(world: UsageWorld) -> None:
    home, abroad = an_event(quantity=50 * 60), an_event(record_id="r-2", quantity=50 * 60, destination="+3225551234")
    await asyncio.gather(world.service.take([home]), world.service.take([abroad]))
    assert sorted(payload.percent for _, _, payload in world.process.signals) == [80, 100]


async def test_raw_events_are_dropped_by_age_while_counters_stay(world: UsageWorld) -> None:
    await world.service.take([an_event(started_at="2027-01-20T10:00:00Z"), an_event(record_id="r-2")])
    with pytest.raises(UnableTo, match="sent again"):
        await world.service.forget_events_before(date(2027, 1, 21))
    world.clock.at = NOW + timedelta(days=85)
    assert await world.service.forget_events_before(date(2027, 1, 21)) == 1
    async with world.work() as work:
        details = await work.usage.event_details(world.account_id, 1, world.service_id)
        (counter,) = await work.usage.counters_of(world.account_id, 1)
    assert [detail.record_id for detail in details] == ["r-2"]
    assert counter.events == 2


async def test_days_are_dropped_when_they_are_older_than_they_may_be_kept(world: UsageWorld) -> None:
    await world.service.take([an_event(started_at="2027-01-20T10:00:00Z"), an_event(record_id="r-2")])
    world.clock.at = datetime(2027, 1, 21, 9, tzinfo=UTC) + timedelta(days=120)
    assert await world.service.forget_older_than(0) == 0
    assert await world.service.forget_older_than(121) == 0
    assert await world.service.forget_older_than(120) == 1
    assert await world.service.forget_older_than(120) == 0


async def test_counters_of_a_cycle_whose_days_were_dropped_are_explained_unless_the_events_say_more(
    world: UsageWorld,
) -> None:
    await world.service.take([an_event(started_at="2027-01-20T10:00:00Z"), an_event(record_id="r-2")])
    world.clock.at = NOW + timedelta(days=85)
    assert await world.service.forget_events_before(date(2027, 1, 21)) == 1
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
        await work.connection.execute(text("UPDATE usage_counters SET events = 0"))
        (sentence,) = await counters_disagree(work.connection)
    assert "the events give 1 events" in sentence


async def test_a_cycle_that_is_wholly_kept_is_still_counted_both_ways_after_days_were_dropped(
    world: UsageWorld,
) -> None:
    await world.service.take([an_event(started_at="2027-01-20T10:00:00Z"), an_event(record_id="r-2")])
    world.clock.at = NOW + timedelta(days=85)
    await world.service.take([an_event(record_id="r-3", started_at="2027-02-20T10:00:00Z")])
    assert await world.service.forget_events_before(date(2027, 1, 21)) == 1
    async with world.work() as work:
        await work.connection.execute(text("UPDATE usage_counters SET events = 9 WHERE cycle_number = 2"))
        (sentence,) = await counters_disagree(work.connection)
    assert "cycle 2" in sentence


async def test_a_cycle_that_was_cancelled_takes_no_usage(world: UsageWorld) -> None:
    async with world.work() as work:
        await work.accounts.change_cycle(world.account_id, 1, {"status": "cancelled"})
        await work.commit()
    (result,) = await world.service.take([an_event()])
    assert (result.outcome, result.field) == ("recycled", "started_at")


async def test_a_record_that_waited_longer_than_its_day_was_kept_is_still_counted(world: UsageWorld) -> None:
    await world.service.take([an_event(identifier="+31687654321", started_at="2027-01-20T10:00:00Z")])
    world.clock.at = NOW + timedelta(days=85)
    assert await world.service.forget_events_before(date(2027, 1, 21)) == 1
    async with world.work() as work:
        account_id, _ = await a_customer(work, number="A100002", identifier="+31687654321")
        await work.commit()
    assert (await world.service.reguide_waiting()) == 1
    async with world.work() as work:
        assert [row.events for row in await work.usage.counters_of(account_id, 1)] == [1]
