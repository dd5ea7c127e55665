"""What the console's first page counts over all accounts: today, the days ahead, months of collecting, open debt.

Read models: never used to decide or to book. Amounts are minor units of the currency beside them; days are local.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True)
class Tally:
    """So many, and their amount in one currency."""

    count: int = 0
    amount_minor: int = 0


@dataclass(frozen=True)
class TodayLine:
    """One thing that is counted today, in one currency; ``currency`` is empty where no money belongs to it.

    ``what`` is closed | closing_next | issued | due | submitted | received | reversed | failed.
    """

    what: str
    currency: str
    count: int
    amount_minor: int


@dataclass(frozen=True)
class ExpectedDebit:
    """Debits of one day, currency and kind of method; ``source`` is announced, planned, retry or instalment."""

    debit_on: date
    currency: str
    method_kind: str
    source: str
    count: int
    amount_minor: int


@dataclass(frozen=True)
class FirstTries:
    """First debits of invoices that ended within some time, by currency and kind of method: how many, how many paid."""

    currency: str
    method_kind: str
    ended: int
    paid: int


@dataclass(frozen=True)
class FunnelLine:
    """One stage of one month's invoices in one currency, by ``billing.domain.collection_figures.Stage``."""

    month: date
    currency: str
    stage: str
    count: int
    amount_minor: int


@dataclass(frozen=True)
class AgedDebt:
    """What is open in one currency, by how long ago it fell due (``billing.domain.statement.bucket_of``)."""

    currency: str
    bucket: str
    count: int
    amount_minor: int


@dataclass(frozen=True)
class Restorations:
    """From the money to the last free service, in real seconds, over the liftings since ``since``."""

    since: datetime
    count: int = 0
    median_seconds: float = 0.0
    p95_seconds: float = 0.0
    longest_seconds: float = 0.0


@dataclass(frozen=True)
class CasesOfKind:
    """What needs a person: cases of one kind that are not closed."""

    kind: str
    severity: str
    count: int
    oldest_at: datetime


@dataclass(frozen=True)
class ForecastDay:
    """What one day's debits come to: the sum, and what of it is expected at the first try (``rate``-weighted)."""

    debit_on: date
    count: int
    amount_minor: int
    expected_minor: int


@dataclass(frozen=True)
class Forecast:
    """The days ahead in one currency. ``rates`` by kind of method are the first-time success they are weighted by."""

    currency: str
    days: Sequence[ForecastDay]
    rates: Sequence[tuple[str, FirstTries, Decimal | None]]

    @property
    def amount_minor(self) -> int:
        """All days together."""
        return sum(day.amount_minor for day in self.days)

    @property
    def expected_minor(self) -> int:
        """All days together, weighted."""
        return sum(day.expected_minor for day in self.days)


class Overviews(Protocol):
    """Each method is one or two statements, whatever the number of rows."""

    async def today(self, now: datetime) -> Sequence[TodayLine]: ...
    async def expected_debits(self, now: datetime, days: int) -> Sequence[ExpectedDebit]: ...
    async def first_tries(self, since: datetime) -> Sequence[FirstTries]: ...
    async def funnel(self, since: date) -> Sequence[FunnelLine]: ...
    async def aging(self, now: datetime) -> Sequence[AgedDebt]: ...
    async def restorations(self, since: datetime) -> Restorations: ...
    async def open_cases(self) -> Sequence[CasesOfKind]: ...
