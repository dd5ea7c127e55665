"""The account workflow's input and everything that can be said to it.

Query = look, signal = a fact from outside (past tense), update = a command (imperative). All fields have defaults, so
that a message of an older or newer sender still decodes. Messages carry ids, dates and amounts; never personal data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.domain.cycle_plan import CyclePlan


class CollectionStage(StrEnum):
    """Where the collection of one announced amount stands; the next step follows from it."""

    ISSUED = "issued"  # next: the ready notice
    ANNOUNCED = "announced"  # next: the reminder
    REMINDED = "reminded"  # next: the debit; without a method the due date
    SUBMITTED = "submitted"  # with the provider, outcome not certain; next: ask
    RETRY_WANTED = "retry_wanted"  # next: announce a further debit
    OVERDUE = "overdue"  # failed or not paid by the due date; dunning has it
    SETTLED = "settled"


@dataclass(frozen=True)
class OpenCollection:
    """Getting one announced amount paid. Instants are UTC business time, ``debit_on`` is a local date.

    ``wake_at`` is when the next step is due (None: only something from outside moves it). ``debits`` False:
    the customer was told to pay by paylink until ``debit_on``.
    """

    invoice_id: str
    invoice_ids: tuple[str, ...]
    amount_minor: int
    currency: str
    stage: CollectionStage
    debits: bool = True
    cycle_number: int = 0
    debit_on: date | None = None
    reminder_at: datetime | None = None
    submit_at: datetime | None = None
    debit_at: datetime | None = None
    wake_at: datetime | None = None
    attempt_id: str = ""
    is_retry: bool = False
    instalment: str = ""  # of a payment plan: debited on ``debit_on``, and the rest of the invoices stays open


@dataclass(frozen=True)
class InboxItem:
    """One message waiting to be handled: its kind is the handler's name, ``message_id`` makes it count once."""

    kind: str
    message_id: str
    subject: str = ""
    detail: str = ""
    at: datetime | None = None
    amount_minor: int = 0
    currency: str = ""
    notice: str = ""
    stops: bool = False
    on: date | None = None


@dataclass(frozen=True)
class CommandResult:
    """What became of a command; ``accepted`` False carries the refusal for the caller."""

    command_id: str
    accepted: bool = True
    summary: str = ""
    url: str = ""
    field: str = ""
    value: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class AccountState:
    """The single input of an account's run: one run is one bill cycle. Additive optional fields only."""

    account_id: str
    brand: str
    number: str
    plan: CyclePlan
    clock: ClockSegment = NORMAL_TIME
    collections: tuple[OpenCollection, ...] = ()
    inbox: tuple[InboxItem, ...] = ()
    seen_message_ids: tuple[str, ...] = ()
    command_results: tuple[CommandResult, ...] = ()
    attempts_made: int = 0
    paused: bool = False
    hold_until: datetime | None = None
    dunning_running: bool = False
    orders_placed: int = 0
    closing: bool = False
    spread_seconds: int = 0  # this account's place within the billing window of its day
    last_bill_is_out: bool = False  # of a closed account: only what is open is waited for
    handed_over_case: str = ""  # its services stay barred until the money is in after all
    needs_operator: bool = False  # as operators were shown
    stops_review_at: datetime | None = None  # when what caps stop is looked at again
    schema_version: int = 1


# Signals: facts from outside -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PaymentOutcomeReceived:
    """The provider said something about an attempt; the workflow asks it what is true and books that.

    ``only_outcome`` marks news of nothing but the first outcome: an attempt known to have succeeded need not be asked.
    """

    message_id: str = ""
    attempt_id: str = ""
    only_outcome: bool = False


@dataclass(frozen=True)
class PaymentMethodChanged:
    """The customer's or provider's change of the method in use."""

    message_id: str = ""
    method_id: str = ""


@dataclass(frozen=True)
class MandateChanged:
    """A mandate became active, inactive or was revoked."""

    message_id: str = ""
    method_id: str = ""


@dataclass(frozen=True)
class UsageThresholdCrossed:
    """A counter passed 80 % or 100 % of an allowance or a cap. ``meter`` and ``percent`` name it.

    For a limit, ``limit`` names it at its value, ``notice`` is what to tell the customer, with what was spent (0: it is
    a quantity), and ``stops`` says that usage must be stopped.
    """

    message_id: str = ""
    service_id: str = ""
    meter: str = ""
    percent: int = 0
    cycle_number: int = 0
    limit: str = ""
    notice: str = ""
    amount_minor: int = 0
    currency: str = ""
    stops: bool = False


@dataclass(frozen=True)
class NoticeBounced:
    """A notice could not be delivered."""

    message_id: str = ""
    notice_id: str = ""


@dataclass(frozen=True)
class DisputeOpened:
    """The customer disputes an invoice or part of it."""

    message_id: str = ""
    dispute_id: str = ""
    invoice_id: str = ""


@dataclass(frozen=True)
class DisputeClosed:
    """A dispute was decided."""

    message_id: str = ""
    dispute_id: str = ""
    invoice_id: str = ""


