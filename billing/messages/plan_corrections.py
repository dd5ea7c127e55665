"""What crosses between the process and corrections of prices."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CorrectPlanRequest:
    """Carry out a recorded correction; work resumes after the last account that is done."""

    correction_id: str


@dataclass(frozen=True)
class PlanCorrectionReport:
    """How far a correction is; ``difference_minor`` is what all changed cycles cost more or less, net."""

    correction_id: str
    accounts: int = 0
    events: int = 0
    waiting: int = 0
    difference_minor: int = 0
    currency: str = ""
