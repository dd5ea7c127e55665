"""Payment methods, mandates, attempts, allocations, pay links and the webhook inbox: what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from billing.messages.payments import MethodKind, PaymentStatus


class MethodStatus(StrEnum):
    """Whether a stored method may be debited."""

    PENDING = "pending"  # set up, mandate not yet active
    USABLE = "usable"
    BLOCKED = "blocked"  # the bank or the customer ended it: never try again
    REMOVED = "removed"


class MandateStatus(StrEnum):
    """A direct-debit mandate as the provider reports it."""

    PENDING = "pending"
    ACTIVE = "active"
    INACTIVE = "inactive"  # revoked, expired or refused


class AttemptPurpose(StrEnum):
    """How money comes: a debit by us, a page the customer pays on, or a transfer the customer made unasked."""

    DEBIT = "debit"
    PAY_SESSION = "pay_session"
    TRANSFER = "transfer"  # booked from the bank's statement; there is nobody to ask about it


class InboxStatus(StrEnum):
    """What became of a webhook."""

    RECEIVED = "received"  # stored, not yet passed on
    DELIVERED = "delivered"  # the account's process was told
    HANDLED = "handled"  # nothing to tell: already booked, or of no interest
    PARKED = "parked"  # about an object we do not know


@dataclass(frozen=True)
class PaymentMethod:
    """A stored way to pay. Never more of an IBAN or card than ``last_four``; ``expires_on`` is a card's last day.

    ``fingerprint`` is the same for every method on one card or bank account; empty where the provider gives none.
    ``expiry_noticed_on`` is the last day of which the customer was told ahead.
    """

    account_id: str
    method_id: str
    kind: MethodKind
    provider: str
    provider_customer: str
    provider_method: str
    label: str  # scheme or bank code: visa, mastercard, sepa
    last_four: str
    status: MethodStatus
    is_default: bool
    created_at: datetime
    expires_on: date | None = None
    blocked_reason: str = ""
    fingerprint: str = ""
    expiry_noticed_on: date | None = None
    mandate_reference: str = ""
    mandate_status: MandateStatus | None = None

    def usable_on(self, day: date) -> bool:
        """True when a debit dated ``day`` may be tried."""
        alive = self.status == MethodStatus.USABLE and (self.expires_on is None or day <= self.expires_on)
        return alive and self._mandate_allows

    @property
    def _mandate_allows(self) -> bool:
        """A Bacs debit may follow an instruction that the bank has not answered yet: it waits for the answer."""
        if self.kind == MethodKind.BACS_DEBIT:
            return self.mandate_status in (MandateStatus.ACTIVE, MandateStatus.PENDING)
        return self.kind != MethodKind.SEPA_DEBIT or self.mandate_status == MandateStatus.ACTIVE


@dataclass(frozen=True)
class Mandate:
    """The customer's permission to debit a bank account; ``provider_mandate`` is the provider's object.

    ``creditor_id`` is who collects, as the scheme knows them; ``ended_by`` the bank's reason. ``confirmed_at`` is when
    the customer was told reference, creditor and notice period.
    """

    account_id: str
    method_id: str
    provider: str
    provider_mandate: str
    reference: str
    status: MandateStatus
    accepted_at: datetime
    creditor_id: str = ""
    ended_by: str = ""
    confirmed_at: datetime | None = None


@dataclass(frozen=True)
class Attempt:
    """One try at a payment, frozen before the provider is called; what the provider said fills in later.

    ``attempt_id`` is the idempotency key. ``call_number`` grows when the provider answered 5xx and made nothing, since
    it replays such an answer under the same key; ``submitted_on`` is the local date that call was made with, since a
    repeated call must be the same. ``called_at`` is real time, all else business time.
    ``expected_minor`` is what was asked for, ``received_minor`` what came. ``return_url`` is the door that a page leads
    back to, empty for the paylink's; ``taken_back_at`` is when the payer's bank took it back, the last time.
    """

    account_id: str
    attempt_id: str
    purpose: AttemptPurpose
    provider: str
    expected_minor: int
    currency: str
    status: PaymentStatus
    created_at: datetime
    method_id: str | None = None
    provider_customer: str = ""
    provider_method: str = ""
    provider_payment: str = ""
    provider_session: str = ""
    session_url: str = ""
    debit_on: date | None = None
    submitted_on: date | None = None
    expected_by: datetime | None = None
    called_at: datetime | None = None
    call_number: int = 1
    received_minor: int = 0
    category: str = ""
    code: str = ""
    settled_at: datetime | None = None
    return_url: str = ""
    taken_back_at: datetime | None = None

    @property
    def idempotency_key(self) -> str:
        """The provider's key for the next create call."""
        return self.attempt_id if self.call_number == 1 else f"{self.attempt_id}/{self.call_number}"


