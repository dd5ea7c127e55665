"""Cycles: half-open periods [opens_at, closes_at) between local midnights of an account's cycle day.

One rule gives every cycle its end: it closes at the first cycle-day midnight a month after it opened (two days of
tolerance absorb a brand that moves to another time zone). So there is never a gap, an overlap, or a second bill within
a month, whatever happens to the cycle day, the zone or daylight saving. Cycles are stored once computed; the functions
here extend a stored cycle, they never recompute the past.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from billing.domain.errors import InvalidValue

MIDNIGHT = time(0)
# No two zones are further apart than 26 hours, and zones have skipped a whole day (Apia, 30 December 2011).
_ZONE_CHANGE_TOLERANCE = timedelta(days=2)


class CycleDay(int):
    """The account's anchor, 1..31. In a shorter month the last day stands in and the anchor is kept."""

    def __new__(cls, value: int) -> CycleDay:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 31:
            raise InvalidValue(
                "A cycle day is a day of the month.", field="cycle_day", value=value, remedy="Use a whole number 1..31."
            )
        return super().__new__(cls, value)

    def in_month(self, year: int, month: int) -> date:
        """The date this anchor falls on: 31 in February 2028 is the 29th."""
        return date(year, month, min(self, monthrange(year, month)[1]))

    def on_or_after(self, day: date) -> date:
        """The first date of this anchor that is not before ``day``."""
        this_month = self.in_month(day.year, day.month)
        if this_month >= day:
            return this_month
        following = _first_of_next_month(day)
        return self.in_month(following.year, following.month)

    def on_or_before(self, day: date) -> date:
        """The last date of this anchor that is not after ``day``."""
        this_month = self.in_month(day.year, day.month)
        if this_month <= day:
            return this_month
        last_of_previous = day.replace(day=1) - timedelta(days=1)
        return self.in_month(last_of_previous.year, last_of_previous.month)


class FirstCycleRule(StrEnum):
    """How the first cycle of an account on another day than its activation day ends."""

    EXTENDED = "extended"  # one longer cycle, at least a month, for one full fee
    NEXT_CYCLE_DAY = "next_cycle_day"  # at the very next cycle day; for operators who ask for pro rata


class BridgePolicy(StrEnum):
    """What the days between the old and the new cycle day cost."""

    EXTENDED = "extended"  # the open cycle closes later, for one full fee
    FREE = "free"  # the open cycle closes as planned; the next one is longer, for one full fee
    PRORATED = "prorated"  # the open cycle closes later, and the bridge days are charged by the day


@dataclass(frozen=True, slots=True)
class Cycle:
    """One period [opens_at, closes_at), aware UTC, numbered from 1, with the anchor its successor closes on."""

    number: int
    opens_at: datetime
    closes_at: datetime
    cycle_day: CycleDay

    def __post_init__(self) -> None:
        if not self.opens_at < self.closes_at:
            raise InvalidValue(
                "A cycle must close after it opens.",
                field="closes_at",
                value=self.closes_at.isoformat(),
                remedy=f"Use an instant after {self.opens_at.isoformat()}.",
            )

    def contains(self, instant: datetime) -> bool:
        """True when the instant lies in [opens_at, closes_at)."""
        return self.opens_at <= instant < self.closes_at

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "number": self.number,
            "opens_at": self.opens_at.isoformat(),
            "closes_at": self.closes_at.isoformat(),
            "cycle_day": int(self.cycle_day),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Cycle:
        """The cycle that ``to_dict`` wrote."""
        return cls(
            number=data["number"],
            opens_at=datetime.fromisoformat(data["opens_at"]),
            closes_at=datetime.fromisoformat(data["closes_at"]),
            cycle_day=CycleDay(data["cycle_day"]),
        )


@dataclass(frozen=True, slots=True)
class CycleDayChange:
    """What a change of the cycle day would do, to be shown before it is confirmed.

    ``cycles`` are the open cycle as it becomes and the ones after it. The bridge is [bridge_opens_on, bridge_closes_on)
    in local dates; ``charged_days`` of ``month_days`` of the recurring fee are added to the open cycle (0 unless
    prorated).
    """

    old_day: CycleDay
    new_day: CycleDay
    policy: BridgePolicy
    bridge_opens_on: date
    bridge_closes_on: date
    charged_days: int
    month_days: int
    cycles: tuple[Cycle, ...]


def zone_info(zone: str) -> ZoneInfo:
    """The IANA zone of that name.

    Raises InvalidValue for a name the zone database does not know.
    """
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError, TypeError) as unknown:
        raise InvalidValue(
            "This time zone is not known.",
            field="zone",
            value=zone,
            remedy="Use an IANA name such as Europe/Amsterdam.",
        ) from unknown


@lru_cache(maxsize=8192)
def at_local_time(day: date, at: time, zone: str) -> datetime:
    """The instant, in UTC, at which a wall clock in ``zone`` first shows that date and time or a later one.

    A time that happens twice (clocks go back) is its first occurrence; a time that never happens (clocks go forward, a
    skipped day) is the end of the gap.
    """
    local_zone = zone_info(zone)
    wanted = datetime.combine(day, at)
    before_the_gap = wanted.replace(tzinfo=local_zone, fold=1).astimezone(UTC)
    candidate = wanted.replace(tzinfo=local_zone, fold=0).astimezone(UTC)
    if candidate.astimezone(local_zone).replace(tzinfo=None) == wanted:
        return candidate
    return _end_of_gap(before_the_gap, candidate, wanted, local_zone)


