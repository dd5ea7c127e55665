"""Events in, counted once, whatever is sent again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from tests.builders_usage import UsageWorld, a_usage_world, an_event


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine)
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
