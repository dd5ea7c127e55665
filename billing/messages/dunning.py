"""What crosses between the process, dunning and barring."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.domain.clock import NORMAL_TIME, ClockSegment


@dataclass(frozen=True)
class DunningState:
    """The single input of a dunning run; carried over each step. ``policy`` is the pinned version as plain data."""

    account_id: str
    brand: str
    number: str
    case_id: str = ""
    opened_at: datetime | None = None
    policy: dict[str, Any] = field(default_factory=dict)
    clock: ClockSegment = NORMAL_TIME
    invoice_ids: tuple[str, ...] = ()
    failure_category: str = ""
    failed_attempt_id: str = ""
    steps_done: tuple[str, ...] = ()
    barring_level: str = "none"
    orders_placed: int = 0
    schema_version: int = 1


@dataclass(frozen=True)
class OpenCaseRequest:
    """Open the account's case, or join these invoices to the one that runs."""

    account_id: str
    invoice_ids: tuple[str, ...]
    failure_category: str = ""
    failed_attempt_id: str = ""


@dataclass(frozen=True)
class OpenedCase:
    """The case with its pinned policy version."""

    case_id: str
    opened_at: datetime
    policy: dict[str, Any]


@dataclass(frozen=True)
class CaseQuery:
    """Read what a decision needs to know about a case."""

    account_id: str
    case_id: str


@dataclass(frozen=True)
class CaseFactsRead:
    """The facts of a case as plain values; amounts in minor units.

    ``undisputed_minor`` = open minus disputed. ``warned_at`` is when the last barring warning was accepted for
    delivery. Levels as in billing.domain.barring.
    """

    open_minor: int
    disputed_minor: int
    currency: str
    unpaid_invoice_ids: tuple[str, ...] = ()
    last_failure_category: str = ""
    method_usable: bool = False
    warned_at: datetime | None = None
    promise_until: datetime | None = None
    hold_until: datetime | None = None
    paused: bool = False
    attempt_in_flight: bool = False
    zone: str = "UTC"
    country: str = ""
    minimum_minor: int = 0


@dataclass(frozen=True)
class CaseStep:
    """Write down a decision taken for a case: which step, why (rule, version, inputs)."""

    account_id: str
    case_id: str
    step: str
    reason: str
    next_action_at: datetime | None = None
    closed: bool = False


@dataclass(frozen=True)
class BarringState:
    """The single input of a barring run: set every service of the account to ``level``."""

    account_id: str
    brand: str
    number: str
    order_id: str
    level: str
    reason: str
    author: str = "dunning"
    service_ids: tuple[str, ...] = ()  # empty: all active services
    clock: ClockSegment = NORMAL_TIME
    schema_version: int = 1


@dataclass(frozen=True)
class PlacedOrder:
    """The order as the network accepted it: services still to confirm and those already there."""

    order_id: str
    pending_service_ids: tuple[str, ...]
    confirmed_service_ids: tuple[str, ...]
    unreachable_service_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class OrderCheck:
    """Ask the network for the state of these services and record it; ``order_again`` repeats it where needed."""

    state: BarringState
    service_ids: tuple[str, ...]
    order_again: bool = False


@dataclass(frozen=True)
class BarringResult:
    """How an order ended: ``confirmed``, ``withdrawn`` or ``failed``."""

    order_id: str
    level: str
    outcome: str
    explanation: str = ""
