"""What crosses between the process, dunning and barring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.messages.account import InvoicesOverdue
from billing.messages.notices import NoticeKind


class NextAction(StrEnum):
    """What the process does next in a case, as the policy decided."""

    NOTIFY = "notify"  # failed notice or reminder, with paylink
    WARN = "warn"  # barring warning that names the date
    RETRY = "retry"  # ask the account to collect again
    BAR = "bar"
    HAND_OVER = "hand_over"
    WAIT = "wait"
    CLOSE = "close"


@dataclass(frozen=True)
class StepDone:
    """A step the process has carried out; ``detail`` is the notice's status or the order's outcome.

    ``occasion`` is the step's: for a failed notice the failed attempt it told of.
    """

    step: str
    action: NextAction
    detail: str = ""
    occasion: str = ""


@dataclass(frozen=True)
class DunningState:
    """The single input of a dunning run; carried over each step. The case itself, its policy included, is stored.

    ``joined`` are overdue invoices not yet written to the case; ``done`` the step carried out but not yet written down.
    """

    account_id: str
    brand: str
    number: str
    case_id: str = ""
    clock: ClockSegment = NORMAL_TIME
    joined: tuple[InvoicesOverdue, ...] = ()
    done: StepDone | None = None
    orders_placed: int = 0
    seen_message_ids: tuple[str, ...] = ()
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
    """The case with its pinned policy version; ``opened_at`` is business time."""

    case_id: str
    opened_at: datetime
    policy_code: str
    policy_version: int


@dataclass(frozen=True)
class DecideRequest:
    """Write down the step just done (if any), read the case, and decide by its pinned policy."""

    account_id: str
    case_id: str
    done: StepDone | None = None


@dataclass(frozen=True)
class NextStep:
    """The decision: ``action`` with its reason (rule, version, inputs).

    ``notice`` is the kind of notice for NOTIFY and WARN, about ``amount_minor`` of ``invoice_ids``, naming ``on`` (the
    local date services will be restricted). ``level`` is the level for BAR; for CLOSE and WAIT the level in force.
    The invoices of CLOSE are those of which too little to be paid by itself is left.
    ``until`` is when to decide again for WAIT (None: when something changes). ``occasion`` tells repeats apart.
    ``stage`` is the last step of the case; ``orders_placed`` counts its orders to the network so far. ``hurry`` sends
    the notice in quiet hours too: the bank waits for the customer. ``channels`` are those the policy names for the
    notice. With ``instalment`` a RETRY is of a payment plan: ``amount_minor``, to be debited ``on`` that date.
    """

    action: NextAction
    reason: str
    step: str = ""
    notice: NoticeKind | None = None
    occasion: str = ""
    level: str = "none"
    on: date | None = None
    until: datetime | None = None
    amount_minor: int = 0
    currency: str = ""
    invoice_ids: tuple[str, ...] = ()
    stage: str = ""
    orders_placed: int = 0
    hurry: bool = False
    channels: tuple[str, ...] = ()
    instalment: str = ""


@dataclass(frozen=True)
class CloseCaseRequest:
    """Close a case; ``outcome`` is settled or handed_over."""

    account_id: str
    case_id: str
    outcome: str


@dataclass(frozen=True)
class CaseCommand:
    """An operator's or customer's change to how a debt is pursued, carried out in one transaction.

    ``kind`` is promise_to_pay | hold_until | pause | resume | change_dunning_policy; the other fields as it needs.
    """

    account_id: str
    kind: str
    command_id: str
    author: str
    reason: str
    pay_by: date | None = None
    amount_minor: int = 0
    until: datetime | None = None
    policy_code: str = ""
    policy_version: int = 0
    case_only: bool = False


@dataclass(frozen=True)
class CaseCommandResult:
    """What the command changed, in words; ``until`` is when a hold or promise ends.

    ``invoice_ids`` are those a promise covers, ``in_case`` says that a case presses for them.
    """

    summary: str
    until: datetime | None = None
    invoice_ids: tuple[str, ...] = ()
    in_case: bool = False


@dataclass(frozen=True)
class BarringState:
    """The single input of a barring run: restrict the account's services to ``level``, or lift what a cause holds.

    ``level`` is what is asked for (billing.domain.restrictions; ``none`` lifts); each service is then set to the union
    of everything that holds it. ``cause`` empty: dunning's for orders of dunning, an operator's otherwise.
    ``lift_causes`` and ``lift_kinds`` narrow a lifting down; empty: what this author lifts by itself, every kind.
    """

    account_id: str
    brand: str
    number: str
    order_id: str
    level: str
    reason: str
    author: str = "dunning"
    service_ids: tuple[str, ...] = ()  # empty: all active services
    clock: ClockSegment = NORMAL_TIME
    checks_made: int = 0  # of earlier runs of this order
    withdrawn: bool = False
    schema_version: int = 1
    cause: str = ""
    lift_causes: tuple[str, ...] = ()
    lift_kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlacedOrder:
    """The order as the network accepted it: services still to confirm and those already there.

    ``wait_until`` is set when nothing was ordered yet: services are restricted only at hours the brand allows.
    ``silent`` says that the customer hears nothing of the order: other causes still restrict, or a newer one decided.
    """

    order_id: str
    pending_service_ids: tuple[str, ...]
    confirmed_service_ids: tuple[str, ...]
    unreachable_service_ids: tuple[str, ...] = ()
    wait_until: datetime | None = None
    silent: bool = False


@dataclass(frozen=True)
class OrderCheck:
    """Ask the network for the state of these services (none named: all unconfirmed ones of the order) and record it.

    ``order_again`` repeats the order where needed.
    """

    state: BarringState
    service_ids: tuple[str, ...]
    order_again: bool = False


@dataclass(frozen=True)
class BarringResult:
    """How an order ended: ``confirmed``, ``withdrawn`` or ``failed``."""

    account_id: str
    order_id: str
    level: str
    outcome: str
    explanation: str = ""
