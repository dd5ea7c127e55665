"""Notices with their evidence, and templates on PostgreSQL."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection


class SqlNoticeRepository:
    """Notices with their evidence, and templates."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
