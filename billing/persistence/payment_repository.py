"""Payment methods, mandates, attempts, allocations and the webhook inbox on PostgreSQL."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection


class SqlPaymentRepository:
    """Payment methods, mandates, attempts, allocations and the webhook inbox."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
