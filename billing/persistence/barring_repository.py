"""Barring orders and their confirmations on PostgreSQL."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection


class SqlBarringRepository:
    """Barring orders and their confirmations."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
