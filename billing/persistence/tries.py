"""How often something was tried, counted in one table of ours, so that every API process counts together.

The rules and their windows are those of the package ``limits``; only its storage is here: PostgreSQL is none of those
that it brings along.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta
from functools import cache

from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from sqlalchemy import case, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.tables.access import rate_counters


class SqlCounters(Storage):
    """The storage that ``limits`` counts in."""

    STORAGE_SCHEME = None

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__()
        self._engine = engine

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """A counter whose window is over begins again; two at the same moment both count."""
        table, now = rate_counters.c, func.clock_timestamp()
        ends = datetime.now(UTC) + timedelta(seconds=expiry)
        fresh = insert(rate_counters).values(counter=key, hits=amount, expires_at=ends)
        is_over = table.expires_at <= now
        counted = fresh.on_conflict_do_update(
            index_elements=[table.counter],
            set_={
                "hits": case((is_over, amount), else_=table.hits + amount),
                "expires_at": case((is_over, ends), else_=table.expires_at),
            },
        )
        async with self._engine.begin() as connection:
            hits = int((await connection.execute(counted.returning(table.hits))).scalar_one())
        if hits == amount:
            await self.reset()  # a window begins: a moment to forget those that are over
        return hits

    async def get(self, key: str) -> int:
        live = select(rate_counters.c.hits).where(
            rate_counters.c.counter == key, rate_counters.c.expires_at > func.clock_timestamp()
        )
        async with self._engine.connect() as connection:
            return int((await connection.execute(live)).scalar_one_or_none() or 0)

    async def get_expiry(self, key: str) -> float:
        known = select(rate_counters.c.expires_at).where(rate_counters.c.counter == key)
        async with self._engine.connect() as connection:
            found: datetime | None = (await connection.execute(known)).scalar_one_or_none()
        return found.timestamp() if found else time.time()

    async def check(self) -> bool:
        async with self._engine.connect() as connection:
            await connection.execute(select(1))
        return True

    async def reset(self) -> int | None:
        """Forget what is over; counters that still count are not anybody's to reset at once."""
        async with self._engine.begin() as connection:
            over = delete(rate_counters).where(rate_counters.c.expires_at <= func.clock_timestamp())
            return (await connection.execute(over)).rowcount

    async def clear(self, key: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(delete(rate_counters).where(rate_counters.c.counter == key))


class SqlTries:
    """Tries by limit and by whom; who it was is kept as a hash only."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._counters = SqlCounters(engine)
        self._limiter = FixedWindowRateLimiter(self._counters)

    async def is_over(self, limit: str, *who: str) -> bool:
        return not await self._limiter.test(_rule(limit), _named(who))

    async def count(self, limit: str, *who: str) -> bool:
        return await self._limiter.hit(_rule(limit), _named(who))

    async def forget(self, limit: str, *who: str) -> None:
        await self._limiter.clear(_rule(limit), _named(who))


@cache
def _rule(limit: str) -> RateLimitItem:
    return parse(limit)


def _named(who: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(who).encode()).hexdigest()[:32]
