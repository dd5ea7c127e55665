"""What banks told us: their files, statements, entries with payments, and statuses, and how they are kept.

A file is known by its content; an entry is kept once, whatever files bring it (``billing.domain.bank_entry_pairing``).
What a payment or a status leads to is its ``effect``, empty until it was carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, BinaryIO, Protocol

from billing.domain.bank_entry_pairing import EntryKey
from billing.domain.bank_statement import BankMessage, EntryDetail, Statement, StatementEntry, StatusReport
from billing.domain.bank_statement_checks import StatementPlace

BANK_TRANSFER = "bank_transfer"
ReadBankFile = Callable[[BinaryIO], BankMessage]


class BankFileStatus(StrEnum):
    """What became of a file."""

    HELD = "held"  # a doubt about it: a person decides, and nothing of it is booked
    TAKEN = "taken"
    REJECTED = "rejected"  # put aside by a person


class Effect(StrEnum):
    """What a payment or a status led to."""

    SETTLED = "settled"  # our debit is paid
    RETURNED = "returned"  # our debit came back
    REJECTED = "rejected"  # our debit was refused before it moved money
    HELD = "held"  # our debit or file was refused for our own fault: staff mends it
    ACCEPTED = "accepted"  # the bank will collect it
    TRANSFER = "transfer"  # a customer paid an invoice
    FEE = "fee"  # the bank's own charge
    PAID_OUT = "paid_out"  # a payout of ours has left
    SENT_BACK = "sent_back"  # what a person decided to give back has left
    SUSPENSE = "suspense"  # it belongs to nobody yet
    REPLACED = "replaced"  # its single payments came later, and count instead
    NOTHING = "nothing"  # it says nothing new


@dataclass(frozen=True)
class BankStatementFile:
    """A file as it was taken or held. ``doubts`` are sentences with amounts; ``not_booked`` is only announced."""

    file_id: str
    content_hash: str
    name: str
    kind: str
    version: str
    message_id: str
    source: str
    author: str
    received_at: datetime
    status: str
    doubts: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    entries: int = 0
    new_entries: int = 0
    not_booked: int = 0
    decided_by: str = ""
    decision_reason: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True)
class KeptEntry:
    """An entry as it is kept. ``content`` is the digest of its payments, empty while none are known."""

    entry_id: str
    bank_account: str
    currency: str
    amount_minor: int
    booked_on: date
    is_reversal: bool
    bank_reference: str
    content: str
    transaction_code: str = ""
    batch_message_id: str = ""
    payment_information_id: str = ""
    text: str = ""

    @property
    def key(self) -> EntryKey:
        """What it is known by."""
        basics = (self.amount_minor, self.currency, self.booked_on, self.is_reversal)
        return EntryKey(basics, self.bank_reference, self.content)


@dataclass(frozen=True)
class KeptPayment:
    """One payment of an entry; position 0 is the whole entry, of which no single payments are known."""

    entry_id: str
    position: int
    amount_minor: int
    end_to_end_id: str
    mandate_id: str
    payment_information_id: str
    bank_reference: str
    original_minor: int | None
    charges_minor: int
    return_code: str
    return_text: str
    counterparty_name: str
    counterparty_last_four: str
    remittance: str
    structured_reference: str
    effect: str = ""
    explanation: str = ""

    @property
    def reference(self) -> str:
        """Its name in our books."""
        return f"{self.entry_id}-{self.position}"


@dataclass(frozen=True)
class KeptStatus:
    """What the bank said of a debit, a batch or a file."""

    file_id: str
    position: int
    status: str
    message_id: str
    payment_information_id: str
    end_to_end_id: str
    reason_code: str
    reason_text: str
    effect: str = ""
    explanation: str = ""


@dataclass(frozen=True)
class FileEffects:
    """How often each effect is found among the payments that a file was the first to bring, with their sum."""

    effect: str
    count: int
    amount_minor: int
    currency: str


@dataclass(frozen=True)
class FoundInvoice:
    """An invoice with one of the numbers that were looked for."""

    account_id: str
    invoice_id: str
    number: str
    brand: str


@dataclass(frozen=True)
class News:
    """Something that an account's process has still to be told."""

    account_id: str
    attempt_id: str
    reference: str


