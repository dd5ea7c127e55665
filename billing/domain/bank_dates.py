"""When a debit by file must be with the creditor's bank, and which date it may still be collected on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from billing.domain.banking_days import TARGET, next_banking_day, subtract_banking_days
from billing.domain.cycle_calendar import at_local_time, local_date

# "On or just after" the date the customer was told.
JUST_AFTER = timedelta(days=3)
# The debtor's bank answers within this many banking days after the debit date; a return is possible later still.
SETTLES_WITHIN_BANKING_DAYS = 5


@dataclass(frozen=True, slots=True)
class CutOff:
    """A bank's cut-off: ``hour_local`` on the banking day ``lead_banking_days`` before the debit date, in ``zone``.

    Files are made ``make_hours_before`` it, so that all debits of a day go together and a person still has time.
    """

    lead_banking_days: int
    hour_local: int
    make_hours_before: int
    zone: str

    def of(self, collect_on: date) -> datetime:
        """The last instant at which a file for that date may reach the bank."""
        day = subtract_banking_days(collect_on, self.lead_banking_days, TARGET)
        return at_local_time(day, time(self.hour_local), self.zone)

    def make_at(self, collect_on: date) -> datetime:
        """When the file for that date is made."""
        return self.of(collect_on) - timedelta(hours=self.make_hours_before)

    def earliest(self, now: datetime) -> date:
        """The first date for which a file made now is in time."""
        day = next_banking_day(local_date(now, self.zone), TARGET)
        while self.of(day) <= now:
            day = next_banking_day(day + timedelta(days=1), TARGET)
        return day

    def latest_to_make(self, now: datetime) -> date:
        """The last date whose file is to be made by now."""
        day = self.earliest(now)
        while self.make_at(following := next_banking_day(day + timedelta(days=1), TARGET)) <= now:
            day = following
        return day if self.make_at(day) <= now else day - timedelta(days=1)

    def collect_on(self, due_on: date, now: datetime) -> date | None:
        """The date to ask the bank for: the one told or just after it; None when that is too late."""
        day = max(next_banking_day(due_on, TARGET), self.earliest(now))
        return day if day <= due_on + JUST_AFTER else None


def submission_days(debit_on: date, lead_banking_days: int, spare_days: int = 0) -> int:
    """Calendar days before a debit date at which it must be handed in, to be with the bank in time."""
    by = subtract_banking_days(debit_on, lead_banking_days, TARGET)
    return (debit_on - by).days + spare_days
