"""Direct debit by bank file: creditors, bank accounts with mandates, debits and batches, and how they are kept.

A debit moves ``waiting`` (written down) > ``batched`` (in a file) > ``sent`` (the bank has the file) > ``accepted`` >
``settled`` (the money is ours) > ``returned`` (taken back). Beside that: ``held`` (it cannot go as it is: a person
mends the cause), ``rejected`` (never collected), ``cancelled`` (withdrawn before the bank had it).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

BANK_FILES = "bank_files"


class DebitStatus(StrEnum):
    """Where a debit by bank file stands."""

    WAITING = "waiting"
    HELD = "held"
    BATCHED = "batched"
    SENT = "sent"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    REJECTED = "rejected"  # by the bank before settlement, or given up by staff
    RETURNED = "returned"  # sent back or refunded after settlement; or before, when settled_at is empty
    CANCELLED = "cancelled"


class BatchStatus(StrEnum):
    """Where a file to the bank stands."""

    MADE = "made"
    HELD = "held"  # a person keeps it from leaving
    STAGED = "staged"  # lies ready beside the folder that the bank takes files from
    DELIVERED = "delivered"
    REJECTED = "rejected"  # the bank refused the whole file
    WITHDRAWN = "withdrawn"  # taken apart before it left; its debits go into another file


class BatchKind(StrEnum):
    """What a file carries."""

    DEBITS = "debits"
    PAYOUTS = "payouts"


class SequenceType(StrEnum):
    """The place of a debit under its mandate (EPC rulebook)."""

    FIRST = "FRST"
    RECURRENT = "RCUR"
    ONE_OFF = "OOFF"
    FINAL = "FNAL"


class DebitScheme(StrEnum):
    """SEPA's two schemes of direct debit."""

    CORE = "CORE"
    B2B = "B2B"


@dataclass(frozen=True)
class Address:
    """A postal address: town and country always, the street in fields or ``lines`` (hybrid, at most two of 70)."""

    country: str
    town: str = ""
    postal_code: str = ""
    street: str = ""
    building: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Creditor:
    """Whose money a brand's debits become, and what its bank asks for.

    Files are made ``make_hours_before`` the cut-off, ``cut_off_hour_local`` on the day ``lead_banking_days`` before the
    debit date. ``largest_minor`` is the most one debit may take; ``message_version`` like ``pain.008.001.08``.
    """

    brand: str
    revision: int
    name: str
    iban: str
    bic: str
    creditor_id: str
    address: Mapping[str, Any]
    message_version: str
    first_sequence: str
    lead_banking_days: int
    cut_off_hour_local: int
    make_hours_before: int
    largest_minor: int
    delivery: str  # folder | manual
    changed_at: datetime
    author: str
    reason: str


@dataclass(frozen=True)
class BankAccount:
    """A customer's bank account and the mandate to debit it; ``iban_sealed`` is encrypted.

    ``amends_method_id`` is the method under which the same mandate stood before its account or reference changed.
    """

    account_id: str
    method_id: str
    holder_name: str
    iban_sealed: bytes
    bic: str
    address: Mapping[str, Any]
    mandate_reference: str
    signed_on: date
    scheme: str
    one_off: bool
    evidence: Mapping[str, Any]
    created_at: datetime
    amends_method_id: str | None = None


@dataclass(frozen=True)
class BankDebit:
    """One debit of one attempt. ``end_to_end_id`` (35 characters at most, unique everywhere) comes back from the bank.

    ``settled_at`` is when the bank credited us; a debit that came back before that has none. ``returned_minor`` is what
    was taken back, which may be less than ``amount_minor`` never more. ``held_field``, ``held_value`` and
    ``held_remedy`` say why a held debit cannot go.
    """

    account_id: str
    attempt_id: str
    end_to_end_id: str
    brand: str
    method_id: str
    amount_minor: int
    currency: str
    description: str
    mandate_reference: str
    signed_on: date
    scheme: str
    due_on: date
    created_at: datetime
    changed_at: datetime
    sequence: str = ""
    collect_on: date | None = None
    status: str = DebitStatus.WAITING
    reason_code: str = ""
    reason_text: str = ""
    held_field: str = ""
    held_value: str = ""
    held_remedy: str = ""
    batch_id: str | None = None
    settled_at: datetime | None = None
    returned_at: datetime | None = None
    returned_minor: int = 0
    bank_reference: str = ""
    return_reference: str = ""
    amended: bool = False


