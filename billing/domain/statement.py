"""A statement of account: what a customer owed, every money event of a period, and what is owed at its end.

Built from the ledger's entries alone. What a customer owes in one currency is the sum of the receivable and the credit
postings: positive is owed to us, negative is held for the customer. So an entry changes the balance by its postings on
these two, and a balance is the sum of all entries before it; nothing else is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from billing.domain.ledger import Entry, EntryKind, LedgerAccount, Posting

_CUSTOMERS = (LedgerAccount.RECEIVABLE, LedgerAccount.CUSTOMER_CREDIT)
NOT_DUE = "not due"
# The last day overdue of each bucket of age.
BUCKETS = ((30, "1-30 days"), (60, "31-60 days"), (90, "61-90 days"))
OLDEST = "over 90 days"


@dataclass(frozen=True)
class StatementLine:
    """One money event: ``amount_minor`` is what the customer owes more (positive) or less for it.

    ``balance_minor`` is what is owed after it; ``invoice_ids`` are the documents it touches; ``reference`` names its
    cause, at ``provider``. An event that moves money between what the customer owes and the credit held has amount 0.
    """

    at: datetime
    kind: EntryKind
    provider: str
    reference: str
    amount_minor: int
    balance_minor: int
    invoice_ids: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class CurrencyStatement:
    """One currency of a statement; ``open_minor`` is what is open per invoice at its end, ``credit_minor`` the credit.

    Always: ``closing_minor`` is ``opening_minor`` and the lines' amounts, and also what is open less the credit.
    """

    currency: str
    opening_minor: int
    lines: tuple[StatementLine, ...]
    closing_minor: int
    open_minor: Mapping[str, int] = field(default_factory=dict)
    credit_minor: int = 0


def statements_of(entries: Iterable[Entry], since: datetime, until: datetime) -> tuple[CurrencyStatement, ...]:
    """A statement per currency of the half-open period, in order of the currency; entries in the order of booking."""
    before_end = sorted((one for one in entries if one.at < until), key=lambda one: one.at)
    currencies = sorted({posting.currency for one in before_end for posting in one.postings if _is_customers(posting)})
    return tuple(_statement(before_end, since, currency) for currency in currencies)


def _statement(entries: Sequence[Entry], since: datetime, currency: str) -> CurrencyStatement:
    touching = [one for one in entries if any(_counts(each, currency) for each in one.postings)]
    opening = sum(_change(one, currency) for one in touching if one.at < since)
    balance, lines = opening, list[StatementLine]()
    for one in touching:
        if one.at >= since:
            change = _change(one, currency)
            balance += change
            lines.append(_line(one, currency, change, balance))
    open_minor: dict[str, int] = {}
    for one in touching:
        for posting in one.postings:
            if posting.currency == currency and posting.ledger_account is LedgerAccount.RECEIVABLE:
                name = posting.invoice_id or ""
                open_minor[name] = open_minor.get(name, 0) + posting.amount_minor
    left = {name: amount for name, amount in open_minor.items() if amount}
    return CurrencyStatement(currency, opening, tuple(lines), balance, left, sum(left.values()) - balance)


def _line(entry: Entry, currency: str, change: int, balance: int) -> StatementLine:
    named = [one.invoice_id for one in entry.postings if one.currency == currency and one.invoice_id is not None]
    return StatementLine(
        entry.at,
        entry.kind,
        entry.provider,
        entry.reference,
        change,
        balance,
        tuple(dict.fromkeys(named)),
        entry.reason,
    )


def _is_customers(posting: Posting) -> bool:
    return posting.ledger_account in _CUSTOMERS


def _counts(posting: Posting, currency: str) -> bool:
    return _is_customers(posting) and posting.currency == currency


def _change(entry: Entry, currency: str) -> int:
    return sum(one.amount_minor for one in entry.postings if _counts(one, currency))


def days_overdue(due_on: date, on: date) -> int:
    """Whole days since the due date; 0 when it has not passed."""
    return max(0, (on - due_on).days)


def bucket_of(days: int) -> str:
    """The age of an open amount as ageing lists name it."""
    if days <= 0:
        return NOT_DUE
    return next((name for last, name in BUCKETS if days <= last), OLDEST)
