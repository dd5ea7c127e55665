"""A payment provider: who charges cards and debits bank accounts for us, and what it can say about a payment.

outcome (a value)          Succeeded | Pending | Failed | ActionRequired | Cancelled | Unknown
fault (an exception)       ProviderFault: retry later, no step is taken towards the customer
├── ProviderBusy           told to slow down (429); ``retry_after_seconds`` when it said so
├── ProviderAway           a call got no usable answer (a *collect* without answer is Unknown instead)
└── MerchantFault          our own key, account or request is wrong: staff must act, never a customer's decline
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from billing.domain.errors import InvalidValue
from billing.domain.retry import FailureCategory
from billing.messages.payments import MethodKind


class ProviderFault(Exception):
    """The provider could not be used just now."""


class ProviderBusy(ProviderFault):
    """Too many requests; wait and ask again."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ProviderAway(ProviderFault):
    """No usable answer. ``key_is_spent``: the same idempotency key would only repeat this one."""

    def __init__(self, message: str, *, key_is_spent: bool = False) -> None:
        super().__init__(message)
        self.key_is_spent = key_is_spent


class MerchantFault(ProviderFault):
    """The provider refuses us, not the customer: key, permission, account or request."""


class UntrustedWebhook(InvalidValue):
    """A webhook whose signature, age or form does not prove that the provider sent it."""


@dataclass(frozen=True)
class Succeeded:
    """The money is ours."""

    received_minor: int
    currency: str


@dataclass(frozen=True)
class Pending:
    """Accepted; certain by ``expected_by`` where the provider says when."""

    expected_by: datetime | None = None


@dataclass(frozen=True)
class Failed:
    """Declined or returned; ``code`` and ``detail`` are the provider's own words."""

    category: FailureCategory
    code: str = ""
    detail: str = ""


@dataclass(frozen=True)
class ActionRequired:
    """The customer must do something on a page."""

    code: str = ""


@dataclass(frozen=True)
class Cancelled:
    """Withdrawn, or never begun, and cannot take money any more."""


@dataclass(frozen=True)
class Unknown:
    """No answer, or none that says what happened. ``key_is_spent``: the same key would only repeat this answer."""

    why: str
    key_is_spent: bool = False


Outcome = Succeeded | Pending | Failed | ActionRequired | Cancelled | Unknown


@dataclass(frozen=True)
class RefundFact:
    """A refund as the provider has it now; ``asked_as`` is our own refund id, empty when made elsewhere."""

    reference: str
    amount_minor: int
    currency: str
    status: str  # pending | succeeded | failed
    asked_as: str = ""
    code: str = ""


@dataclass(frozen=True)
class DisputeFact:
    """A chargeback as the provider has it now; ``standing`` is open, won or lost.

    ``is_final``: the payer is guaranteed the refund (Direct Debit Guarantee), so that it cannot be contested.
    """

    reference: str
    amount_minor: int
    currency: str
    reason: str
    standing: str
    category: FailureCategory | None = None  # what a bank's return code really means, where it is no dispute
    is_final: bool = False


@dataclass(frozen=True)
class ProviderPayment:
    """Where a payment stands, read from the provider. ``reference`` is empty while the outcome is Unknown."""

    outcome: Outcome
    reference: str = ""
    provider_customer: str = ""
    provider_method: str = ""
    refunds: tuple[RefundFact, ...] = ()
    disputes: tuple[DisputeFact, ...] = ()


@dataclass(frozen=True)
class Capabilities:
    """What the provider can do for a kind of method; days are calendar days before the debit date."""

    kind: MethodKind
    earliest_submission_days: int
    latest_submission_days: int
    settles_within_days: int


@dataclass(frozen=True)
class CollectCommand:
    """One off-session debit. ``idempotency_key`` makes it happen at most once; ``submitted_on`` is today's date."""

    account_id: str
    attempt_id: str
    idempotency_key: str
    amount_minor: int
    currency: str
    kind: MethodKind
    provider_customer: str
    provider_method: str
    submitted_on: date
    due_date: date
    mandate: str = ""
    description: str = ""
    invoice_numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class PaySessionCommand:
    """A hosted page for one amount. ``purpose`` is told to the customer; each ``call_number`` opens a page anew."""

    account_id: str
    attempt_id: str
    amount_minor: int
    currency: str
    provider_customer: str
    purpose: str
    return_url: str
    cancel_url: str
    locale: str = ""
    invoice_numbers: tuple[str, ...] = ()
    call_number: int = 1


@dataclass(frozen=True)
class HostedPage:
    """A page of the provider."""

    reference: str
    url: str


@dataclass(frozen=True)
class MethodFacts:
    """A stored method as the provider has it; never a full number.

    ``fingerprint`` tells that two methods are one card or bank account. ``mandate_ended_by`` is the bank's reason, and
    ``creditor_id`` who collects under the mandate as the scheme knows them; empty where the provider does not say.
    """

    provider_method: str
    kind: MethodKind
    label: str
    last_four: str
    expires_on: date | None = None
    provider_customer: str = ""
    provider_mandate: str = ""
    mandate_reference: str = ""
    mandate_status: str = ""  # pending | active | inactive
    mandate_ended_by: str = ""
    creditor_id: str = ""
    fingerprint: str = ""
    acceptance_id: str = ""


