"""Invoices, their lines and numbers on PostgreSQL."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection


class SqlInvoiceRepository:
    """Invoices, their lines and numbers."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