@dataclass(frozen=True)
class Allocation:
    """The part of an attempt meant for one invoice; at most one live allocation per invoice."""

    account_id: str
    attempt_id: str
    invoice_id: str
    amount_minor: int
    live: bool = True


@dataclass(frozen=True)
class Refund:
    """Money given back; ``refund_id`` is the key it was asked for with, ``provider_refund`` the provider's object.

    ``call_number`` grows when the provider answered 5xx, since it replays such an answer under the same key.
    """

    account_id: str
    refund_id: str
    attempt_id: str
    amount_minor: int
    currency: str
    status: str  # requested | succeeded | failed
    reason: str
    author: str
    created_at: datetime
    provider_refund: str = ""
    call_number: int = 1


@dataclass(frozen=True)
class InboxRow:
    """A verified webhook, stored once per (provider, event id) before anything is done about it.

    ``by_webhook`` is False for an event that only the provider's list has told so far.
    """

    provider: str
    event_id: str
    kind: str
    object_id: str
    received_at: datetime
    status: InboxStatus = InboxStatus.RECEIVED
    account_id: str | None = None
    attempt_id: str = ""
    references: Sequence[str] = ()
    payload: Mapping[str, Any] = field(default_factory=dict)
    deliveries: int = 0
    by_webhook: bool = True


class MethodRepository(Protocol):
    """Stored ways to pay, the provider's customers and mandates."""

    async def usable_method(self, account_id: str, at: datetime) -> PaymentMethod | None:
        """The method that would be debited at an instant: the default when usable, else the newest usable one.

        None after a reported death, until a person closed the case about it.
        """
        ...

    async def methods(self, account_id: str) -> Sequence[PaymentMethod]:
        """All methods not removed, newest first."""
        ...

    async def method(self, account_id: str, method_id: str) -> PaymentMethod:
        """Raises NotFound."""
        ...

    async def add_method(self, values: Mapping[str, Any]) -> PaymentMethod: ...
    async def change_method(self, account_id: str, method_id: str, values: Mapping[str, Any]) -> None: ...
    async def make_default(self, account_id: str, method_id: str) -> None: ...
    async def put_mandate(self, mandate: Mandate) -> None: ...
    async def mandate(self, account_id: str, method_id: str) -> Mandate | None: ...
    async def mandates(self, account_id: str) -> Sequence[Mandate]:
        """All mandates of an account, newest first; also of methods that were removed."""
        ...

    async def method_of(self, provider: str, references: Sequence[str]) -> tuple[str, str] | None:
        """Account and method behind one of a provider's methods or mandates."""
        ...

    async def change_mandate(self, account_id: str, method_id: str, values: Mapping[str, Any]) -> None: ...
    async def expiring(self, since: date, until: date, limit: int = 200) -> Sequence[PaymentMethod]:
        """Of any account: cards in use that end within these days and whose customers were not told; for upkeep."""
        ...

    async def unconfirmed(self, limit: int = 200) -> Sequence[Mandate]:
        """Of any account: mandates of methods in use that were not confirmed to the customer yet; for upkeep."""
        ...

    async def customer(self, account_id: str, provider: str) -> str | None: ...
    async def add_customer(self, account_id: str, provider: str, provider_customer: str) -> None: ...


