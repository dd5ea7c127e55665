"""What crosses between the process and the payment side effects: one request in, one result out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from billing.domain.cycle_plan import MethodKind as MethodKind


class PaymentStatus(StrEnum):
    """Where a try at a payment stands, in the words of the payment port."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"  # accepted by the provider, the money is not certain yet (SEPA takes days)
    FAILED = "failed"
    ACTION_REQUIRED = "action_required"  # the customer must authenticate: paylink at once
    UNKNOWN = "unknown"  # no answer: ask the provider before anything else
    CANCELLED = "cancelled"  # withdrawn before money moved
    DISPUTED = "disputed"  # the money was taken back after success
    NOTHING_TO_COLLECT = "nothing_to_collect"  # paid meanwhile, or a credit
    NOTICE_MISSING = "notice_missing"  # no notice named this amount and date in time
    METHOD_MISSING = "method_missing"  # nothing usable to debit


@dataclass(frozen=True)
class CollectRequest:
    """Collect the open amount of these invoices, at most ``announced_minor``, by the account's method in use.

    ``attempt_id`` is the provider's idempotency key; ``debit_on`` the local date the customer was told.
    """

    account_id: str
    attempt_id: str
    invoice_ids: tuple[str, ...]
    announced_minor: int
    currency: str
    debit_on: date


@dataclass(frozen=True)
class AttemptQuery:
    """Ask the provider how an attempt stands, and book what it says."""

    account_id: str
    attempt_id: str


@dataclass(frozen=True)
class PaymentResult:
    """How an attempt stands, after booking.

    ``settled_invoice_ids`` are now fully paid; ``reopened_invoice_ids`` owe again (a dispute or a late failure);
    ``open_minor`` is all that is due on the account afterwards; ``expected_by`` when a pending outcome is due.
    ``received_minor`` is the money newly booked by this call: zero when it was booked before, so thanks go out once.
    ``owed_invoice_ids`` are all of the account's invoices of which at least the smallest payable amount is open.
    """

    attempt_id: str
    status: PaymentStatus
    amount_minor: int = 0
    currency: str = ""
    received_minor: int = 0
    category: str = ""
    code: str = ""
    expected_by: datetime | None = None
    settled_invoice_ids: tuple[str, ...] = ()
    reopened_invoice_ids: tuple[str, ...] = ()
    open_minor: int = 0
    explanation: str = ""
    owed_invoice_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class PaySessionRequest:
    """Open a provider's page where the customer pays what is open now, or ``amount_minor`` of it (0: all).

    ``attempt_id`` names the try.
    """

    account_id: str
    attempt_id: str
    return_url: str = ""
    amount_minor: int = 0


@dataclass(frozen=True)
class PaySession:
    """A page to pay on, or the reason why there is none (``url`` empty): already paid, debit in flight."""

    attempt_id: str = ""
    url: str = ""
    amount_minor: int = 0
    currency: str = ""
    reason: str = ""


@dataclass(frozen=True)
class RetryPlanRequest:
    """Find the date of a further debit: not before ``not_before``, with the brand's notice for retries."""

    account_id: str
    invoice_ids: tuple[str, ...]
    not_before: datetime
    most_minor: int = 0  # of an instalment: no more than this; 0: all that is open
    debit_on: date | None = None  # of an instalment: on this date, or later where the notice would be too late


@dataclass(frozen=True)
class RetryPlan:
    """When a further debit is announced (``notify_at``), submitted and dated; not ``possible``: no method may be tried.

    ``invoice_ids`` and ``amount_minor`` are what is open now of the invoices asked for; ``rule``, ``policy_version``
    (0: the built-in policy) and ``inputs`` are why.
    """

    possible: bool
    explanation: str = ""
    invoice_ids: tuple[str, ...] = ()
    amount_minor: int = 0
    currency: str = ""
    notify_at: datetime | None = None
    submit_at: datetime | None = None
    debit_on: date | None = None
    rule: str = ""
    policy_version: int = 0
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RefundRequest:
    """Give money back for a succeeded attempt, all of it or ``amount_minor``."""

    account_id: str
    attempt_id: str
    amount_minor: int
    reason: str
    author: str
    command_id: str = ""


@dataclass(frozen=True)
class MethodReview:
    """Ask what the account's method in use is now, after a change or a revoked mandate."""

    account_id: str
    method_id: str = ""


@dataclass(frozen=True)
class MethodInUse:
    """The method that would be debited now. ``open_minor`` and ``open_invoice_ids`` say what is still due."""

    kind: MethodKind
    explanation: str = ""
    submission_lead_days: int = 0
    open_minor: int = 0
    open_invoice_ids: tuple[str, ...] = ()
