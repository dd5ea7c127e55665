"""Quiet hours: when a customer is not to be disturbed, and when the network is not to be touched.

They delay notices, never a receipt, a paylink the customer is waiting for, or a "restored" message.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from billing.domain.banking_days import is_public_holiday
from billing.domain.cycle_calendar import at_local_time, zone_info
from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields

_SATURDAY, _SUNDAY = 5, 6


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The hours from ``starts_hour`` to ``ends_hour`` local time (20 to 9 spans the night; equal hours mean none)."""

    starts_hour: int = 20
    ends_hour: int = 9
    saturdays: bool = False
    sundays: bool = True
    public_holidays: bool = True

    def covers_hour(self, hour: int) -> bool:
        """True when the hour of the day that begins at ``hour`` is quiet."""
        if self.starts_hour <= self.ends_hour:
            return self.starts_hour <= hour < self.ends_hour
        return hour >= self.starts_hour or hour < self.ends_hour

    def covers_day(self, day: date, country: str) -> bool:
        """True when the whole day is quiet."""
        if (self.saturdays and day.weekday() == _SATURDAY) or (self.sundays and day.weekday() == _SUNDAY):
            return True
        return self.public_holidays and is_public_holiday(day, country)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "starts_hour": self.starts_hour,
            "ends_hour": self.ends_hour,
            "saturdays": self.saturdays,
            "sundays": self.sundays,
            "public_holidays": self.public_holidays,
        }

    @classmethod
    def from_dict(cls, data: Any, field: str = "quiet_hours", missing: QuietHours | None = None) -> QuietHours:
        """Read what ``to_dict`` wrote, or an operator's input; missing fields are those of ``missing`` (the default).

        Raises InvalidValue naming the field.
        """
        other = missing or DEFAULT_QUIET_HOURS
        fields = Fields(data, field)
        quiet = cls(
            starts_hour=fields.whole("starts_hour", default=other.starts_hour, least=0, most=23),
            ends_hour=fields.whole("ends_hour", default=other.ends_hour, least=0, most=23),
            saturdays=fields.flag("saturdays", default=other.saturdays),
            sundays=fields.flag("sundays", default=other.sundays),
            public_holidays=fields.flag("public_holidays", default=other.public_holidays),
        )
        fields.finish()
        return quiet

    @classmethod
    def within(cls, fields: Fields, data: Any, name: str, missing: QuietHours) -> QuietHours:
        """Read the quiet hours under ``name`` of an object that is being read; ``missing`` when they are not there."""
        if not fields.has(name):
            return missing
        return cls.from_dict(data[name], fields.where(name), missing)


DEFAULT_QUIET_HOURS = QuietHours()
WORKING_HOURS = QuietHours(starts_hour=17, ends_hour=9, saturdays=True)


def next_allowed(
    at: datetime, zone: str, country: str = "", quiet: QuietHours = DEFAULT_QUIET_HOURS, *, exempt: bool = False
) -> datetime:
    """The first instant from ``at`` on that is not quiet, in UTC; ``at`` itself when it is not, or is exempt.

    ``country`` names the public holidays (empty: none). A delayed instant lies at the end of a quiet period.
    """
    if exempt:
        return at
    local = at.astimezone(zone_info(zone))
    day = local.date()
    if not quiet.covers_day(day, country):
        if not quiet.covers_hour(local.hour):
            return at
        ends_at = at_local_time(day, time(quiet.ends_hour), zone)
        if ends_at > at:
            return ends_at
    day = next_allowed_day(day + timedelta(days=1), country, quiet)
    opening = quiet.ends_hour if quiet.covers_hour(0) else 0
    return at_local_time(day, time(opening), zone)


def next_allowed_day(day: date, country: str, quiet: QuietHours = DEFAULT_QUIET_HOURS) -> date:
    """The date itself when notices may go out on it, else the first such date after it."""
    while quiet.covers_day(day, country):
        day += timedelta(days=1)
    return day


def last_allowed_day(day: date, country: str, quiet: QuietHours = DEFAULT_QUIET_HOURS) -> date:
    """The date itself when notices may go out on it, else the last such date before it."""
    while quiet.covers_day(day, country):
        day -= timedelta(days=1)
    return day


def refuse_quiet_hour(hour: int, quiet: QuietHours, field: str) -> None:
    """Raises InvalidValue when an hour at which something is planned is quiet."""
    if quiet.covers_hour(hour):
        raise InvalidValue(
            f"{hour:02d}:00 lies in the quiet hours {quiet.starts_hour:02d}:00-{quiet.ends_hour:02d}:00.",
            field=field,
            value=hour,
            remedy="Choose an hour outside the quiet hours, or change them.",
        )
