"""However a transaction ends, the reason for it reaches who began it, and its connection serves nobody else."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine


async def test_a_cancellation_is_not_lost_for_a_rollback_that_fails(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(database_url, pool_size=1)

    async def fails(connection: AsyncConnection) -> None:
        raise OperationalError("ROLLBACK", {}, Exception("another command is already in progress"))

    async def waiting() -> None:
        async with SqlUnitOfWork(engine) as work:
            await work.connection.execute(text("SELECT pg_sleep(20)"))

    with monkeypatch.context() as broken:
        broken.setattr(AsyncConnection, "rollback", fails)
        task = asyncio.create_task(waiting())
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(OperationalError):
            async with SqlUnitOfWork(engine) as work:
                pass
    async with SqlUnitOfWork(engine) as work:
        assert (await work.connection.execute(text("SELECT 1"))).scalar_one() == 1
    await engine.dispose()
