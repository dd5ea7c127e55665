"""The order, the grouping and the repetition of events never matter: the counters are the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from tests.builders_usage import UsageWorld, a_customer, a_usage_world, an_event

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
