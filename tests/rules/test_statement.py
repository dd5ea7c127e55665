"""A statement of account says what the ledger says, for every row of entries and every period."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain import ledger as books
from billing.domain.ledger import Entry, EntryKind, LedgerAccount
from billing.domain.statement import bucket_of, days_overdue, statements_of

START = datetime(2027, 1, 1, tzinfo=UTC)
CUSTOMERS = (LedgerAccount.RECEIVABLE, LedgerAccount.CUSTOMER_CREDIT)
amounts = st.integers(1, 100_000)
currencies = st.sampled_from(["EUR", "GBP"])


def _entry(kind: str, number: int, at: datetime, amount: int, currency: str) -> Entry:
    invoice = f"inv_{number % 4}"
    match kind:
        case "invoice":
            return books.invoice_issued("acc_1", invoice, at, amount, amount // 5, currency)
        case "credit_note":
            return books.credit_note_issued("acc_1", f"cn_{number}", invoice, at, amount, 0, currency, "why")
        case "payment":
            shares = {invoice: amount // 2}
            return books.payment_received("acc_1", "stripe", f"pi_{number}", at, amount, currency, shares)
        case "refund":
            return books.refund_paid("acc_1", "stripe", f"re_{number}", at, amount, currency, "why")
        case "credit":
            return books.credit_moved("acc_1", f"cr_{number}", at, amount, currency, invoice)
        case "write_off":
            return books.written_off("acc_1", f"wo_{number}", at, {invoice: amount}, currency, "why")
    paid = books.payment_received("acc_1", "stripe", f"pi_{number}", at, amount, currency, {invoice: amount})
    return books.reversed_entry(paid, EntryKind.PAYMENT_REVERSED, f"du_{number}", at, "fraudulent")


KINDS = ("invoice", "credit_note", "payment", "refund", "credit", "write_off", "chargeback")
events = st.tuples(st.sampled_from(KINDS), st.integers(0, 90), amounts, currencies)


@st.composite
def ledgers(draw: st.DrawFn) -> list[Entry]:
    drawn = sorted(draw(st.lists(events, max_size=25)), key=lambda each: each[1])
    return [
        _entry(kind, number, START + timedelta(days=day), amount, currency)
        for number, (kind, day, amount, currency) in enumerate(drawn)
    ]


def _owed(entries: list[Entry], currency: str) -> int:
    return sum(
        one.amount_minor
        for entry in entries
        for one in entry.postings
        if one.ledger_account in CUSTOMERS and one.currency == currency
    )


@given(ledgers(), st.integers(-5, 95), st.integers(0, 60))
def test_balances_are_the_ledgers_and_lines_lead_from_one_to_the_other(
    entries: list[Entry], first_day: int, days: int
) -> None:
    since, until = START + timedelta(days=first_day), START + timedelta(days=first_day + days)
    for one in statements_of(entries, since, until):
        assert one.opening_minor == _owed([each for each in entries if each.at < since], one.currency)
        assert one.closing_minor == _owed([each for each in entries if each.at < until], one.currency)
        assert one.opening_minor + sum(line.amount_minor for line in one.lines) == one.closing_minor
        assert [line.balance_minor for line in one.lines][-1:] in ([], [one.closing_minor])
        assert sum(one.open_minor.values()) - one.credit_minor == one.closing_minor


@given(ledgers(), st.integers(0, 90))
def test_two_statements_in_a_row_join(entries: list[Entry], day: int) -> None:
    middle, end = START + timedelta(days=day), START + timedelta(days=120)
    first = {one.currency: one for one in statements_of(entries, START - timedelta(days=1), middle)}
    second = {one.currency: one for one in statements_of(entries, middle, end)}
    for currency, one in first.items():
        assert second[currency].opening_minor == one.closing_minor
    lines = sum(len(one.lines) for one in (*first.values(), *second.values()))
    touching = [each for each in entries if any(one.ledger_account in CUSTOMERS for one in each.postings)]
    assert lines == len(touching)


def test_money_moved_between_credit_and_an_invoice_changes_nothing_and_is_told() -> None:
    entries = [
        books.invoice_issued("acc_1", "inv_1", START, 1000, 210, "EUR"),
        books.payment_received("acc_1", "stripe", "pi_1", START + timedelta(days=1), 2000, "EUR", {"inv_1": 1210}),
        books.invoice_issued("acc_1", "inv_2", START + timedelta(days=30), 500, 105, "EUR"),
        books.credit_moved("acc_1", "inv_2/inv_2", START + timedelta(days=30), 605, "EUR", "inv_2"),
    ]
    (one,) = statements_of(entries, START, START + timedelta(days=31))
    assert [(line.kind.value, line.amount_minor, line.balance_minor) for line in one.lines] == [
        ("invoice_issued", 1210, 1210),
        ("payment_received", -2000, -790),
        ("invoice_issued", 605, -185),
        ("credit_applied", 0, -185),
    ]
    assert (one.closing_minor, dict(one.open_minor), one.credit_minor) == (-185, {}, 185)


@pytest.mark.parametrize(
    ("days_after", "days", "bucket"),
    [
        (-3, 0, "not due"),
        (0, 0, "not due"),
        (1, 1, "1-30 days"),
        (30, 30, "1-30 days"),
        (31, 31, "31-60 days"),
        (90, 90, "61-90 days"),
        (91, 91, "over 90 days"),
    ],
)
def test_an_open_amount_is_as_old_as_its_due_date(days_after: int, days: int, bucket: str) -> None:
    due_on = date(2027, 3, 2)
    assert days_overdue(due_on, due_on + timedelta(days=days_after)) == days
    assert bucket_of(days) == bucket
