"""Stored records are found by whom and when, and each can be explained: what became of it and what it cost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from billing.adapters.usage_formats import standard_formats
from billing.domain.errors import InvalidValue, NotFound, UnableTo
from billing.persistence import usage_lookup
from billing.persistence.invariants import broken_rules
from billing.persistence.unit_of_work import make_engine
from billing.ports.usage_lookup import EventSearch, FoundEvent
from billing.services.usage import UsageService
from billing.services.usage_explaining import ExplainedRecord
from tests.builders_invoicing import an_office
from tests.builders_usage import LINE, NOW, RecordingProcess, UsageWorld, a_customer, a_usage_world, an_event

OTHER_LINE = "+31687654321"
TIMED: dict[str, Any] = {
    "code": "vonk-basis",
    "name": "Vonk Basis",
    "currency": "EUR",
    "time_bands": {
        "time_zone": "Europe/Amsterdam",
        "bands": [{"code": "weekend", "name": "Weekend", "windows": [{"days": ["sat", "sun"]}]}],
    },
    "prices": [
        {
            "code": "voice",
            "name": "Bellen",
            "model": "per_unit",
            "meter": "voice",
            "unit_size": 60,
            "rate": "0.10",
            "time_bands": [{"band": "weekend", "rate": "0.05"}],
        }
    ],
}


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path)
    await engine.dispose()


async def explained(world: UsageWorld, record_id: str = "r-1", **more: Any) -> ExplainedRecord:
    return await world.service.explaining.explain("switch", record_id, **more)


async def found(world: UsageWorld, **wanted: Any) -> list[str]:
    """The records of a search, in its order."""
    first, last = world.service.explaining.span(wanted.pop("first", None), wanted.pop("last", None))
    return [event.record_id for event in await world.service.explaining.find(EventSearch(first, last, **wanted))]


async def issued(world: UsageWorld) -> None:
    async with world.work() as work:
        await work.accounts.change_cycle(world.account_id, 1, {"status": "issued"})
        await work.commit()


async def imported(world: UsageWorld, folder: Path) -> str:
    path = folder / "day.csv"
    path.write_text(f"record_id,identifier,meter,quantity,started_at\nf-1,{LINE},sms,1,2027-02-01T10:00:00Z\n")
    file, _ = await world.register(path, "csv")
    await world.service.files.import_file(file.file_id)
    return file.file_id


async def test_a_record_is_explained_by_the_plan_that_priced_it(world: UsageWorld) -> None:
    await world.service.take([an_event(quantity=90, destination="+3225551234")])
    record = await explained(world)
    [event] = record.events
    assert (record.state, event.state, event.invoice_number) == ("rated", "rated", "")
    assert (event.whole.account_id, event.whole.service_id) == (world.account_id, world.service_id)
    assert (event.whole.price_code, event.whole.band, event.whole.billable_quantity) == ("voice", "32", 120)
    assert event.whole.received_at == NOW
    assert event.steps[0] == "plan vonk-basis, version 1"
    assert any("prefix 32 (België) is the longest" in step for step in event.steps)
    assert (record.corrections, record.kept) == ([], [])


async def test_with_its_start_it_is_found_only_there_and_without_it_anywhere(world: UsageWorld) -> None:
    started_at = datetime(2027, 2, 1, 10, tzinfo=UTC)
    await world.service.take([an_event()])
    assert await explained(world, started_at=started_at) == await explained(world)
    with pytest.raises(NotFound, match="No such record"):
        await explained(world, started_at=started_at + timedelta(microseconds=1))
    with pytest.raises(NotFound, match="No such record"):
        await explained(world, "r-2")


async def test_the_parts_of_a_call_through_a_time_band_are_one_event(database_url: str, tmp_path: Path) -> None:
    engine = make_engine(database_url)
    world = await a_usage_world(engine, tmp_path, TIMED)
    await world.service.take([an_event(quantity=600, started_at="2027-01-31T23:55:00+01:00")])
    [event] = (await explained(world)).events
    assert [(part.part, part.quantity, part.billable_quantity) for part in event.parts] == [(0, 600, 300), (1, 0, 300)]
    assert [step.partition(":")[0] for step in event.steps if step.startswith("part ")] == ["part 1", "part 2"]
    await engine.dispose()


async def test_what_came_after_the_invoice_is_late_until_the_next_one_bills_it(world: UsageWorld) -> None:
    await issued(world)
    await world.service.take([an_event()])
    assert (await explained(world)).state == "late"


async def test_what_an_invoice_bills_names_it_on_time_and_late(database_url: str, tmp_path: Path) -> None:
    async with an_office(database_url) as office:
        account, _ = await office.open_account()
        usage = UsageService(office.work, office.clock, RecordingProcess(), standard_formats(), tmp_path)
        plan = await office.plan_of(account.account_id)
        office.clock.at = plan.issue_at
        used = {"identifier": "+31610100001", "meter": "voice_seconds"}
        used["started_at"] = (plan.closes_at - timedelta(hours=1)).isoformat()
        await usage.take([an_event(**used)])
        await office.issue(account.account_id)
        await usage.take([an_event(record_id="r-2", **used)])
        assert [(await usage.explaining.explain("switch", each)).state for each in ("r-1", "r-2")] == ["billed", "late"]
        await office.issue(account.account_id, 2)
        async with office.work() as work:
            numbers = [each.number for each in await work.invoices.of_account(account.account_id)]
        records = [await usage.explaining.explain("switch", each) for each in ("r-1", "r-2")]
        assert [(each.state, each.events[0].invoice_number) for each in records] == [
            ("billed", number) for number in numbers
        ]
        assert await broken_rules(office.engine) == []


@pytest.mark.parametrize(
    ("changes", "kind"), [({"quantity": "x"}, "rejected"), ({"identifier": "+31600000000"}, "recycled")]
)
async def test_what_could_not_be_taken_is_explained_by_what_was_kept(
    world: UsageWorld, changes: dict[str, Any], kind: str
) -> None:
    await world.service.take([an_event(**changes)])
    record = await explained(world)
    assert (record.state, record.events) == (kind, [])
    assert [(issue.kind, issue.field) for issue in record.kept] == [(kind, next(iter(changes)))]


async def test_a_record_that_changed_stays_rated_and_shows_its_conflict(world: UsageWorld) -> None:
    await world.service.take([an_event()])
    await world.service.take([an_event(quantity=61)])
    record = await explained(world)
    assert (record.state, [issue.kind for issue in record.kept]) == ("rated", ["conflict"])
    assert [event.whole.quantity for event in record.events] == [60]


async def test_a_record_of_a_cancelled_file_shows_what_it_was_and_who_took_it_back(
    world: UsageWorld, tmp_path: Path
) -> None:
    file_id = await imported(world, tmp_path)
    source = (await world.service.explaining.find(EventSearch(NOW - timedelta(days=1), NOW)))[0].source
    before = await world.service.explaining.explain(source, "f-1")
    assert before.events[0].whole.file_id == file_id
    await world.service.cancelling.cancel(file_id, "sanne", "the wrong month")
    await world.service.cancelling.carry_out(file_id)
    record = await world.service.explaining.explain(source, "f-1")
    assert (record.state, record.events) == ("cancelled", [])
    [correction] = record.corrections
    assert (correction.author, correction.file_id, correction.became) == ("sanne", file_id, "")
    assert (correction.event["record_id"], correction.event["price_code"]) == ("f-1", "sms")


async def test_events_are_found_by_account_line_and_file(world: UsageWorld, tmp_path: Path) -> None:
    async with world.work() as work:
        other, _ = await a_customer(work, identifier=OTHER_LINE, number="A100002")
        await work.commit()
    await world.service.take([an_event(), an_event(record_id="o-1", identifier=OTHER_LINE)])
    file_id = await imported(world, tmp_path)
    assert sorted(await found(world)) == ["f-1", "o-1", "r-1"]
    assert sorted(await found(world, account_id=world.account_id)) == ["f-1", "r-1"]
    assert await found(world, account_id=other) == ["o-1"]
    assert await found(world, identifier=OTHER_LINE) == ["o-1"]
    assert await found(world, file_id=file_id) == ["f-1"]
    assert await found(world, file_id=file_id, account_id=other) == []


async def test_a_search_without_a_span_is_of_the_last_seven_days(world: UsageWorld) -> None:
    starts = {"old": "2027-01-20T10:00:00Z", "new": "2027-01-30T10:00:00Z", "ahead": "2027-02-01T13:00:00Z"}
    await world.service.take([an_event(record_id=name, started_at=at) for name, at in starts.items()])
    assert await found(world) == ["new", "ahead"]
    assert await found(world, first=NOW - timedelta(days=30)) == ["old", "new", "ahead"]
    assert await found(world, last=datetime(2027, 1, 21, tzinfo=UTC)) == ["old"]


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [(NOW, NOW, "to"), (NOW, NOW - timedelta(days=1), "to"), (NOW - timedelta(days=93), NOW, "from")],
)
async def test_a_span_is_forward_and_at_most_92_days(
    world: UsageWorld, first: datetime, last: datetime, field: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        world.service.explaining.span(first, last)
    assert refused.value.field == field
    assert world.service.explaining.span(NOW - timedelta(days=92), NOW)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 12), minutes=st.lists(st.integers(0, 3), min_size=1, max_size=10))
async def test_pages_of_any_size_show_each_row_once_and_in_order(
    world: UsageWorld, size: int, minutes: list[int]
) -> None:
    start = datetime(2027, 1, 31, 23, 58, tzinfo=UTC)
    events = [
        an_event(record_id=f"{place}", started_at=(start + timedelta(minutes=minute)).isoformat())
        for place, minute in enumerate(minutes)
    ]
    await world.service.take(events)
    first, last = start, start + timedelta(hours=1)
    whole = await world.service.explaining.find(EventSearch(first, last, limit=1000))
    paged: list[FoundEvent] = []
    while page := await world.service.explaining.find(
        EventSearch(first, last, after=paged[-1].place if paged else None, limit=size)
    ):
        assert len(page) <= size
        paged += page
    assert paged == list(whole)
    assert [event.place for event in paged] == sorted(event.place for event in paged)
    assert len({event.place for event in paged}) == len(paged) >= len(minutes)


async def test_only_the_days_of_the_span_are_read(world: UsageWorld) -> None:
    days = [f"2027-01-{day}T10:00:00Z" for day in (20, 25, 30)]
    await world.service.take([an_event(record_id=at, started_at=at) for at in days])
    async with world.work() as work:
        for day in (20, 30):
            await work.connection.execute(text(f"LOCK TABLE ONLY usage_events_202701{day} IN ACCESS EXCLUSIVE MODE"))
        assert await found(world, first=datetime(2027, 1, 24, tzinfo=UTC), last=datetime(2027, 1, 29, tzinfo=UTC)) == [
            days[1]
        ]


async def test_a_search_that_takes_too_long_is_given_up(world: UsageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.service.take([an_event()])
    monkeypatch.setattr(usage_lookup, "LONGEST_SECONDS", 1)
    async with world.work() as work:
        await work.connection.execute(text("LOCK TABLE usage_events IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(UnableTo, match="given up"):
            await found(world)
    assert await found(world) == ["r-1"]
