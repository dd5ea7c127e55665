"""Plans of services in time: the directory holds each number's plan at every instant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from billing.persistence.tables import accounts as t
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from tests.builders import ACTIVATED_AT, a_plan
from tests.builders_usage import LINE, NOW, PLAN, UsageWorld, a_usage_world, an_event


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine = make_engine(database_url)
    yield await a_usage_world(engine, tmp_path)
    await engine.dispose()


async def directory_of(work: SqlUnitOfWork, identifier: str = LINE) -> list[tuple[Any, ...]]:
    """The rows of a number: from, to, plan and version."""
    directory = t.number_directory.c
    query = select(directory.active_from, directory.active_to, directory.plan_code, directory.plan_version)
    rows = await work.connection.execute(query.where(directory.identifier == identifier).order_by(directory[1]))
    return [tuple(row) for row in rows]


async def test_a_new_line_enters_the_directory_with_its_plan(world: UsageWorld) -> None:
    async with world.work() as work:
        assert await directory_of(work) == [(ACTIVATED_AT, None, "vonk-basis", 1)]


async def test_usage_is_priced_by_the_plan_that_the_directory_has(world: UsageWorld) -> None:
    async with world.work() as work:
        await work.accounts.add_plan(a_plan(PLAN, plan_version=2))
        await work.connection.execute(t.number_directory.update().values(plan_version=2))
        await work.commit()
    (result,) = await world.service.take([an_event()])
    assert result.event is not None
    assert result.event.plan_version == 2


async def test_the_end_of_a_line_ends_its_number(world: UsageWorld) -> None:
    ended = NOW - timedelta(days=1)
    async with world.work() as work:
        await work.accounts.change_service(world.account_id, world.service_id, {"active_to": ended})
        assert await directory_of(work) == [(ACTIVATED_AT, ended, "vonk-basis", 1)]


async def test_a_line_that_ended_when_it_began_never_had_its_number(world: UsageWorld) -> None:
    async with world.work() as work:
        await work.accounts.change_service(world.account_id, world.service_id, {"active_to": ACTIVATED_AT})
        assert await directory_of(work) == []
        await work.commit()
    (result,) = await world.service.take([an_event()])
    assert (result.outcome, result.field) == ("recycled", "identifier")