def local_midnight(day: date, zone: str) -> datetime:
    """The instant at which a local day begins, in UTC."""
    return at_local_time(day, MIDNIGHT, zone)


def local_date(instant: datetime, zone: str) -> date:
    """The calendar day a wall clock in ``zone`` shows at an aware instant."""
    return instant.astimezone(zone_info(zone)).date()


def a_month_after(day: date) -> date:
    """The same day of the next month, or that month's last day."""
    following = _first_of_next_month(day)
    return CycleDay(day.day).in_month(following.year, following.month)


def first_cycle(
    activated_at: datetime, cycle_day: CycleDay, zone: str, rule: FirstCycleRule = FirstCycleRule.EXTENDED
) -> Cycle:
    """The first cycle: it opens at the activation itself and closes at a cycle-day midnight.

    On the activation day as cycle day it is a month. On another day it is extended beyond the month to that day, so
    that one full fee is never charged for less than a month.
    """
    activated_on = local_date(activated_at, zone)
    earliest = a_month_after(activated_on) if rule is FirstCycleRule.EXTENDED else activated_on + timedelta(days=1)
    return Cycle(1, activated_at.astimezone(UTC), local_midnight(cycle_day.on_or_after(earliest), zone), cycle_day)


def next_cycle(cycle: Cycle, zone: str, cycle_day: CycleDay | None = None) -> Cycle:
    """The cycle that follows: it opens where this one closes.

    ``cycle_day`` changes the anchor from here on; ``zone`` may differ from the one the cycle was computed in.
    """
    anchor = cycle_day or cycle.cycle_day
    earliest = a_month_after(local_date(cycle.closes_at, zone)) - _ZONE_CHANGE_TOLERANCE
    return Cycle(cycle.number + 1, cycle.closes_at, local_midnight(anchor.on_or_after(earliest), zone), anchor)


def cycle_at(cycle_day: CycleDay, zone: str, instant: datetime, number: int = 1) -> Cycle:
    """The ordinary cycle of an anchor that contains an instant, without regard to any account's history."""
    opens_on = cycle_day.on_or_before(local_date(instant, zone))
    closes_on = cycle_day.on_or_after(opens_on + timedelta(days=1))
    return Cycle(number, local_midnight(opens_on, zone), local_midnight(closes_on, zone), cycle_day)


def cycle_containing(instant: datetime, since: Cycle, zone: str) -> Cycle:
    """The cycle of an account that contains an instant, counted on from one of its earlier (stored) cycles.

    Raises InvalidValue when the instant lies before ``since`` opens.
    """
    if instant < since.opens_at:
        raise InvalidValue(
            "This instant lies before the account's first known cycle.",
            field="instant",
            value=instant.isoformat(),
            remedy=f"Ask for an instant from {since.opens_at.isoformat()} on.",
        )
    cycle = since
    while not cycle.contains(instant):
        cycle = next_cycle(cycle, zone)
    return cycle


def change_cycle_day(
    open_cycle: Cycle, new_day: CycleDay, zone: str, policy: BridgePolicy, shown_cycles: int = 3
) -> CycleDayChange:
    """What moving an account's open cycle to another day does; billed periods are never touched.

    The bridge runs from the open cycle's planned close to the first new cycle day. No cycle ever becomes shorter than
    a month: the bridge is joined to the open cycle (extended, prorated) or to the one after it (free).
    """
    planned_close = local_date(open_cycle.closes_at, zone)
    bridge_end = new_day.on_or_after(planned_close)
    bridge_days = (bridge_end - planned_close).days
    if policy is BridgePolicy.FREE:
        changed = Cycle(open_cycle.number, open_cycle.opens_at, open_cycle.closes_at, new_day)
    else:
        closes_at = max(open_cycle.closes_at, local_midnight(bridge_end, zone))
        changed = Cycle(open_cycle.number, open_cycle.opens_at, closes_at, new_day)
    return CycleDayChange(
        old_day=open_cycle.cycle_day,
        new_day=new_day,
        policy=policy,
        bridge_opens_on=planned_close,
        bridge_closes_on=bridge_end,
        charged_days=bridge_days if policy is BridgePolicy.PRORATED else 0,
        month_days=(a_month_after(planned_close) - planned_close).days,
        cycles=_following(changed, zone, shown_cycles),
    )


def _following(cycle: Cycle, zone: str, count: int) -> tuple[Cycle, ...]:
    cycles = [cycle]
    while len(cycles) < count:
        cycles.append(next_cycle(cycles[-1], zone))
    return tuple(cycles)


def _first_of_next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _end_of_gap(before: datetime, after: datetime, wanted: datetime, local_zone: ZoneInfo) -> datetime:
    """The first whole second in (before, after] at which the wall clock has passed ``wanted``."""
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        shown = datetime.fromtimestamp(middle, local_zone).replace(tzinfo=None)
        low, high = (low, middle) if shown >= wanted else (middle, high)
    return datetime.fromtimestamp(high, UTC)
