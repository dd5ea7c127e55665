"""What was barred before restrictions had causes: taken over as of dunning or an operator, so that it can be lifted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module

import pytest
from sqlalchemy import text

from billing.domain.restrictions import Restrictions
from tests.builders_dunning import DebtWorld, a_debt_world

TAKE_OVER = import_module("migrations.versions.0027_restrictions_by_kind").TAKE_OVER


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DebtWorld]:
    async with a_debt_world(database_url) as made:
        yield made


async def taken_over(world: DebtWorld) -> tuple[str, set[str]]:
    """The level that is held after the migration's statement, and its causes."""
    async with world.work() as work:
        await work.connection.execute(text("DELETE FROM service_restrictions"))
        await work.connection.execute(text(TAKE_OVER))
        await work.commit()
    async with world.work() as work:
        held = await work.barring.held(world.account_id)
    return _level([one.kind for one in held]), {one.cause for one in held}


def _level(kinds: list[str]) -> str:
    return Restrictions.parse("bars:" + ",".join(kinds)).level if kinds else "none"


@pytest.mark.parametrize(
    ("author", "level", "cause"),
    [("dunning", "outgoing", "dunning"), ("dunning", "full", "dunning"), ("Robin", "full", "operator")],
)
async def test_a_bar_is_taken_over_with_the_cause_of_its_order(
    world: DebtWorld, author: str, level: str, cause: str
) -> None:
    await world.bar("one-1", level, author=author)
    assert await taken_over(world) == (level, {cause})
    world.clock.pass_days(1)
    await world.bar("hand-2", "none", author="Robin")
    assert await world.level() == "none"


async def test_an_order_on_its_way_is_taken_over_and_a_lifted_one_is_not(world: DebtWorld) -> None:
    world.network.slow = True
    await world.barring.place_order(world.order("outgoing"))
    assert await taken_over(world) == ("outgoing", {"dunning"})
    world.clock.pass_days(1)
    await world.barring.place_order(world.order("none", "case_1-2"))
    assert await taken_over(world) == ("none", set())
