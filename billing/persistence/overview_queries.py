"""The console's first page on PostgreSQL: each call takes a connection of its own and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain.money import Money
from billing.persistence import overview_statements as statements
from billing.ports.overviews import (
    AgedDebt,
    CasesOfKind,
    ExpectedDebit,
    FirstTries,
    FunnelLine,
    Restorations,
    TodayLine,
)

Line = TypeVar("Line", TodayLine, FirstTries, FunnelLine, AgedDebt, CasesOfKind)


class SqlOverviews:
    """Counts over all accounts."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def today(self, now: datetime) -> Sequence[TodayLine]:
        """What happened on the local day of ``now`` of each account; things that did not happen are left out."""
        return [line for line in await self._lines(TodayLine, statements.TODAY, now=now) if line.count]

    async def expected_debits(self, now: datetime, days: int) -> Sequence[ExpectedDebit]:
        """Debits from today on, so many days."""
        return [_expected(row) for row in await self._rows(statements.EXPECTED, now=now, days=days)]

    async def first_tries(self, since: datetime) -> Sequence[FirstTries]:
        """First debits that ended since then."""
        return await self._lines(FirstTries, statements.FIRST_TRIES, since=since)

    async def funnel(self, since: date) -> Sequence[FunnelLine]:
        """What became of the invoices dated since then, by month."""
        return await self._lines(FunnelLine, statements.FUNNEL, since=since)

    async def aging(self, now: datetime) -> Sequence[AgedDebt]:
        """What the ledger says is open, by age."""
        return await self._lines(AgedDebt, statements.AGING, now=now)

    async def restorations(self, since: datetime) -> Restorations:
        """How long customers waited who paid while they were barred."""
        (row,) = await self._rows(statements.RESTORATIONS, since=since)
        times = (float(each or 0) for each in (row.median_seconds, row.p95_seconds, row.longest_seconds))
        return Restorations(since, row._mapping["count"], *times)

    async def open_cases(self) -> Sequence[CasesOfKind]:
        """What needs a person, the most urgent first."""
        return await self._lines(CasesOfKind, statements.OPEN_CASES)

    async def _lines(self, kind: type[Line], statement: str, **values: Any) -> list[Line]:
        return [kind(**row._asdict()) for row in await self._rows(statement, **values)]

    async def _rows(self, statement: str, **values: Any) -> Sequence[Row[Any]]:
        async with self._engine.connect() as connection:
            return (await connection.execute(text(statement), values)).all()


def _expected(row: Row[Any]) -> ExpectedDebit:
    fees = Money.from_decimal(Decimal(row.fees), row.currency).amount_minor
    return ExpectedDebit(
        row.debit_on, row.currency, row.method_kind, row.source, row._mapping["count"], row.amount_minor + fees
    )
