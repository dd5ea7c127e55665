"""Every story runs beside the others in one world on a fast business clock; afterwards the books must balance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from billing.persistence.invariants import broken_rules
from tests.histories.record import keep
from tests.process.arrangement_stories import ARRANGEMENT_STORIES
from tests.process.customer_stories import CUSTOMER_STORIES
from tests.process.limit_stories import LIMIT_STORIES
from tests.process.operator_stories import OPERATOR_STORIES
from tests.process.restriction_stories import RESTRICTION_STORIES
from tests.process.usage_stories import USAGE_STORIES
from tests.process.world import World

ALL_STORIES = (
    *CUSTOMER_STORIES,
    *OPERATOR_STORIES,
    *LIMIT_STORIES,
    *USAGE_STORIES,
    *ARRANGEMENT_STORIES,
    *RESTRICTION_STORIES,
)
STORIES = {story.__name__: story for story in ALL_STORIES}
Tasks = dict[str, asyncio.Task[None]]
Story = Callable[[World], Awaitable[None]]
SECONDS_BETWEEN = 0.8
# One world for all of them; worlds come one after the other, for business time goes on however busy the machine is.
pytestmark = [pytest.mark.xdist_group("worlds"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
async def told(world: World, request: pytest.FixtureRequest) -> AsyncIterator[Tasks]:
    """Every story, one soon after the other. With ``--record`` their histories are kept."""

    async def told_in_turn(number: int, story: Story) -> None:
        # All at once would close all first cycles in one instant, and the notices of most would leave days late.
        await asyncio.sleep(number * SECONDS_BETWEEN)
        await story(world)

    stories = enumerate(STORIES.items())
    tasks = {name: asyncio.create_task(told_in_turn(number, story), name=name) for number, (name, story) in stories}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    release = request.config.getoption("--record")
    if release:
        await keep(world, release, [name for name, task in tasks.items() if _succeeded(task)])


def _succeeded(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


@pytest.mark.parametrize("story", STORIES)
async def test_story(story: str, told: Tasks) -> None:
    await told[story]


async def test_the_books_balance_after_all_stories(world: World, told: Tasks) -> None:
    await asyncio.gather(*told.values(), return_exceptions=True)
    assert await broken_rules(world.parts.engine) == []


async def test_the_money_at_the_provider_is_the_money_in_the_books(world: World, told: Tasks) -> None:
    await asyncio.gather(*told.values(), return_exceptions=True)
    assert await world.cash_minor() == await world.money_at_the_provider()
