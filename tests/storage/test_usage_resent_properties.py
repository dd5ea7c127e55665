"""Whatever was sent again with whatever starts: after the check all counts are those of records that came once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.persistence.unit_of_work import make_engine
from billing.persistence.usage_invariants import counters_disagree
from tests.builders_usage import NOW, UsageWorld, a_usage_world
from tests.builders_usage_resent import BY_TIME, a_call, bill, check

_numbers = iter(range(10**9))


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path, BY_TIME)
    await engine.dispose()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.tuples(
            st.integers(0, 3),  # which record
            st.integers(12, 300),  # hours ago
            st.sampled_from([0, 30, 600, 7200]),
            st.sampled_from(["+31201234567", "+3225551234"]),
        ),
        max_size=12,
    ),
    is_billed=st.booleans(),
)
async def test_after_the_check_every_record_counts_as_if_sent_once(
    world: UsageWorld, calls: list[tuple[int, int, int, str]], is_billed: bool
) -> None:
    run = next(_numbers)
    events = [
        a_call(f"{run}-{which}", (NOW - timedelta(hours=hours)).isoformat(), seconds, destination=destination)
        for which, hours, seconds, destination in calls
    ]
    first = {event["record_id"]: event for event in reversed(events)}
    once = [{**event, "record_id": f"once-{event['record_id']}"} for event in first.values()]

    before = await _held(world)
    await _send(world, events)
    if is_billed:
        await bill(world)
    await check(world)
    after = await _held(world)
    await _open_again(world)
    await _send(world, once)
    wanted = await _held(world)

    assert _added(before, after) == _added(after, wanted)
    assert await check(world) == 0


async def _send(world: UsageWorld, events: Sequence[dict[str, Any]]) -> None:
    for event in events:
        world.clock.at += timedelta(seconds=1)
        await world.service.take([event])


async def _open_again(world: UsageWorld) -> None:
    async with world.work() as work:
        await work.accounts.change_cycle(world.account_id, 1, {"status": "open"})
        await work.commit()


async def _held(world: UsageWorld) -> Counter[tuple[str, str, str]]:
    """What counters and late usage hold together, by price, band and kind of count; the events explain it."""
    held: Counter[tuple[str, str, str]] = Counter()
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
        counters = await work.usage.counters_of(world.account_id, 1)
        late = await work.usage.late_usage_of(world.account_id, 1)
    for row in (*counters, *late):
        held[row.price_code, row.band, "events"] += row.events
        held[row.price_code, row.band, "quantity"] += row.quantity
    return held


def _added(
    before: Counter[tuple[str, str, str]], after: Counter[tuple[str, str, str]]
) -> dict[tuple[str, str, str], int]:
    return {key: count - before[key] for key, count in after.items() if count != before[key]}
