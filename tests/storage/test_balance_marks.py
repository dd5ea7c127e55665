"""The mark of a balance changes when the balance does, and not when counts are only moved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from billing.persistence.unit_of_work import make_engine
from tests.builders_limits import LimitsWorld, a_limits_world
from tests.builders_usage import a_customer

GRANTED = (
    "INSERT INTO usage_grants (account_id, cycle_number, service_id, origin, allowance, quantity, command_id, "
    "granted_at, rolls_from, from_plan_code, from_plan_version, author, reason) "
    "SELECT account_id, 1, service_id, 'add_on', '{}', 5, 'c', now(), '', '', 0, 'a', 'b' FROM services"
)
PENDING = (
    "INSERT INTO usage_pending SELECT account_id, 9, 0, cycle_number, service_id, plan_code, plan_version, price_code, "
    "band, 1, 1, 0, counted_at FROM usage_counters"
)
CORRECTED = "UPDATE usage_counters SET quantity = quantity - 1"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[LimitsWorld]:
    engine = make_engine(database_url)
    yield await a_limits_world(engine, tmp_path)
    await engine.dispose()


async def mark(world: LimitsWorld, account_id: str = "") -> str:
    async with world.usage.work() as work:
        wanted = account_id or world.usage.account_id
        return (await work.usage.balance_marks([wanted], world.usage.clock.at))[wanted]


async def change(world: LimitsWorld, statement: str) -> None:
    async with world.usage.work() as work:
        await work.connection.execute(text(statement))
        await work.commit()


@pytest.mark.parametrize(
    "statement",
    [
        PENDING,
        CORRECTED,
        GRANTED,
        "UPDATE services SET usage_stop = 'stop:data'",
        "UPDATE services SET plan_version = 2",
        "UPDATE cycles SET closes_at = closes_at + interval '1 day' WHERE cycle_number = 1",
        "INSERT INTO usage_agreements SELECT account_id, 1, service_id, now(), 'customer', 'a', 'b' FROM services",
    ],
)
async def test_whatever_changes_a_balance_changes_its_mark(world: LimitsWorld, statement: str) -> None:
    await world.uses()
    before = await mark(world)
    assert await mark(world) == before
    await change(world, statement)
    assert await mark(world) != before


async def test_a_limit_and_a_new_cycle_change_the_mark(world: LimitsWorld) -> None:
    first = await mark(world)
    await world.sets(1000)
    second = await mark(world)
    world.usage.clock.at = datetime(2027, 2, 20, tzinfo=UTC)
    assert len({first, second, await mark(world)}) == 3


async def test_moving_counts_and_what_others_use_do_not(world: LimitsWorld) -> None:
    async with world.usage.work() as work:
        other, _ = await a_customer(work, number="B2", identifier="+31687654321")
        await work.commit()
    await world.uses()
    await change(world, PENDING)
    before = await mark(world)
    assert await world.usage.service.counting.count_all() == 1
    await world.uses(identifier="+31687654321")
    assert await mark(world) == before
    assert await mark(world, other) != before


async def test_an_unknown_account_has_a_mark_that_never_changes(world: LimitsWorld) -> None:
    assert await mark(world, "acc_99") == await mark(world, "acc_98")