class PaymentRepository(MethodRepository, Protocol):
    """Methods, attempts with their allocations, refunds, pay links and the inbox."""

    async def add_attempt(self, attempt: Attempt, allocations: Sequence[Allocation]) -> None:
        """Raises Conflict when an invoice is held by another live attempt."""
        ...

    async def attempt(self, account_id: str, attempt_id: str) -> Attempt | None: ...
    async def attempts(self, account_id: str) -> Sequence[Attempt]:
        """Newest first."""
        ...

    async def debits_of(self, method: PaymentMethod) -> Sequence[tuple[Attempt, frozenset[str]]]:
        """Debits by a method, or by another one of its account on the same instrument; each with its invoices.

        Oldest first.
        """
        ...

    async def live_attempts(self, account_id: str) -> Sequence[Attempt]:
        """Attempts whose outcome is not certain, pay sessions included."""
        ...

    async def attempts_to_ask(self, now: datetime, limit: int = 500) -> Sequence[Attempt]:
        """Over all accounts: unknown outcomes, and pending ones past ``expected_by``."""
        ...

    async def drop_attempt(self, account_id: str, attempt_id: str) -> None:
        """Forget a try that is written anew in the same transaction: its row is how late money is matched."""
        ...

    async def change_attempt(self, account_id: str, attempt_id: str, values: Mapping[str, Any]) -> None: ...
    async def allocations(self, account_id: str, attempt_id: str) -> Sequence[Allocation]: ...
    async def release(self, account_id: str, attempt_id: str) -> None:
        """The attempt no longer holds its invoices."""
        ...

    async def remember(self, provider: str, reference: str, account_id: str, attempt_id: str) -> None:
        """Note whose a provider's object is."""
        ...

    async def owner_of(self, provider: str, references: Sequence[str]) -> tuple[str, str] | None:
        """Account and attempt of the first of a provider's objects that we know."""
        ...

    async def owners_of(self, provider: str, references: Sequence[str]) -> Mapping[str, str]:
        """The accounts of those of a provider's objects that we know, by reference."""
        ...

    async def add_refund(self, refund: Refund) -> bool:
        """False when this refund was asked for before."""
        ...

    async def refund(self, account_id: str, refund_id: str) -> Refund | None: ...
    async def refunds(self, account_id: str, attempt_id: str) -> Sequence[Refund]: ...
    async def waiting_refunds(self, account_id: str = "", limit: int = 200) -> Sequence[Refund]:
        """Asked for and not made yet, oldest first; of all accounts when none is named."""
        ...

    async def change_refund(self, account_id: str, refund_id: str, values: Mapping[str, Any]) -> None: ...
    async def paylink_revision(self, account_id: str) -> int:
        """1 until revoked for the first time."""
        ...

    async def revoke_paylink(self, account_id: str) -> int:
        """Raise the revision; older links stop working. The new revision."""
        ...

    async def take_in(self, row: InboxRow) -> bool:
        """Store a webhook; False when it is there already."""
        ...

    async def inbox_row(self, provider: str, event_id: str) -> InboxRow | None: ...
    async def undelivered(self, limit: int = 200) -> Sequence[InboxRow]:
        """Received and not yet passed on, oldest first."""
        ...

    async def mark(self, row: InboxRow, values: Mapping[str, Any]) -> None: ...
    async def newest_event_at(self, provider: str) -> datetime | None: ...
    async def events_read_until(self, provider: str) -> datetime | None:
        """When the last complete read of the provider's list of events began; None when there was none."""
        ...

    async def note_events_read(self, provider: str, until: datetime) -> None:
        """Everything that the provider lists up to this instant is here."""
        ...

    async def count_inbox(self) -> Mapping[str, int]: ...
