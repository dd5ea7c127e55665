"""The providers' daily totals on PostgreSQL. A day without any movement is kept too, so that it counts as compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.statements import fetch_all
from billing.persistence.tables.upkeep import provider_totals
from billing.ports.provider_totals import ProviderTotals

_totals = provider_totals.c


class SqlTotalsStore:
    """Reads and writes totals."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, provider: str, day: date, totals: Sequence[ProviderTotals]) -> None:
        of_day = (_totals.provider == provider, _totals.day == day)
        await self._connection.execute(delete(provider_totals).where(*of_day))
        rows = [{each.name: getattr(one, each.name) for each in fields(one)} for one in totals]
        for row in rows:
            row["differences"] = list(row["differences"])
        if rows:
            await self._connection.execute(insert(provider_totals), rows)

    async def of_day(self, day: date, provider: str = "") -> Sequence[ProviderTotals]:
        query = select(provider_totals).where(_totals.day == day).order_by(_totals.provider, _totals.currency)
        query = query.where(_totals.provider == provider) if provider else query
        return await fetch_all(self._connection, ProviderTotals, query)

    async def since(self, first: date, provider: str = "") -> Sequence[ProviderTotals]:
        query = select(provider_totals).where(_totals.day >= first)
        query = query.where(_totals.provider == provider) if provider else query
        newest_first = query.order_by(_totals.day.desc(), _totals.provider, _totals.currency)
        return await fetch_all(self._connection, ProviderTotals, newest_first)

    async def last_compared(self, provider: str, day: date) -> datetime | None:
        query = select(func.max(_totals.compared_at)).where(_totals.provider == provider, _totals.day == day)
        found: datetime | None = await self._connection.scalar(query)
        return found
