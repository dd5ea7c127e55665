"""Paydays: the days on which customers' accounts are fullest, and when a debit is best dated for that."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from billing.domain.banking_days import is_banking_day, next_banking_day
from billing.domain.fields import Fields

LONGEST_WINDOW_DAYS = 31


@dataclass(frozen=True, slots=True)
class Paydays:
    """When wages come in: days of the month (the last day where a month is shorter), and its last banking day.

    A payday on a day when banks are closed is paid on the banking day before. ``window_days`` is how long a debit may
    wait for one; 0, or no days at all, waits for none.
    """

    days_of_month: tuple[int, ...] = ()
    last_banking_day: bool = False
    window_days: int = 0

    def next_from(self, earliest: date, calendar: str) -> date | None:
        """The first payday on or after a date and within the window; None where there is none."""
        latest = earliest + timedelta(days=self.window_days)
        found = [day for day in self._around(earliest, calendar) if earliest <= day <= latest]
        return min(found, default=None) if self.window_days else None

    def _around(self, day: date, calendar: str) -> Iterator[date]:
        """The paydays of the month of a date and of the next two, so that no window ends before them."""
        year, month = day.year, day.month
        for _ in range(3):
            last = monthrange(year, month)[1]
            wanted = {min(each, last) for each in self.days_of_month} | ({last} if self.last_banking_day else set())
            yield from (_paid_on(date(year, month, each), calendar) for each in sorted(wanted))
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "days_of_month": list(self.days_of_month),
            "last_banking_day": self.last_banking_day,
            "window_days": self.window_days,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Paydays:
        """Read an operator's JSON. Raises InvalidValue naming the field."""
        found = cls(
            days_of_month=fields.wholes("days_of_month", least=1, most=31),
            last_banking_day=fields.flag("last_banking_day", default=False),
            window_days=fields.whole("window_days", default=0, most=LONGEST_WINDOW_DAYS),
        )
        fields.finish()
        return found


def _paid_on(day: date, calendar: str) -> date:
    """The banking day on or before a date: wages are there before a closed day, not after it."""
    while not is_banking_day(day, calendar):
        day -= timedelta(days=1)
    return day


def first_debit_on(earliest: date, paydays: Paydays, calendar: str, before: date | None = None) -> tuple[date, str]:
    """The banking day to debit on, and why: the next payday where one is near enough, else the earliest day.

    ``before`` is a date that must not be reached, such as that of a bar: then nothing waits for a payday.
    """
    first = next_banking_day(earliest, calendar)
    payday = paydays.next_from(first, calendar)
    if payday is None:
        return first, f"no payday within {paydays.window_days} days of {first}"
    if before is not None and payday >= before:
        return first, f"the payday {payday} would come too late, services may be restricted on {before}"
    return payday, f"the next payday is {payday}"
