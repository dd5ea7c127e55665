"""The double-entry ledger: what an entry is, and the recipe of every money event.

Debits are positive, credits negative; an entry sums to zero per currency. Entries are append-only: a correction is a
new entry with a reason. What a customer owes on an invoice is the sum of the receivable postings that name it, so an
invoice's open amount is derived and never set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from billing.domain.errors import InvalidValue


class LedgerAccount(StrEnum):
    """The accounts of the books."""

    RECEIVABLE = "receivable"  # what customers owe, per invoice
    REVENUE = "revenue"  # net amounts invoiced
    VAT = "vat"  # tax owed to the state
    CASH = "cash"  # money at a payment provider or bank
    CUSTOMER_CREDIT = "customer_credit"  # money or credit held for the customer
    DISPUTED_CASH = "disputed_cash"  # taken back by the customer's bank
    WRITE_OFF = "write_off"
    SUSPENSE = "suspense"  # money that came or left and belongs to nobody yet
    BANK_FEES = "bank_fees"  # what the bank keeps for its own service


class EntryKind(StrEnum):
    """What happened. With provider and reference it makes an entry unique."""

    INVOICE_ISSUED = "invoice_issued"
    CREDIT_APPLIED = "credit_applied"
    CREDIT_NOTE = "credit_note"
    PAYMENT_RECEIVED = "payment_received"
    PAYMENT_REVERSED = "payment_reversed"
    REVERSAL_WITHDRAWN = "reversal_withdrawn"
    REFUND_PAID = "refund_paid"
    WRITTEN_OFF = "written_off"
    MONEY_UNASSIGNED = "money_unassigned"
    MONEY_ASSIGNED = "money_assigned"
    MONEY_SENT_BACK = "money_sent_back"
    BANK_FEE = "bank_fee"
    WRITE_OFF_REVERSED = "write_off_reversed"
    VAT_OF_BAD_DEBT = "vat_of_bad_debt"


@dataclass(frozen=True)
class Posting:
    """One line of an entry: ``amount_minor`` is positive for debit, negative for credit."""

    ledger_account: LedgerAccount
    amount_minor: int
    currency: str
    invoice_id: str | None = None


@dataclass(frozen=True)
class Entry:
    """A balanced set of postings. ``provider`` and ``reference`` name its cause and make it count once."""

    account_id: str
    kind: EntryKind
    at: datetime
    provider: str
    reference: str
    postings: tuple[Posting, ...]
    reason: str = ""

    def __post_init__(self) -> None:
        sums: dict[str, int] = {}
        for posting in self.postings:
            sums[posting.currency] = sums.get(posting.currency, 0) + posting.amount_minor
        if any(sums.values()):
            raise InvalidValue(
                f"A ledger entry must sum to zero, but {self.kind} {self.reference} does not.",
                field="postings",
                value=sums,
                remedy="Post the difference to the account it belongs to; never leave it out.",
            )


def invoice_issued(
    account_id: str, invoice_id: str, at: datetime, net_minor: int, vat_minor: int, currency: str
) -> Entry:
    """An invoice makes the customer owe gross: receivable against revenue and VAT; a credit invoice the reverse."""
    return Entry(
        account_id,
        EntryKind.INVOICE_ISSUED,
        at,
        "evenflow",
        invoice_id,
        (
            Posting(LedgerAccount.RECEIVABLE, net_minor + vat_minor, currency, invoice_id),
            Posting(LedgerAccount.REVENUE, -net_minor, currency, invoice_id),
            Posting(LedgerAccount.VAT, -vat_minor, currency, invoice_id),
        ),
    )


def credit_note_issued(
    account_id: str, note_id: str, invoice_id: str, at: datetime, net_minor: int, vat_minor: int, currency: str,
    reason: str,
) -> Entry:  # fmt: skip
    """A credit note takes back part of an invoice; amounts are positive."""
    return Entry(
        account_id,
        EntryKind.CREDIT_NOTE,
        at,
        "evenflow",
        note_id,
        (
            Posting(LedgerAccount.RECEIVABLE, -(net_minor + vat_minor), currency, invoice_id),
            Posting(LedgerAccount.REVENUE, net_minor, currency, invoice_id),
            Posting(LedgerAccount.VAT, vat_minor, currency, invoice_id),
        ),
        reason,
    )


def credit_moved(
    account_id: str, reference: str, at: datetime, amount_minor: int, currency: str, invoice_id: str
) -> Entry:
    """Use credit held for the customer on an invoice (positive), or set a negative invoice aside (negative)."""
    return Entry(
        account_id,
        EntryKind.CREDIT_APPLIED,
        at,
        "evenflow",
        reference,
        (
            Posting(LedgerAccount.CUSTOMER_CREDIT, amount_minor, currency),
            Posting(LedgerAccount.RECEIVABLE, -amount_minor, currency, invoice_id),
        ),
    )


def payment_received(
    account_id: str,
    provider: str,
    reference: str,
    at: datetime,
    received_minor: int,
    currency: str,
    shares: Mapping[str, int],
) -> Entry:
    """Money came in: cash against the invoices it pays (``shares``, minor units); the rest is the customer's credit."""
    surplus = received_minor - sum(shares.values())
    postings = [Posting(LedgerAccount.CASH, received_minor, currency)]
    postings += [
        Posting(LedgerAccount.RECEIVABLE, -share, currency, invoice_id) for invoice_id, share in shares.items() if share
    ]
    if surplus:
        postings.append(Posting(LedgerAccount.CUSTOMER_CREDIT, -surplus, currency))
    return Entry(account_id, EntryKind.PAYMENT_RECEIVED, at, provider, reference, tuple(postings))


