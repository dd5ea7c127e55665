"""Which overdue accounts are chosen, and in which order: a filter as plain data, checked by its own rules.

A filter is kept with a bulk action, so that every account is looked at once more before it is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from billing.domain.errors import InvalidValue
from billing.domain.retry import FailureCategory


class Sort(StrEnum):
    """The orders of the list, each rising and falling; account_id breaks ties."""

    AMOUNT = "amount"
    LARGEST = "-amount"
    AGE = "age"
    OLDEST = "-age"
    NEXT = "next"  # whose next step comes first
    LAST = "-next"
    NUMBER = "number"
    NUMBER_DOWN = "-number"


class Arrangement(StrEnum):
    """What is in force on an account besides its ladder."""

    PROMISE = "promise"
    PLAN = "plan"
    DISPUTE = "dispute"
    HOLD = "hold"
    PAUSE = "pause"
    HANDED_OVER = "handed_over"
    IN_FLIGHT = "in_flight"  # money is under way
    NOTHING = "nothing"  # none of the above


METHODS = ("card", "sepa_debit", "bacs_debit", "none")
BARRED = ("yes", "no")
NO_POLICY = "none"  # in the place of a policy's code: accounts without an open case
MOST_MINOR = 10**15
MOST_DAYS = 36_500
_CHOICES: dict[str, Sequence[str]] = {
    "arrangement": tuple(Arrangement),
    "method": METHODS,
    "barred": BARRED,
    "failure": tuple(FailureCategory),
}
_WHOLE = {
    "least_minor": MOST_MINOR,
    "most_minor": MOST_MINOR,
    "least_days": MOST_DAYS,
    "most_days": MOST_DAYS,
    "least_invoices": MOST_DAYS,
    "policy_version": 10**6,
    "cycle_day": 31,
}
_DATES = ("next_from", "next_to")
_RANGES = (("least_minor", "most_minor"), ("least_days", "most_days"), ("next_from", "next_to"))


@dataclass(frozen=True, slots=True)
class WorkFilter:
    """Empty fields do not narrow. Amounts are minor units, days are counted from the oldest due date.

    ``text`` is looked for in number and name. ``stage`` is the last step taken, ``next_step`` the rung that comes, as
    the ladder names them (``warn@10``); ``next_from`` and ``next_to`` are local dates, both included. ``failure`` is a
    category, ``code`` the scheme's own; both of the last try that failed.
    """

    brand: str = ""
    segment: str = ""
    text: str = ""
    currency: str = ""
    least_minor: int | None = None
    most_minor: int | None = None
    least_days: int | None = None
    most_days: int | None = None
    least_invoices: int | None = None
    policy_code: str = ""
    policy_version: int | None = None
    stage: str = ""
    next_step: str = ""
    next_from: date | None = None
    next_to: date | None = None
    failure: str = ""
    code: str = ""
    method: str = ""
    arrangement: str = ""
    barred: str = ""
    cycle_day: int | None = None

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value and value not in allowed:
                raise InvalidValue(
                    "This cannot be chosen.", field=name, value=value, remedy=f"Use one of: {', '.join(allowed)}."
                )
        for name, most in _WHOLE.items():
            value = getattr(self, name)
            if value is not None and not 0 <= value <= most:
                raise InvalidValue("This is out of range.", field=name, value=value, remedy=f"Use 0 to {most}.")
        for first, last in _RANGES:
            self._refuse_backwards(first, last)
        for one in fields(self):
            if "\0" in str(getattr(self, one.name)):
                raise InvalidValue("This cannot be looked for.", field=one.name, value="", remedy="Write plain text.")

    def _refuse_backwards(self, first: str, last: str) -> None:
        least, most = getattr(self, first), getattr(self, last)
        if least is not None and most is not None and least > most:
            message = f"Nothing lies from {least} to {most}."
            raise InvalidValue(message, field=last, value=most, remedy=f"Use {least} or more, or leave it out.")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON of what narrows; nothing else."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        chosen = {name: value for name, value in said.items() if value not in ("", None)}
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in chosen.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WorkFilter:
        """What ``to_dict`` wrote; an empty filter is everything that is overdue. Raises InvalidValue."""
        known = {one.name for one in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            remedy = f"Use any of: {', '.join(sorted(known))}."
            raise InvalidValue("A filter has no such field.", field=unknown[0], value=data[unknown[0]], remedy=remedy)
        said: dict[str, Any] = {
            name: _as_date(name, value) if name in _DATES else value for name, value in data.items()
        }
        return cls(**said)

    @property
    def in_words(self) -> str:
        """What narrows, for a person: ``segment business, least days 30``; everything when nothing does."""
        said = [f"{name.replace('_', ' ')} {value}" for name, value in self.to_dict().items()]
        return ", ".join(said) or "every overdue account"


def _as_date(name: str, value: Any) -> date | None:
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise InvalidValue("This is no date.", field=name, value=value, remedy="Write it like 2027-03-20.") from None


def next_rung(ladder: Sequence[str], done: Sequence[str]) -> str:
    """The rung after the last one done, by name; empty at the end.

    A rung that was passed over (a retry that the scheme forbids) is not waited for any more.
    """
    last = max((place for place, name in enumerate(ladder) if name in done), default=-1)
    return ladder[last + 1] if last + 1 < len(ladder) else ""
