"""The daily partitions of the usage events, by UTC day: made before they are needed, dropped when they are too old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# Any number no other advisory lock of ours uses: one transaction at a time changes the partitions.
_PARTITIONS_LOCK = 7_290_001
_KNOWN = text("SELECT relid::regclass::text AS name FROM pg_partition_tree('usage_events') WHERE isleaf")

_INDEXED = text("SELECT tablename FROM pg_indexes WHERE indexname LIKE 'usage_events_%_by_service'")


def partition_name(day: date) -> str:
    """The table that holds a day's events."""
    return f"usage_events_{day:%Y%m%d}"


async def lock_partitions(connection: AsyncConnection) -> None:
    """One transaction at a time changes the partitions."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _PARTITIONS_LOCK})


async def known_days(connection: AsyncConnection) -> list[date]:
    """The days that have a partition, oldest first."""
    names = [row.name for row in await connection.execute(_KNOWN)]
    return sorted(date.fromisoformat(name.rpartition("_")[2]) for name in names)


async def create_days(connection: AsyncConnection, days: Sequence[date]) -> None:
    """Create and attach what is missing. Attaching lets writers of other days go on, unlike creating in place."""
    await lock_partitions(connection)
    known = {row.name for row in await connection.execute(_KNOWN)}
    for day in sorted(set(days)):
        name = partition_name(day)
        if name not in known:
            await connection.execute(text(f"CREATE TABLE {name} (LIKE usage_events INCLUDING ALL)"))
            bounds = f"FROM ('{day} 00:00+00') TO ('{day + timedelta(days=1)} 00:00+00')"
            await connection.execute(text(f"ALTER TABLE usage_events ATTACH PARTITION {name} FOR VALUES {bounds}"))


async def index_days_before(connection: AsyncConnection, day: date) -> int:
    """Give whole days before ``day`` their index by account and service, which nobody needs while events pour in.

    Answers how many days had none.
    """
    await lock_partitions(connection)
    indexed = {row.tablename for row in await connection.execute(_INDEXED)}
    newest = partition_name(day)
    names = [row.name for row in await connection.execute(_KNOWN) if row.name < newest and row.name not in indexed]
    for name in names:
        await connection.execute(text(f"CREATE INDEX {name}_by_service ON {name} (account_id, service_id, started_at)"))
    return len(names)
