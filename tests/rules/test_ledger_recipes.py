"""The recipe of every money event: who is debited, who is credited, and that it always sums to zero."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain import ledger as books
from billing.domain.errors import InvalidValue
from billing.domain.ledger import Entry, EntryKind, LedgerAccount, Posting

AT = datetime(2027, 2, 16, tzinfo=UTC)


def sides(entry: Entry) -> dict[str, int]:
    """Each ledger account with its sum."""
    sums: dict[str, int] = {}
    for posting in entry.postings:
        sums[posting.ledger_account.value] = sums.get(posting.ledger_account.value, 0) + posting.amount_minor
    return sums


PAYMENT = books.payment_received("acc_1", "stripe", "pi_1", AT, 3000, "EUR", {"inv_1": 2000, "inv_2": 420})


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            books.invoice_issued("acc_1", "inv_1", AT, 2000, 420, "EUR"),
            {"receivable": 2420, "revenue": -2000, "vat": -420},
        ),
        (
            books.credit_note_issued("acc_1", "inv_2", "inv_1", AT, 2000, 420, "EUR", "goodwill"),
            {"receivable": -2420, "revenue": 2000, "vat": 420},
        ),
        (
            books.credit_moved("acc_1", "inv_1", AT, -3630, "EUR", "inv_1"),
            {"customer_credit": -3630, "receivable": 3630},
        ),
        (PAYMENT, {"cash": 3000, "receivable": -2420, "customer_credit": -580}),
        (
            books.reversed_entry(PAYMENT, EntryKind.PAYMENT_REVERSED, "dp_1", AT, "chargeback"),
            {"cash": -3000, "receivable": 2420, "customer_credit": 580},
        ),
        (
            books.refund_paid("acc_1", "stripe", "re_1", AT, 500, "EUR", "asked"),
            {"customer_credit": 500, "cash": -500},
        ),
        (
            books.written_off("acc_1", "case_1", AT, {"inv_1": 100, "inv_2": 20}, "EUR", "gone"),
            {"write_off": 120, "receivable": -120},
        ),
        (
            books.vat_of_bad_debt("acc_1", "vat-1", AT, {"inv_1": 17, "inv_2": 3}, "EUR", "be"),
            {"vat": 20, "write_off": -20},
        ),
    ],
)
def test_each_recipe_debits_and_credits_the_accounts_it_should(entry: Entry, expected: dict[str, int]) -> None:
    assert sides(entry) == expected
    assert sum(expected.values()) == 0


def test_an_entry_that_does_not_balance_is_refused() -> None:
    postings = (Posting(LedgerAccount.CASH, 1, "EUR"), Posting(LedgerAccount.REVENUE, -1, "USD"))
    with pytest.raises(InvalidValue, match="must sum to zero"):
        Entry("acc_1", EntryKind.PAYMENT_RECEIVED, AT, "stripe", "pi_1", postings)


@given(st.integers(0, 10_000), st.lists(st.integers(-100, 3_000), max_size=6))
def test_spreading_pays_the_oldest_first_and_never_more_than_is_open(amount: int, opened: list[int]) -> None:
    invoices = [(f"inv_{place}", each) for place, each in enumerate(opened)]
    shares = books.spread(amount, invoices)
    assert sum(shares.values()) == min(amount, sum(max(each, 0) for each in opened))
    assert all(0 < share <= dict(invoices)[invoice_id] for invoice_id, share in shares.items())
    unpaid = [invoice_id for invoice_id, each in invoices if each > shares.get(invoice_id, 0) and each > 0]
    assert not unpaid or all(invoice_id not in shares for invoice_id in list(dict(invoices))[int(unpaid[0][4:]) + 1 :])