@dataclass(frozen=True)
class NetworkConfirmed:
    """The network confirmed the level of a service for an order."""

    message_id: str = ""
    order_id: str = ""
    service_id: str = ""
    level: str = ""


@dataclass(frozen=True)
class ClockChanged:
    """A new segment of business time began."""

    clock: ClockSegment = NORMAL_TIME


@dataclass(frozen=True)
class CollectionRequested:
    """Dunning asks the account, the only collector, to try these invoices again.

    Of a payment plan only ``amount_minor`` of them, on ``debit_on``, as ``instalment``.
    """

    message_id: str = ""
    invoice_ids: tuple[str, ...] = ()
    not_before: datetime | None = None
    instalment: str = ""
    amount_minor: int = 0
    currency: str = ""
    debit_on: date | None = None


@dataclass(frozen=True)
class DunningEnded:
    """The account's dunning case closed; ``outcome`` is settled or handed_over.

    Of ``left_invoice_ids`` so little is left that it goes with the next invoice.
    """

    message_id: str = ""
    case_id: str = ""
    outcome: str = ""
    left_invoice_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class DunningLost:
    """Upkeep found the account's open case without a running workflow; it is started again."""

    message_id: str = ""
    case_id: str = ""


@dataclass(frozen=True)
class InvoicesOverdue:
    """To dunning: these invoices failed or fell due unpaid; they join the case."""

    message_id: str = ""
    invoice_ids: tuple[str, ...] = ()
    failure_category: str = ""
    failed_attempt_id: str = ""


@dataclass(frozen=True)
class CaseChanged:
    """To dunning: money, a promise, a dispute, a hold or a pause changed; read the case again."""

    message_id: str = ""
    why: str = ""


@dataclass(frozen=True)
class OrderWithdrawn:
    """To barring: the reason for this order is gone; stop and let the next order put it right."""

    message_id: str = ""
    why: str = ""


# Updates: commands of operators and customers ---------------------------------------------------------------------


@dataclass(frozen=True)
class Command:
    """What every command carries: an id chosen by the caller (repeat-safe), who asked, and why."""

    command_id: str = ""
    author: str = ""
    reason: str = ""


@dataclass(frozen=True)
class PauseCollection(Command):
    """Stop notices, debits and dunning steps until resumed."""


@dataclass(frozen=True)
class ResumeCollection(Command):
    """Go on after a pause or a hold."""


@dataclass(frozen=True)
class RetryCollection(Command):
    """Announce and try a failed invoice again; every open overdue invoice when ``invoice_id`` is empty."""

    invoice_id: str = ""


@dataclass(frozen=True)
class PromiseToPay(Command):
    """The customer will pay by ``pay_by`` (local date); dunning and barring wait until then."""

    pay_by: date | None = None
    amount_minor: int = 0


@dataclass(frozen=True)
class ChangeCycleDay(Command):
    """Bill on another day of the month; ``bridge`` is extended, free or prorated."""

    cycle_day: int = 0
    bridge: str = "extended"


@dataclass(frozen=True)
class WaiveInvoice(Command):
    """Credit what is open of an invoice, or ``amount_minor`` (gross) of it; of one line with ``line_position``."""

    invoice_id: str = ""
    amount_minor: int = 0
    line_position: int = 0


@dataclass(frozen=True)
class AdjustBalance(Command):
    """A charge (positive) or credit (negative) on the next invoice; net minor units."""

    amount_minor: int = 0
    description: str = ""


@dataclass(frozen=True)
class RefundPayment(Command):
    """Give a payment back, all of it when ``amount_minor`` is zero."""

    attempt_id: str = ""
    amount_minor: int = 0


@dataclass(frozen=True)
class HoldUntil(Command):
    """Exempt the account from dunning and debits until an instant."""

    until: datetime | None = None


@dataclass(frozen=True)
class ChangeDunningPolicy(Command):
    """Pin another policy version for the account's case and later ones."""

    policy_code: str = ""
    policy_version: int = 0
    case_only: bool = False  # later cases take the policy that is theirs by then


@dataclass(frozen=True)
class ChangePaymentMethod(Command):
    """Use another stored method from now on."""

    method_id: str = ""


@dataclass(frozen=True)
class OpenPaySession(Command):
    """Open the page where the customer pays what is open now, or ``amount_minor`` of it (0: all)."""

    return_url: str = ""
    amount_minor: int = 0


@dataclass(frozen=True)
class CloseAccount(Command):
    """End all services now and bill the open cycle as the last one."""


@dataclass(frozen=True)
class AccountView:
    """What the account workflow answers to a look: where it stands and what comes next."""

    account_id: str
    cycle_number: int
    collection_state: str
    next_action: str = ""
    next_action_at: datetime | None = None
    paused: bool = False
    hold_until: datetime | None = None
    dunning_running: bool = False
    collections: tuple[OpenCollection, ...] = field(default_factory=tuple)