@dataclass(frozen=True)
class BankBatch:
    """One file to the bank, without its content. Payouts have no sequence; ``collect_on`` is then when they leave."""

    batch_id: str
    brand: str
    collect_on: date
    sequence: str
    scheme: str
    version: str
    message_id: str
    count: int
    control_sum_minor: int
    file_hash: str
    creditor: Mapping[str, Any]
    status: str
    reason: str
    made_at: datetime
    deliver_by: datetime
    delivered_how: str
    author: str
    downloaded_at: datetime | None = None
    delivered_at: datetime | None = None
    kind: str = BatchKind.DEBITS

    @property
    def file_name(self) -> str:
        """The name the file has everywhere; it never changes, so the same file cannot lie there twice."""
        return f"{self.message_id}.xml"


@dataclass(frozen=True)
class MandateUse:
    """``is_used`` by a debit in a file that has not failed; ``last_on`` is the date of the last one of these.

    ``creditor`` is the creditor of that file, as it was then; empty for a mandate that was never used.
    """

    is_used: bool = False
    last_on: date | None = None
    creditor: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DebitFilter:
    """Which debits are asked for; empty fields do not narrow."""

    brand: str = ""
    account_id: str = ""
    statuses: Collection[str] = field(default_factory=tuple)
    due_until: date | None = None
    batch_id: str = ""


class BankFileRepository(Protocol):
    """Everything about direct debit by bank file."""

    async def creditor(self, brand: str) -> Creditor | None:
        """The creditor in force; None when the brand has none."""
        ...

    async def creditors(self) -> Sequence[Creditor]:
        """Those in force, of all brands that have one."""
        ...

    async def add_creditor(self, creditor: Creditor) -> None: ...
    async def add_account(self, account: BankAccount) -> None: ...
    async def account(self, account_id: str, method_id: str) -> BankAccount: ...
    async def claim_reference(self, reference: str, account_id: str, attempt_id: str) -> bool:
        """Make a reference ours for ever; False when another account or attempt has it."""
        ...

    async def add_debit(self, debit: BankDebit) -> bool:
        """False when the attempt has its debit already."""
        ...

    async def debit(self, account_id: str, attempt_id: str) -> BankDebit | None: ...
    async def lock_debit(self, account_id: str, attempt_id: str) -> BankDebit | None:
        """The same, kept from others until the end of the transaction."""
        ...

    async def debits(
        self, wanted: DebitFilter, after: tuple[str, str] | None = None, limit: int = 1000
    ) -> Sequence[BankDebit]:
        """In the order of account and attempt, to be paged by the last one."""
        ...

    async def lock_debits(self, wanted: DebitFilter, limit: int) -> Sequence[BankDebit]:
        """The oldest first; those that another worker has at the moment are left out."""
        ...

    async def change_debit(self, account_id: str, attempt_id: str, values: Mapping[str, Any]) -> None: ...
    async def change_debits_of(self, batch_id: str, statuses: Collection[str], values: Mapping[str, Any]) -> int:
        """Change all of a batch that stand so; how many."""
        ...

    async def mandate_use(self, account_id: str, method_id: str, attempt_id: str = "") -> MandateUse:
        """How the method's mandate was used by other debits than the attempt's."""
        ...

    async def creditor_at(self, brand: str, at: datetime) -> Creditor | None:
        """The creditor in force at an instant; the first one where it is before that."""
        ...

    async def unused_since(self, day: date, limit: int) -> Sequence[tuple[str, str]]:
        """Account and method of usable mandates, signed before a day, that no debit in a file has used since."""
        ...

    async def move_waiting(self, account_id: str, from_method_id: str, to_method_id: str, reference: str) -> int:
        """Debits that are in no file yet go under another method, and its mandate's reference; how many."""
        ...

    async def lock_making(self, brand: str) -> bool:
        """Until the end of the transaction nobody else makes files of the brand; False while somebody does."""
        ...

    async def next_batch_id(self) -> str: ...
    async def add_batch(self, batch: BankBatch, content_sealed: bytes, debits: Sequence[BankDebit]) -> None:
        """Store the file and which debits it carries; what carried them before counts no more. Payouts carry none."""
        ...

    async def batch(self, batch_id: str) -> BankBatch: ...
    async def lock_batch(self, batch_id: str) -> BankBatch: ...
    async def batch_of_message(self, message_id: str) -> BankBatch | None: ...
    async def batches(
        self, brand: str = "", statuses: Collection[str] = (), after: str | None = None, limit: int = 100
    ) -> Sequence[BankBatch]:
        """The newest first; ``after`` is the last one of the page before."""
        ...

    async def content_of(self, batch_id: str) -> bytes:
        """The sealed bytes of the file."""
        ...

    async def change_batch(self, batch_id: str, values: Mapping[str, Any]) -> None: ...