def reversed_entry(original: Entry, kind: EntryKind, reference: str, at: datetime, reason: str) -> Entry:
    """The mirror of an entry: a chargeback of a payment, or a refund that failed."""
    mirrored = tuple(
        Posting(posting.ledger_account, -posting.amount_minor, posting.currency, posting.invoice_id)
        for posting in original.postings
    )
    return Entry(original.account_id, kind, at, original.provider, reference, mirrored, reason)


def money_returned(reversal: Entry, reference: str, at: datetime, open_minor: Mapping[str, int], reason: str) -> Entry:
    """A dispute was won: its money pays what is still open of the invoices that the reversal had reopened.

    ``open_minor`` is what each of them owes now, minor units. What was paid, credited or given up meanwhile is not
    owed twice: that part is the customer's credit. Where nothing changed, it is the reversal's mirror.
    """
    returned = -sum(one.amount_minor for one in reversal.postings if one.ledger_account is LedgerAccount.CASH)
    currency = reversal.postings[0].currency
    reopened = reopened_by(reversal)
    shares = spread(returned, [(name, min(minor, open_minor.get(name, 0))) for name, minor in reopened.items()])
    postings = [Posting(LedgerAccount.CASH, returned, currency)]
    postings += [Posting(LedgerAccount.RECEIVABLE, -share, currency, name) for name, share in shares.items()]
    surplus = returned - sum(shares.values())
    if surplus:
        postings.append(Posting(LedgerAccount.CUSTOMER_CREDIT, -surplus, currency))
    kind = EntryKind.REVERSAL_WITHDRAWN
    return Entry(reversal.account_id, kind, at, reversal.provider, reference, tuple(postings), reason)


def reopened_by(reversal: Entry) -> dict[str, int]:
    """What a reversal made owed again, by invoice, minor units."""
    return {
        one.invoice_id: one.amount_minor
        for one in reversal.postings
        if one.ledger_account is LedgerAccount.RECEIVABLE and one.invoice_id is not None
    }


def refund_paid(
    account_id: str, provider: str, reference: str, at: datetime, amount_minor: int, currency: str, reason: str
) -> Entry:
    """Money given back out of the customer's credit (which goes negative when there was none to give)."""
    return Entry(
        account_id,
        EntryKind.REFUND_PAID,
        at,
        provider,
        reference,
        (
            Posting(LedgerAccount.CUSTOMER_CREDIT, amount_minor, currency),
            Posting(LedgerAccount.CASH, -amount_minor, currency),
        ),
        reason,
    )


def written_off(
    account_id: str, reference: str, at: datetime, shares: Mapping[str, int], currency: str, reason: str
) -> Entry:
    """Give up what is open of these invoices."""
    postings = [Posting(LedgerAccount.WRITE_OFF, sum(shares.values()), currency)]
    postings += [Posting(LedgerAccount.RECEIVABLE, -share, currency, name) for name, share in shares.items()]
    return Entry(account_id, EntryKind.WRITTEN_OFF, at, "evenflow", reference, tuple(postings), reason)