class BankStatementRepository(Protocol):
    """Everything that came from banks."""

    async def lock(self) -> None:
        """One file is stored at a time, until the end of the transaction: the same entry in two files is seen."""
        ...

    async def own_accounts(self) -> Mapping[str, Sequence[str]]:
        """Our bank accounts by IBAN, those of earlier revisions of creditors too, each with the brands it is of."""
        ...

    async def file_of(self, content_hash: str) -> BankStatementFile | None: ...
    async def file(self, file_id: str) -> BankStatementFile:
        """Raises NotFound."""
        ...

    async def lock_file(self, file_id: str) -> BankStatementFile: ...
    async def files(self, status: str = "", before: str = "", limit: int = 100) -> Sequence[BankStatementFile]:
        """Newest first."""
        ...

    async def add_file(self, values: Mapping[str, Any]) -> BankStatementFile: ...
    async def change_file(self, file_id: str, values: Mapping[str, Any]) -> None: ...
    async def content_of(self, file_id: str) -> bytes | None:
        """The sealed content of a held file."""
        ...

    async def last_place(self, bank_account: str) -> StatementPlace | None:
        """The newest statement taken of an account."""
        ...

    async def never_stated(self, limit: int) -> Sequence[KeptEntry]:
        """Entries told by a notification or report, of days that a later statement closed without them."""
        ...

    async def same_place(self, statement: Statement) -> StatementPlace | None:
        """The statement taken under the same number and page within the last year, if any."""
        ...

    async def add_place(self, file_id: str, position: int, statement: Statement) -> None: ...
    async def entries_between(self, bank_account: str, first: date, last: date) -> Sequence[KeptEntry]: ...
    async def add_entries(
        self, file_id: str, bank_account: str, entries: Sequence[StatementEntry], *, stated: bool
    ) -> Sequence[str]:
        """Keep new entries with their payments; their identities, in order."""
        ...

    async def learn(self, entry_id: str, key: EntryKey, file_id: str, *, stated: bool) -> None:
        """Note that another file holds an entry, and what it knows more of it."""
        ...

    async def add_payments(
        self, entry_id: str, details: Sequence[EntryDetail], effect: str = "", explanation: str = ""
    ) -> None:
        """Keep the single payments of an entry that was kept without."""
        ...

    async def add_statuses(self, file_id: str, statuses: Sequence[StatusReport]) -> None: ...
    async def waiting_payments(self, limit: int) -> Sequence[tuple[str, int]]:
        """Entry and position of payments not carried out, oldest first."""
        ...

    async def waiting_statuses(self, limit: int) -> Sequence[tuple[str, int]]: ...
    async def lock_payment(self, entry_id: str, position: int) -> tuple[KeptEntry, KeptPayment]: ...
    async def lock_status(self, file_id: str, position: int) -> KeptStatus: ...
    async def finish_payment(self, entry_id: str, position: int, effect: str, explanation: str) -> None: ...
    async def finish_status(self, file_id: str, position: int, effect: str, explanation: str) -> None: ...
    async def effects_of(self, file_id: str) -> Sequence[FileEffects]: ...
    async def payments_of(self, file_id: str, effect: str, limit: int) -> Sequence[KeptPayment]: ...
    async def invoices_numbered(self, numbers: Sequence[str]) -> Sequence[FoundInvoice]: ...
    async def add_news(self, news: News, at: datetime) -> None: ...
    async def news(self, limit: int) -> Sequence[News]:
        """What was not told yet, oldest first."""
        ...

    async def drop_news(self, news: News) -> None: ...
