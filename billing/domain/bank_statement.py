"""What a bank tells about our account, independent of the file it wrote it in.

A *statement* (camt.053) has balances and follows the one before; a *notification* (camt.054) only tells of entries,
early or with more detail; a *report* (camt.052) tells of the running day, whose balances are not final. An *entry* is
one booking on the account; its *details* are the single payments that it sums up. A *status* (pain.002) says what
became of what we handed in, and moves no money. Amounts are minor units: of an entry and a balance signed, positive
when the account has more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class MessageKind(StrEnum):
    """The messages of ISO 20022 that are read."""

    STATUS = "pain.002"
    STATEMENT = "camt.053"
    NOTIFICATION = "camt.054"
    REPORT = "camt.052"


@dataclass(frozen=True, slots=True)
class Counterparty:
    """Who is at the other end of a payment. ``account`` is an IBAN or the bank's other number; empty: not said."""

    name: str = ""
    account: str = ""
    bic: str = ""


@dataclass(frozen=True, slots=True)
class EntryDetail:
    """One payment within an entry. ``amount_minor`` is signed like the entry's, ``original_minor`` never is.

    ``original_minor`` is what was once instructed, where the bank says it: a return may take more, for its fee.
    ``charges_minor`` is what the bank says that it took for itself, within the amount.
    """

    amount_minor: int
    end_to_end_id: str = ""
    mandate_id: str = ""
    payment_information_id: str = ""
    message_id: str = ""
    bank_reference: str = ""
    original_minor: int | None = None
    charges_minor: int = 0
    return_code: str = ""
    return_text: str = ""
    counterparty: Counterparty = Counterparty()
    remittance: str = ""
    structured_reference: str = ""


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One booking. ``details`` may be empty: a sum of payments that another message lists."""

    amount_minor: int
    currency: str
    booked_on: date
    value_on: date | None = None
    is_booked: bool = True
    is_reversal: bool = False
    entry_reference: str = ""
    bank_reference: str = ""
    transaction_code: str = ""
    batch_message_id: str = ""
    payment_information_id: str = ""
    transaction_count: int | None = None
    charges_minor: int = 0
    text: str = ""
    details: tuple[EntryDetail, ...] = ()

    @property
    def is_fee(self) -> bool:
        """True for what the bank takes for its own service, by the bank transaction code of ISO 20022."""
        return self.amount_minor < 0 and self.transaction_code.rpartition("/")[2] in FEE_SUBFAMILIES


# Sub-families of the bank transaction code that are charges, commissions and their like.
FEE_SUBFAMILIES = frozenset({"CHRG", "COMM", "FEES", "OFEE"})


@dataclass(frozen=True, slots=True)
class DeclaredTotals:
    """The summary that a statement may carry; amounts never signed."""

    count: int | None = None
    credit_count: int | None = None
    credit_minor: int | None = None
    debit_count: int | None = None
    debit_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What one statement or notification says of one account.

    ``sequence`` counts up by one from statement to statement; a statement in pages has one, with a ``page`` each.
    """

    statement_id: str
    account: str
    currency: str
    sequence: int | None = None
    page: int = 1
    is_last_page: bool = True
    opening_minor: int | None = None
    closing_minor: int | None = None
    closing_on: date | None = None
    totals: DeclaredTotals = DeclaredTotals()
    entries: tuple[StatementEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What the bank says of a file, a batch or one debit that we handed in: the narrowest that is named.

    ``end_to_end_id`` empty: the whole batch ``payment_information_id``; that empty too: the whole file.
    """

    status: str  # ACCP ACTC ACSP ACSC ACWC PDNG PART RJCT ...
    message_id: str
    payment_information_id: str = ""
    end_to_end_id: str = ""
    reason_code: str = ""
    reason_text: str = ""


@dataclass(frozen=True, slots=True)
class BankMessage:
    """A file as it was read. ``version`` is as declared, like ``camt.053.001.08``; empty when it is not."""

    kind: MessageKind
    version: str
    message_id: str
    created_at: str
    statements: tuple[Statement, ...] = ()
    statuses: Sequence[StatusReport] = field(default=())