def money_unassigned(
    house_account_id: str, provider: str, reference: str, at: datetime, amount_minor: int, currency: str, reason: str
) -> Entry:
    """Money that nobody is known for, kept on the house account until a person decides; negative when it left."""
    postings = (
        Posting(LedgerAccount.CASH, amount_minor, currency),
        Posting(LedgerAccount.SUSPENSE, -amount_minor, currency),
    )
    return Entry(house_account_id, EntryKind.MONEY_UNASSIGNED, at, provider, reference, postings, reason)


def suspense_cleared(
    house_account_id: str, kind: EntryKind, provider: str, reference: str, at: datetime, amount_minor: int,
    currency: str, reason: str,
) -> Entry:  # fmt: skip
    """The other way: the money goes to the account it belongs to (whose own entry receives it), or left the bank."""
    postings = (
        Posting(LedgerAccount.SUSPENSE, amount_minor, currency),
        Posting(LedgerAccount.CASH, -amount_minor, currency),
    )
    return Entry(house_account_id, kind, at, provider, reference, postings, reason)


def bank_fee(
    house_account_id: str, provider: str, reference: str, at: datetime, amount_minor: int, currency: str, reason: str
) -> Entry:
    """What the bank took for itself; negative when it gave some back. Never a matter of a customer's payment."""
    postings = (
        Posting(LedgerAccount.BANK_FEES, amount_minor, currency),
        Posting(LedgerAccount.CASH, -amount_minor, currency),
    )
    return Entry(house_account_id, EntryKind.BANK_FEE, at, provider, reference, postings, reason)


def write_off_reversed(
    account_id: str, reference: str, at: datetime, shares: Mapping[str, int], currency: str, reason: str
) -> Entry:
    """What was given up is owed again: money came in after all, or the write-off is taken back."""
    postings = [Posting(LedgerAccount.RECEIVABLE, share, currency, name) for name, share in shares.items()]
    postings.append(Posting(LedgerAccount.WRITE_OFF, -sum(shares.values()), currency))
    return Entry(account_id, EntryKind.WRITE_OFF_REVERSED, at, "evenflow", reference, tuple(postings), reason)


def still_written_off(entries: Iterable[Entry]) -> dict[str, int]:
    """What is given up of each invoice and was not taken back, minor units; invoices with nothing are left out."""
    left: dict[str, int] = {}
    for entry in entries:
        if entry.kind not in (EntryKind.WRITTEN_OFF, EntryKind.WRITE_OFF_REVERSED):
            continue
        for posting in entry.postings:
            if posting.ledger_account is LedgerAccount.RECEIVABLE and posting.invoice_id is not None:
                left[posting.invoice_id] = left.get(posting.invoice_id, 0) - posting.amount_minor
    return {invoice_id: minor for invoice_id, minor in left.items() if minor > 0}


def vat_of_bad_debt(
    account_id: str, reference: str, at: datetime, changes: Mapping[str, int], currency: str, reason: str
) -> Entry:
    """VAT of invoices that were given up: taken back from the state (positive), so that the loss is net; or owed again.

    The other side is the write-off, which a recovery has made smaller by the same VAT.
    """
    postings = [Posting(LedgerAccount.VAT, minor, currency, invoice_id) for invoice_id, minor in changes.items()]
    postings.append(Posting(LedgerAccount.WRITE_OFF, -sum(changes.values()), currency))
    return Entry(account_id, EntryKind.VAT_OF_BAD_DEBT, at, "evenflow", reference, tuple(postings), reason)


def vat_taken_back(entries: Iterable[Entry]) -> dict[str, int]:
    """The VAT that is taken back of each invoice at the moment; invoices with none are left out."""
    found: dict[str, int] = {}
    for entry in entries:
        for posting in entry.postings if entry.kind is EntryKind.VAT_OF_BAD_DEBT else ():
            if posting.ledger_account is LedgerAccount.VAT and posting.invoice_id is not None:
                found[posting.invoice_id] = found.get(posting.invoice_id, 0) + posting.amount_minor
    return {invoice_id: minor for invoice_id, minor in found.items() if minor}


def spread(amount_minor: int, open_minor: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Share an amount over open invoices, in the order given (oldest first); never more than is open of each."""
    shares: dict[str, int] = {}
    left = amount_minor
    for invoice_id, open_amount in open_minor:
        share = min(left, max(open_amount, 0))
        if share > 0:
            shares[invoice_id] = share
            left -= share
    return shares
