"""The order, the grouping and the repetition of events never matter: the counters are the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.adapters.usage_formats import standard_formats
from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from billing.services.usage import UsageService
from tests.builders import a_service
from tests.builders_invoicing import Office, an_office
from tests.builders_usage import OPEN_PLAN, RecordingProcess, UsageWorld, a_customer, a_usage_world, an_event

_customers = count(1)

EVENTS = st.lists(
    st.builds(
        dict,
        meter=st.sampled_from(["voice", "sms"]),
        quantity=st.integers(0, 7200),
        destination=st.sampled_from(["+31201234567", "+3225551234", "+4420123456"]),
    ),
    min_size=1,
    max_size=30,
)


async def totals(world: UsageWorld, identifier: str, batches: Sequence[Sequence[dict[str, Any]]]) -> list[Any]:
    """The counters of a new customer after these batches."""
    async with world.work() as work:
        account_id, _ = await a_customer(work, number=f"B{identifier}", identifier=identifier)
        await work.commit()
    for batch in batches:
        await world.service.take([event | {"identifier": identifier} for event in batch])
    async with world.work() as work:
        rows = await work.usage.counters_of(account_id, 1)
        assert await counters_disagree(work.connection) == []
    return [(row.price_code, row.band, row.events, row.quantity, row.amount) for row in rows]


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> Any:
    engine: AsyncEngine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path)
    await engine.dispose()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, seed=st.integers(0, 1000))
async def test_shuffled_split_and_repeated_events_give_the_same_counters(
    world: UsageWorld, events: list[dict[str, Any]], seed: int
) -> None:
    named = [an_event(**event, source=f"s{next(_customers)}") for event in events]
    random = Random(seed)
    mixed = [*named, *random.sample(named, len(named) // 2)]
    random.shuffle(mixed)
    cut = random.randint(0, len(mixed))
    again = [event | {"source": f"again-{event['source']}"} for event in mixed]
    as_sent = await totals(world, f"+3199{next(_customers):07}", [named])
    otherwise = await totals(world, f"+3199{next(_customers):07}", [again[:cut], again[cut:], again])
    assert as_sent == otherwise


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), size=st.integers(1, 300))
@example(seed=2027, size=300)
async def test_the_invoice_is_the_same_however_its_events_were_sent(
    office: Office, tmp_path: Path, seed: int, size: int
) -> None:
    """Split, shuffled, repeated, in batches that overlap: lines, allowances, VAT and total do not change."""
    usage = UsageService(office.work, office.clock, RecordingProcess(), standard_formats(), tmp_path)
    billed = [await _billed(office, usage, batches) for batches in _sendings(Random(seed), size)]
    assert len(billed) == 4
    assert all(each == billed[0] for each in billed)


async def _billed(office: Office, usage: UsageService, batches: Sequence[Sequence[dict[str, Any]]]) -> list[Any]:
    """The invoice of a new account whose events came in these batches."""
    number = f"A{next(_customers):06}"
    account, _ = await office.open_account(number=number)
    plan = await office.plan_of(account.account_id)
    office.clock.at = plan.closes_at - timedelta(hours=1)
    for batch in batches:
        line = {"identifier": f"+3161{number[1:]:0>7}", "source": f"switch-{number}"}
        results = await usage.take([each | line for each in batch])
        assert {result.outcome for result in results} <= {"accepted", "duplicate"}
    invoice = await office.issue(account.account_id)
    async with office.work() as work:
        lines = await work.invoices.lines(account.account_id, invoice.invoice_id)
    printed = [(each.description, each.amount, each.events, each.quantity, each.allowance_drawn) for each in lines]
    return [invoice.total_minor, *printed]


def _sendings(random: Random, size: int) -> Iterator[list[list[dict[str, Any]]]]:
    """One stream of calls: as it is; in small pieces; shuffled; and with everything sent again in other batches."""
    start = datetime(2027, 1, 20, tzinfo=UTC)
    stream = [
        an_event(
            record_id=f"r-{place}",
            meter="voice_seconds",
            quantity=random.randint(0, 200),
            started_at=(start + timedelta(minutes=place)).isoformat(),
            destination="+31201234567",
        )
        for place in range(size)
    ]
    yield [stream]
    yield [stream[first : first + 7] for first in range(0, size, 7)]
    shuffled = random.sample(stream, size)
    yield [shuffled[: size // 3], shuffled[size // 3 :]]
    repeated = random.sample(stream + stream, size * 2)
    yield [repeated[first : first + 90] for first in range(0, size * 2, 60)]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("source", "record_id", "identifier", "meter", "quantity", "started_at", "destination", "amount", "attributes")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), ANY_JSON, max_size=4))
@example(changes={"attributes": {"share": float("nan")}})
@example(changes={"record_id": "\ud800"})
@example(changes={"\ud800": "\x00"})
@example(changes={"quantity": 10**400})
@example(changes={"amount": 1e308})
@example(changes={"started_at": "0001-01-01T00:00:00+14:00"})
async def test_no_record_whatsoever_is_lost_or_breaks_its_batch(world: UsageWorld, changes: dict[str, Any]) -> None:
    good = an_event(source=f"s{next(_customers)}")
    results = await world.service.take([an_event(source=f"s{next(_customers)}") | changes, good])
    assert results[1].outcome == "accepted"
    kept = {issue.reason for issue in await world.issues(limit=1000)}
    assert results[0].outcome in ("accepted", "duplicate") or results[0].reason in kept
    json.dumps([result.value for result in results]).encode()


async def test_writers_on_the_same_hundred_accounts_never_deadlock(world: UsageWorld) -> None:
    identifiers = [f"+3198{number:07}" for number in range(100)]
    async with world.work() as work:
        for number, identifier in enumerate(identifiers):
            await a_customer(work, number=f"D{number}", identifier=identifier)
        await work.commit()
    random = Random(5)
    batches = []
    for writer in range(6):
        batch = [an_event(source=f"w{writer}", record_id=each, identifier=each) for each in identifiers * 2]
        random.shuffle(batch)
        batches.append(batch)
    answers = await asyncio.gather(*[world.service.take(batch) for batch in batches])
    assert [sum(result.outcome == "accepted" for result in answer) for answer in answers] == [100] * 6
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []


async def test_an_allowance_that_services_share_is_told_to_its_owner(database_url: str, tmp_path: Path) -> None:
    engine = make_engine(database_url)
    shared = OPEN_PLAN | {"allowances": [OPEN_PLAN["allowances"][0] | {"shared": True}]}
    world = await a_usage_world(engine, tmp_path, shared)
    async with world.work() as work:
        await work.accounts.add_service(a_service(world.account_id, identifier="+31687654321"))
        await work.commit()
    await world.service.take([an_event(identifier="+31687654321", meter="data", quantity=95_000_000)])
    told = sorted((payload.service_id == world.service_id, payload.percent) for _, _, payload in world.process.signals)
    assert told == [(False, 80), (False, 100), (True, 80)]
    await engine.dispose()
