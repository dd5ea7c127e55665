"""What a cycle plan consists of; ``billing.domain.cycle_plan`` computes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from billing.domain.cycle_calendar import Cycle, CycleDay
from billing.domain.errors import InvalidValue

_INSTANTS = (
    "opens_at",
    "closes_at",
    "issue_at",
    "ready_notice_at",
    "reminder_at",
    "submit_at",
    "debit_at",
    "next_closes_at",
)
_DATES = ("invoice_date", "debit_on")


class MethodKind(StrEnum):
    """How an account pays."""

    CARD = "card"
    SEPA_DEBIT = "sepa_debit"
    BACS_DEBIT = "bacs_debit"
    NONE = "none"  # no usable method: the debit date is only a due date, and nothing is submitted


class UnableToPlanCycle(InvalidValue):
    """The policy puts the dates of a cycle in an impossible order; the message names the dates that collide."""


@dataclass(frozen=True, slots=True)
class CyclePlan:
    """The dates of one cycle. Instants are aware UTC; ``invoice_date`` and ``debit_on`` (= due date) are local dates.

    ``submit_at`` is when the debit is handed to the provider, ``debit_at`` when the money is to be taken; for a card
    they are the same. With ``method_kind`` none, nothing is submitted and ``debit_on`` is the due date.
    """

    cycle_number: int
    cycle_day: int
    zone: str
    method_kind: MethodKind
    opens_at: datetime
    closes_at: datetime
    invoice_date: date
    issue_at: datetime
    ready_notice_at: datetime
    reminder_at: datetime
    submit_at: datetime
    debit_on: date
    debit_at: datetime
    next_closes_at: datetime

    @property
    def cycle(self) -> Cycle:
        """The cycle this plan is about."""
        return Cycle(self.cycle_number, self.opens_at, self.closes_at, CycleDay(self.cycle_day))

    @property
    def debit_is_planned(self) -> bool:
        """False when there is no usable method, so that no debit is tried."""
        return self.method_kind is not MethodKind.NONE

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: instants and dates in ISO 8601."""
        moments = {name: getattr(self, name).isoformat() for name in _INSTANTS + _DATES}
        return {
            "cycle_number": self.cycle_number,
            "cycle_day": self.cycle_day,
            "zone": self.zone,
            "method_kind": self.method_kind.value,
            **moments,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CyclePlan:
        """The plan that ``to_dict`` wrote."""
        instants: Any = {name: datetime.fromisoformat(data[name]) for name in _INSTANTS}
        dates: Any = {name: date.fromisoformat(data[name]) for name in _DATES}
        return cls(
            cycle_number=data["cycle_number"],
            cycle_day=data["cycle_day"],
            zone=data["zone"],
            method_kind=MethodKind(data["method_kind"]),
            **instants,
            **dates,
        )


@dataclass(frozen=True, slots=True)
class RetryDates:
    """The dates of a retry: its notice, the submission to the provider, and the debit the notice names."""

    notice_at: datetime
    submit_at: datetime
    debit_on: date
    debit_at: datetime