@dataclass(frozen=True)
class ProviderEvent:
    """A verified message of the provider: a hint to look, never a fact to book.

    ``references`` are the provider's objects it is about, the nearest first; ``account_id`` and ``attempt_id`` are
    ours, where the object carries them.
    """

    event_id: str
    kind: str
    object_id: str
    created_at: datetime
    account_id: str = ""
    attempt_id: str = ""
    references: tuple[str, ...] = ()
    mandate_status: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Receipt:
    """Money that the provider took for us as the payment ``reference``; ``account_id`` as we wrote it there."""

    account_id: str
    reference: str
    amount_minor: int
    currency: str


class MovementKind(StrEnum):
    """What a movement of a provider's balance is; each is an entry of its own in the books, but for fees."""

    CHARGE = "charge"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"  # the money is with us again
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"  # the same
    FEE = "fee"


@dataclass(frozen=True)
class Movement:
    """One movement of a provider's balance, at its own (real) time.

    ``reference`` is the payment, refund or dispute, as the books name it; ``payment`` the payment it is about.
    ``amount_minor`` is positive; ``fee_minor`` is what the provider kept of it, in ``fee_currency``.
    """

    kind: MovementKind
    reference: str
    payment: str
    amount_minor: int
    currency: str
    at: datetime
    account_id: str = ""
    fee_minor: int = 0
    fee_currency: str = ""


class MovementSource(Protocol):
    """A provider that lists the movements of its balance."""

    @property
    def name(self) -> str: ...
    def list_movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        """Movements made between two real instants (whole seconds, the last one left out)."""
        ...

    async def get(self, reference: str) -> ProviderPayment: ...


class PaymentProvider(Protocol):
    """Looks raise ProviderBusy, ProviderAway or MerchantFault; ``collect`` gives Unknown instead of ProviderAway."""

    @property
    def name(self) -> str: ...
    def capabilities(self, kind: MethodKind) -> Capabilities: ...
    async def ensure_customer(self, account_id: str, brand: str, name: str, email: str) -> str:
        """The provider's customer of an account; the same one however often it is asked for."""
        ...

    async def start_method_setup(
        self,
        account_id: str,
        provider_customer: str,
        currency: str,
        return_url: str,
        cancel_url: str,
        kinds: tuple[MethodKind, ...] = (),
        locale: str = "",
        acceptance_id: str = "",
    ) -> HostedPage:
        """A page on which the customer leaves a method of one of the kinds; of any kind the currency allows when none.

        ``acceptance_id`` names what the customer agreed to and comes back with the method. ``{CHECKOUT_SESSION_ID}`` in
        ``return_url`` becomes the page's reference.
        """
        ...

    def kinds_for(self, currency: str) -> tuple[MethodKind, ...]:
        """The kinds of methods that can be stored for debits in a currency."""
        ...

    async def finished_setup(self, reference: str) -> MethodFacts | None:
        """The method a setup page stored; None while the customer has not finished."""
        ...

    async def attach_method(self, provider_customer: str, provider_method: str, accepted_from: str) -> MethodFacts:
        """Store a method named by the provider for debits without the customer; ``accepted_from`` is an address."""
        ...

    async def get_method(self, provider_method: str) -> MethodFacts:
        """A stored method as it is now; its ``provider_customer`` is empty once it was detached."""
        ...

    async def detach_method(self, provider_method: str) -> None: ...
    async def get_mandate(self, reference: str) -> MethodFacts: ...
    async def collect(self, command: CollectCommand) -> ProviderPayment: ...
    async def get(self, reference: str) -> ProviderPayment: ...
    async def find_by_attempt(self, provider_customer: str, attempt_id: str) -> ProviderPayment | None:
        """The newest payment made for an attempt, by listing the customer's payments; None when there is none."""
        ...

    async def cancel(self, reference: str) -> ProviderPayment: ...
    async def refund(self, reference: str, amount_minor: int, refund_id: str, call_number: int = 1) -> RefundFact:
        """Give money back, once per ``refund_id``; a new ``call_number`` asks under a new idempotency key.

        Raises ProviderAway with ``key_is_spent`` when only a new call number could be answered otherwise.
        """
        ...

    async def open_pay_session(self, command: PaySessionCommand) -> HostedPage: ...
    async def pay_session(self, reference: str) -> ProviderPayment:
        """Where the payment of a hosted page stands: ActionRequired while open, Cancelled when it expired unused."""
        ...

    async def close_pay_session(self, reference: str) -> ProviderPayment:
        """Expire a page; one already paid stays paid, and the answer says so."""
        ...

    def parse_webhook(self, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        """Raises UntrustedWebhook."""
        ...

    def list_events(self, since: datetime) -> AsyncIterator[ProviderEvent]:
        """Events made since a real instant, oldest first."""
        ...

    def list_receipts(self, since: datetime, until: datetime) -> AsyncIterator[Receipt]:
        """Payments whose money became certain between two real instants (whole seconds, the last one left out)."""
        ...
