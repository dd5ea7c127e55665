"""Days of events to files, and out of the database, on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import date, datetime

from psycopg import sql
from sqlalchemy import desc, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.statements import fetch_all
from billing.persistence.tables.usage_archives import usage_archives
from billing.persistence.usage_copy import driver_of
from billing.persistence.usage_partitions import known_days, lock_partitions, partition_name
from billing.ports.usage_archive import ArchivedDay


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
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["day"], set_=newer))

    async def archives(self, limit: int = 1000) -> Sequence[ArchivedDay]:
        query = select(usage_archives).order_by(desc(usage_archives.c.day)).limit(limit)
        return await fetch_all(self._connection, ArchivedDay, query)

    async def drop_archived(self, archive: ArchivedDay, at: datetime) -> bool:
        await lock_partitions(self._connection)
        if archive.day not in await known_days(self._connection):
            return False
        name = partition_name(archive.day)
        # Writers of that day wait from here on, so that what is counted is what is dropped.
        await self._connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        await self._connection.execute(text(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"))
        events = (await self._connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one()
        if events != archive.events:
            return False
        await self._connection.execute(text(f"DROP TABLE {name}"))
        gone = update(usage_archives).where(usage_archives.c.day == archive.day).values(dropped_at=at)
        await self._connection.execute(gone)
        return True
