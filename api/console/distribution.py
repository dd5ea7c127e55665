"""The 31-day distribution: how many accounts bill on each cycle day, and what is expected of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.console.charts import Chart, Point, bars
from api.console.pages import amount
from billing.ports.queries import DayLoad

DAYS = tuple(range(1, 32))


@dataclass(frozen=True)
class DayRow:
    """One cycle day."""

    cycle_day: int
    accounts: int
    expected_revenue_minor: int


@dataclass(frozen=True)
class Distribution:
    """One currency's month, every day of it."""

    currency: str
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

    @property
    def accounts_chart(self) -> Chart:
        points = [Point(str(row.cycle_day), row.accounts, _link(row)) for row in self.rows]
        return bars("Accounts per cycle day", f"{self.total_accounts:,} accounts in all.", points)

    @property
    def revenue_chart(self) -> Chart:
        points = [Point(str(row.cycle_day), row.expected_revenue_minor, _link(row)) for row in self.rows]
        said = f"{self._money(self.total_revenue_minor)} in all, without VAT."
        return bars("Expected revenue per cycle day", said, points, self._money, tone=2)

    def _money(self, amount_minor: int) -> str:
        return amount(amount_minor, self.currency)


def distributions(loads: Sequence[DayLoad]) -> list[Distribution]:
    """One month per currency, the one with most accounts first."""
    found = [_distribution(currency, loads) for currency in {load.currency for load in loads}]
    return sorted(found, key=lambda each: (-each.total_accounts, each.currency))


def _distribution(currency: str, loads: Sequence[DayLoad]) -> Distribution:
    by_day = {load.cycle_day: load for load in loads if load.currency == currency}
    rows = [
        DayRow(day, by_day[day].accounts, by_day[day].expected_revenue_minor) if day in by_day else DayRow(day, 0, 0)
        for day in DAYS
    ]
    return Distribution(currency, rows)


def _link(row: DayRow) -> str:
    return f"/console/accounts?cycle_day={row.cycle_day}"
