"""Business time inside the simulator: the same clock as the product's, plus banking days.

Settlements of direct debits and expiry of cards follow business time; whatever belongs to the vendors (age of keys and
signatures, session expiry, delivery retries) stays in real time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from billing.domain.clock import NORMAL_TIME, ClockSegment


class BusinessTime:
    """The current segment of the business clock."""

    def __init__(self, segment: ClockSegment = NORMAL_TIME) -> None:
        self.segment = segment

    def at(self, real: datetime) -> datetime:
        """The business instant at a real one."""
        return self.segment.business(real)

    def now(self) -> datetime:
        """The business instant now."""
        return self.at(datetime.now(UTC))

    def resume(self, last_seen_real: datetime) -> None:
        """Go on where business time was last seen: while the simulator was down, no accelerated time passed."""
        if not self.segment.is_normal_time:
            now = datetime.now(UTC)
            self.segment = self.segment.continued_from(min(last_seen_real, now), now, self.segment.rate)


def segment_as_json(segment: ClockSegment) -> dict[str, Any]:
    """A segment as it is kept and shown."""
    return {
        "real_start": segment.real_start.isoformat(),
        "business_start": segment.business_start.isoformat(),
        "rate": segment.rate,
    }


def segment_from_json(body: dict[str, Any]) -> ClockSegment:
    """A segment from ISO 8601 instants with an offset and a rate.

    Raises ``ValueError`` naming the field that cannot be read.
    """
    instants = {}
    for name in ("real_start", "business_start"):
        try:
            instant = datetime.fromisoformat(str(body[name]).replace("Z", "+00:00"))
        except (KeyError, ValueError):
            raise ValueError(f"{name} must be an ISO 8601 instant such as 2026-01-01T00:00:00Z.") from None
        if instant.tzinfo is None:
            raise ValueError(f"{name} needs an offset, for example a Z at its end.")
        instants[name] = instant.astimezone(UTC)
    return ClockSegment(instants["real_start"], instants["business_start"], float(body.get("rate", 1.0)))


TARGET, UNITED_KINGDOM = "TARGET", "GB"


@lru_cache(maxsize=16)
def _closing_days(year: int) -> frozenset[date]:
    """TARGET's closing days; computed here because loading a calendar library took over a second of the first debit."""
    easter = easter_sunday(year)
    fixed = {date(year, month, day) for month, day in ((1, 1), (5, 1), (12, 25), (12, 26))}
    return frozenset(fixed | {easter - timedelta(days=2), easter + timedelta(days=1)})


@lru_cache(maxsize=16)
def _bank_holidays(year: int) -> frozenset[date]:
    """England's bank holidays by their rules; single holidays that are proclaimed for one year are not known here."""
    easter = easter_sunday(year)
    moving = {easter - timedelta(days=2), easter + timedelta(days=1)}
    moving |= {_monday(date(year, 5, 1)), _monday(date(year, 5, 25)), _monday(date(year, 8, 25))}
    return frozenset(moving | {_substituted(date(year, 1, 1))} | _christmas(year))


def _monday(day: date) -> date:
    return day + timedelta(days=-day.weekday() % 7)


def _substituted(day: date) -> date:
    return _monday(day) if day.weekday() >= 5 else day


def _christmas(year: int) -> set[date]:
    """Christmas and Boxing Day, each moved to the next weekday that is free."""
    first = date(year, 12, 25)
    days = {first, first + timedelta(days=1)}
    weekend = sum(day.weekday() >= 5 for day in days)
    following = (date(year, 12, 27) + timedelta(days=ahead) for ahead in range(4))
    moved = [day for day in following if day.weekday() < 5][:weekend]
    return {day for day in days if day.weekday() < 5} | set(moved)


def easter_sunday(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, by Meeus, Jones and Butcher."""
    century, year_of_century = divmod(year, 100)
    golden = year % 19
    moon_correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - century // 4 - moon_correction + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (year_of_century // 4) - epact - year_of_century % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def is_banking_day(day: date, calendar: str = TARGET) -> bool:
    """True when the euro settlement system (TARGET), or with ``GB`` the banks of England, are open."""
    closed = _bank_holidays(day.year) if calendar == UNITED_KINGDOM else _closing_days(day.year)
    return day.weekday() < 5 and day not in closed


def add_banking_days(start: datetime, days: int, calendar: str = TARGET) -> datetime:
    """The instant ``days`` banking days later, at the same time of day (UTC)."""
    day, remaining = start.date(), days
    while remaining > 0 or not is_banking_day(day, calendar):
        day += timedelta(days=1)
        if is_banking_day(day, calendar):
            remaining -= 1
    return start if day == start.date() else datetime.combine(day, start.timetz())


def start_of(day: date) -> datetime:
    """Midnight UTC of a day."""
    return datetime.combine(day, time(), tzinfo=UTC)
