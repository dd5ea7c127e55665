"""The ledger on PostgreSQL."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection


class SqlLedger:
    """Append-only; unique by (account, provider, reference, kind)."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
