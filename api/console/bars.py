"""The 31-day distribution as a picture: numbers in, rectangles out. The page draws them as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billing.ports.queries import DayLoad

DAYS = tuple(range(1, 32))
BAR_WIDTH = 16
STEP = 20
HEIGHT = 80


@dataclass(frozen=True)
class Bar:
    """One day's bar, in units of the picture; a day that carries anything shows at least a line."""

    cycle_day: int
    left: int
    top: int
    height: int
    value: int


@dataclass(frozen=True)
class DayRow:
    """One day of the table that says the same in words."""

    cycle_day: int
    accounts: int
    expected_revenue_minor: int


@dataclass(frozen=True)
class Distribution:
    """One currency's month: a bar for every day, twice, and the rows behind them."""

    currency: str
    accounts: Sequence[Bar]
    revenue: Sequence[Bar]
    rows: Sequence[DayRow]

    @property
    def total_accounts(self) -> int:
        return sum(row.accounts for row in self.rows)

    @property
    def total_revenue_minor(self) -> int:
        return sum(row.expected_revenue_minor for row in self.rows)

    @property
    def busiest(self) -> DayRow:
        """The day that expects the most revenue."""
        return max(self.rows, key=lambda row: (row.expected_revenue_minor, row.accounts))


def distributions(loads: Sequence[DayLoad]) -> list[Distribution]:
    """One picture per currency, the one with most accounts first."""
    found = [_distribution(currency, loads) for currency in {load.currency for load in loads}]
    return sorted(found, key=lambda each: (-each.total_accounts, each.currency))


def _distribution(currency: str, loads: Sequence[DayLoad]) -> Distribution:
    by_day = {load.cycle_day: load for load in loads if load.currency == currency}
    rows = [
        DayRow(day, by_day[day].accounts, by_day[day].expected_revenue_minor) if day in by_day else DayRow(day, 0, 0)
        for day in DAYS
    ]
    return Distribution(
        currency,
        _bars({row.cycle_day: row.accounts for row in rows}),
        _bars({row.cycle_day: row.expected_revenue_minor for row in rows}),
        rows,
    )


def _bars(values: Mapping[int, int]) -> list[Bar]:
    most = max(*values.values(), 1)
    return [_bar(day, value, most) for day, value in values.items()]


def _bar(day: int, value: int, most: int) -> Bar:
    height = max(round(HEIGHT * value / most), 2 if value > 0 else 0)
    return Bar(day, (day - 1) * STEP, HEIGHT - height, height, value)
