"""Days of events to files, and out of the database, on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import date, datetime

from psycopg import sql
from psycopg.errors import LockNotAvailable
from sqlalchemy import desc, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.statements import fetch_all
from billing.persistence.tables.usage_archives import usage_archives
from billing.persistence.usage_copy import driver_of
from billing.persistence.usage_partitions import known_days, lock_partitions, partition_name
from billing.ports.usage_archive import ArchivedDay

_WAIT_BRIEFLY = text("SET LOCAL lock_timeout = '200ms'")
_MOST_TRIES, _PAUSE_SECONDS = 20, 0.5


class SqlUsageArchiving:
    """Reading whole days, and dropping what is safely written."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def stored_days(self, before: date) -> Sequence[date]:
        return [day for day in await known_days(self._connection) if day < before]

    async def rows_of(self, day: date) -> AsyncIterator[bytes]:
        await self._connection.execute(text("SELECT 1"))
        driver = await driver_of(self._connection)
        query = sql.SQL(
            "COPY (SELECT * FROM {} ORDER BY started_at, key_hash, account_id, part) TO STDOUT (FORMAT csv, HEADER)"
        ).format(sql.Identifier(partition_name(day)))
        async with driver.cursor() as cursor, cursor.copy(query) as rows:
            async for piece in rows:
                yield bytes(piece)

    async def keep_archive(self, archive: ArchivedDay) -> None:
        statement = insert(usage_archives).values(**asdict(archive))
        newer = {name: statement.excluded[name] for name in ("file_name", "events", "size_bytes", "sha256", "made_at")}
        # What was dropped is in its file only.
        unless = usage_archives.c.dropped_at.is_(None)
        key = ["day", "supplement"]
        await self._connection.execute(statement.on_conflict_do_update(index_elements=key, set_=newer, where=unless))

    async def archives(self, limit: int = 1000) -> Sequence[ArchivedDay]:
        newest = desc(usage_archives.c.day), desc(usage_archives.c.supplement)
        return await fetch_all(self._connection, ArchivedDay, select(usage_archives).order_by(*newest).limit(limit))

    async def archives_of(self, day: date) -> Sequence[ArchivedDay]:
        query = select(usage_archives).where(usage_archives.c.day == day).order_by(usage_archives.c.supplement)
        return await fetch_all(self._connection, ArchivedDay, query)

    async def dropped_days(self, first: date, last: date) -> Sequence[date]:
        days = usage_archives.c.day
        query = select(days).where(days.between(first, last), usage_archives.c.dropped_at.is_not(None))
        return (await self._connection.execute(query.distinct().order_by(days))).scalars().all()

    async def drop_archived(self, archive: ArchivedDay, at: datetime) -> bool:
        await lock_partitions(self._connection)
        if archive.day not in await known_days(self._connection):
            return False
        name = partition_name(archive.day)
        # Writers of that day wait from here on, so that what is counted is what is dropped; readers do not.
        await self._connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        await self._connection.execute(text(f"LOCK TABLE {name} IN SHARE MODE"))
        events = (await self._connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one()
        if events != archive.events:
            return False
        await self._drop(name)
        own = usage_archives.c.day == archive.day, usage_archives.c.supplement == archive.supplement
        await self._connection.execute(update(usage_archives).where(*own).values(dropped_at=at))
        return True

    async def _drop(self, name: str) -> None:
        """Dropping locks all events for a moment, and while it waits for those who read, all others wait behind it: so
        it waits briefly, and tries again. Raises OperationalError when somebody reads all the time."""
        await self._connection.execute(_WAIT_BRIEFLY)
        for _ in range(_MOST_TRIES):
            savepoint = await self._connection.begin_nested()
            try:
                await self._connection.execute(text(f"DROP TABLE {name}"))
            except OperationalError as fault:
                if not isinstance(fault.orig, LockNotAvailable):
                    raise
                await savepoint.rollback()
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                await savepoint.commit()
                return
        await self._connection.execute(text(f"DROP TABLE {name}"))
