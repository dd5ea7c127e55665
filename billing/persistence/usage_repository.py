"""Usage events, counters, the file registry and what could not be taken on PostgreSQL."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection


class SqlUsageRepository:
    """Usage events, counters, the file registry and what could not be taken."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
