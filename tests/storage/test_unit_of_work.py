"""The unit of work gives its connection back, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(database_url, pool_size=1)
    yield engine
    await engine.dispose()


def lent(engine: AsyncEngine) -> int:
    """How many connections are out of the pool."""
    pool: Any = engine.pool
    found: int = pool.checkedout()
    return found


async def test_a_cancelled_transaction_gives_its_connection_back(engine: AsyncEngine) -> None:
    async def wait_in_the_database() -> None:
        async with SqlUnitOfWork(engine) as work:
            await work.connection.execute(text("SELECT pg_sleep(30)"))

    for pause in (0.0, 0.01, 0.1, 0.3):
        task = asyncio.create_task(wait_in_the_database())
        await asyncio.sleep(pause)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert lent(engine) == 0
    async with SqlUnitOfWork(engine) as work:
        assert (await work.connection.execute(text("SELECT 1"))).scalar_one() == 1


async def test_a_rollback_that_fails_gives_the_connection_back_too(engine: AsyncEngine) -> None:
    async def fails(_: AsyncConnection) -> None:
        raise ConnectionError("the database went away")

    with patch.object(AsyncConnection, "rollback", fails), pytest.raises(ConnectionError):
        async with SqlUnitOfWork(engine):
            pass
    assert lent(engine) == 0
