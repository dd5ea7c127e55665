"""Dunning policies, cases, promises and disputes on PostgreSQL."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection


class SqlDunningRepository:
    """Dunning policies, cases, promises and disputes."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
