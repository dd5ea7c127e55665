"""The figures of the console's first page, each counted now or kept for a while, and the forecast made of two."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billing.domain.collection_figures import success_rate, weighted
from billing.ports.clock import BusinessClock
from billing.ports.overviews import (
    AgedDebt,
    CasesOfKind,
    ExpectedDebit,
    FirstTries,
    Forecast,
    ForecastDay,
    FunnelLine,
    Overviews,
    Restorations,
    TodayLine,
)
from billing.ports.queries import DayLoad, Overview, Queries
from billing.services.kept_figures import Counted, KeptFigure

DAYS_AHEAD = 31
DAYS_OF_HISTORY = 90
DAYS_OF_RESTORATIONS = 31
MONTHS_OF_FUNNEL = 6
# How debits that nobody's method is known of are called: the customer pays by the date.
BY_CUSTOMER = ("none", "paylink")


@dataclass(frozen=True)
class FirstPage:
    """Every figure with its age; None while one is counted for the first time."""

    numbers: Counted[Overview] | None
    today: Counted[Sequence[TodayLine]] | None
    loads: Counted[Sequence[DayLoad]] | None
    forecasts: Counted[Sequence[Forecast]] | None
    funnel: Counted[Sequence[FunnelLine]] | None
    aging: Counted[Sequence[AgedDebt]] | None
    restorations: Counted[Restorations] | None
    cases: Counted[Sequence[CasesOfKind]] | None

    @property
    def is_whole(self) -> bool:
        """False while something is still being counted."""
        return all(value is not None for value in vars(self).values())


class ConsoleFigures:
    """One per process: it keeps what is slow to count."""

    def __init__(self, queries: Queries, overviews: Overviews, clock: BusinessClock) -> None:
        self._queries = queries
        self._overviews = overviews
        self._clock = clock
        now = clock.now
        self._numbers = KeptFigure(self._count_numbers, now)
        self._today = KeptFigure(self._count_today, now)
        self._loads = KeptFigure(queries.day_loads, now)
        self._forecasts = KeptFigure(self._count_forecasts, now)
        self._funnel = KeptFigure(self._count_funnel, now)
        self._aging = KeptFigure(self._count_aging, now)
        self._restorations = KeptFigure(self._count_restorations, now)
        self._cases = KeptFigure(overviews.open_cases, now)

    async def first_page(self) -> FirstPage:
        """All of it, counted at the same time."""
        of_now = asyncio.gather(self._numbers.read(), self._today.read(), self._loads.read(), self._forecasts.read())
        of_debt = asyncio.gather(self._funnel.read(), self._aging.read(), self._restorations.read(), self._cases.read())
        numbers, today, loads, ahead = await of_now
        funnel, aging, restorations, cases = await of_debt
        return FirstPage(numbers, today, loads, ahead, funnel, aging, restorations, cases)

    async def _count_numbers(self) -> Overview:
        return await self._queries.overview(self._clock.now())

    async def _count_today(self) -> Sequence[TodayLine]:
        return await self._overviews.today(self._clock.now())

    async def _count_forecasts(self) -> Sequence[Forecast]:
        now = self._clock.now()
        expected = await self._overviews.expected_debits(now, DAYS_AHEAD)
        tries = await self._overviews.first_tries(now - timedelta(days=DAYS_OF_HISTORY))
        return forecasts(expected, tries, now.date())

    async def _count_funnel(self) -> Sequence[FunnelLine]:
        return await self._overviews.funnel(months_before(self._clock.now().date(), MONTHS_OF_FUNNEL - 1))

    async def _count_aging(self) -> Sequence[AgedDebt]:
        return await self._overviews.aging(self._clock.now())

    async def _count_restorations(self) -> Restorations:
        return await self._overviews.restorations(self._clock.now() - timedelta(days=DAYS_OF_RESTORATIONS))


def months_before(day: date, months: int) -> date:
    """The first day of the month that many months before a day's."""
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def forecasts(expected: Sequence[ExpectedDebit], tries: Sequence[FirstTries], first: date) -> list[Forecast]:
    """The days ahead of each currency, debits only, weighted by how first debits of their kind went before."""
    debits = [one for one in expected if one.method_kind not in BY_CUSTOMER]
    return [_forecast(currency, debits, tries, first) for currency in sorted({one.currency for one in debits})]


def _forecast(currency: str, debits: Sequence[ExpectedDebit], tries: Sequence[FirstTries], first: date) -> Forecast:
    known = {one.method_kind: one for one in tries if one.currency == currency}
    own = [one for one in debits if one.currency == currency]
    kinds = sorted({one.method_kind for one in own})
    found = [known.get(kind, FirstTries(currency, kind, 0, 0)) for kind in kinds]
    rates = {one.method_kind: success_rate(one.paid, one.ended) for one in found}
    days = [_day(first + timedelta(days=ahead), own, rates) for ahead in range(DAYS_AHEAD)]
    return Forecast(currency, days, [(one.method_kind, one, rates[one.method_kind]) for one in found])


def _day(day: date, debits: Sequence[ExpectedDebit], rates: Mapping[str, Decimal | None]) -> ForecastDay:
    amounts: dict[str, int] = defaultdict(int)
    own = [one for one in debits if one.debit_on == day]
    for one in own:
        amounts[one.method_kind] += one.amount_minor
    return ForecastDay(day, sum(one.count for one in own), sum(amounts.values()), weighted(amounts, rates))
