"""Levelling: which cycle day a new account gets, so that cash comes in evenly over the month.

The load of a day is the revenue expected on it, in minor units of one currency; accounts of other currencies are
levelled by themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from billing.domain.cycle_calendar import CycleDay
from billing.domain.errors import InvalidValue

ALL_DAYS = tuple(range(1, 32))


def least_loaded_day(
    expected_revenue_minor: Mapping[int, int], allowed_days: Collection[int] = ALL_DAYS, near: int | None = None
) -> CycleDay:
    """The allowed day with the least expected revenue.

    ``expected_revenue_minor`` maps a day (1..31) to its load; a day not in it is empty. Of equal days the first on or
    after ``near`` (the activation day) is taken, so that the first cycle is extended least; without it, the earliest.

    Raises InvalidValue when no day is allowed, or a day is not 1..31.
    """
    if not allowed_days:
        raise InvalidValue(
            "No cycle day is allowed.", field="allowed_days", value="[]", remedy="Allow at least one day 1..31."
        )
    days = sorted(CycleDay(day) for day in allowed_days)
    return min(days, key=lambda day: (expected_revenue_minor.get(day, 0), _days_to_wait(near, day)))


def level(
    expected_revenue_minor: Mapping[int, int], amounts_minor: Sequence[int], allowed_days: Collection[int] = ALL_DAYS
) -> list[CycleDay]:
    """A day for each of several accounts, in their order, largest amounts placed first.

    ``amounts_minor`` are the accounts' expected monthly amounts.
    """
    load = dict(expected_revenue_minor)
    result = [CycleDay(1)] * len(amounts_minor)
    for place in sorted(range(len(amounts_minor)), key=lambda place: -amounts_minor[place]):
        day = least_loaded_day(load, allowed_days)
        load[day] = load.get(day, 0) + amounts_minor[place]
        result[place] = day
    return result


def _days_to_wait(near: int | None, day: int) -> int:
    """Days by which a first cycle is extended from the activation day to this day."""
    return 0 if near is None else (day - near) % 31
