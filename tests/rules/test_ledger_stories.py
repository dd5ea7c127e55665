"""What the books say after whole stories: refunds, chargebacks, credit notes, overpayments, write-offs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from billing.domain import ledger as books
from billing.domain.ledger import Entry, EntryKind, LedgerAccount
from billing.ports.payment_provider import DisputeFact
from billing.services.payment_reversals import reversal_of
from tests.style.source_files import ROOT

AT = datetime(2027, 2, 16, tzinfo=UTC)
ISSUED = books.invoice_issued("acc_1", "inv_1", AT, 2000, 420, "EUR")
LATER = books.invoice_issued("acc_1", "inv_2", AT, 500, 105, "EUR")
PAID = books.payment_received("acc_1", "stripe", "pi_1", AT, 2420, "EUR", {"inv_1": 2420})
PAID_AGAIN = books.payment_received("acc_1", "stripe", "pi_2", AT, 2420, "EUR", {"inv_1": 2420})
PAID_TOO_MUCH = books.payment_received("acc_1", "stripe", "pi_1", AT, 3000, "EUR", {"inv_1": 2420})
PAID_BOTH = books.payment_received("acc_1", "stripe", "pi_1", AT, 3500, "EUR", {"inv_1": 2420, "inv_2": 605})
REFUNDED = books.refund_paid("acc_1", "stripe", "re_1", AT, 580, "EUR", "asked")
NOTE = books.credit_note_issued("acc_1", "inv_9", "inv_1", AT, 1000, 210, "EUR", "goodwill")


def _charged_back(receipt: Entry, amount_minor: int) -> Entry:
    return reversal_of(receipt, DisputeFact("du_1", amount_minor, "EUR", "fraudulent", "open"), AT)


def _won(reversal: Entry, open_minor: int) -> Entry:
    return books.money_returned(reversal, "du_1", AT, {"inv_1": open_minor}, "won")


def _withdrawn(entry: Entry) -> Entry:
    return books.reversed_entry(entry, EntryKind.REVERSAL_WITHDRAWN, entry.reference, AT, "won")


def _moved(amount_minor: int, invoice_id: str) -> Entry:
    return books.credit_moved("acc_1", f"{invoice_id}/use", AT, amount_minor, "EUR", invoice_id)


def _written_off(amount_minor: int) -> Entry:
    return books.written_off("acc_1", "w1", AT, {"inv_1": amount_minor}, "EUR", "gone")


def _balances(entries: Sequence[Entry]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for entry in entries:
        for one in entry.postings:
            name = one.invoice_id if one.ledger_account is LedgerAccount.RECEIVABLE else one.ledger_account.value
            assert name is not None
            sums[name] = sums.get(name, 0) + one.amount_minor
    return {name: amount for name, amount in sums.items() if amount}


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param([ISSUED, PAID], {"revenue": -2000, "vat": -420, "cash": 2420}, id="paid"),
        pytest.param(
            [ISSUED, PAID_TOO_MUCH],
            {"revenue": -2000, "vat": -420, "cash": 3000, "customer_credit": -580},
            id="what is paid too much is kept as credit",
        ),
        pytest.param(
            [ISSUED, PAID_TOO_MUCH, REFUNDED],
            {"revenue": -2000, "vat": -420, "cash": 2420},
            id="credit is given back by command",
        ),
        pytest.param(
            [ISSUED, PAID_TOO_MUCH, REFUNDED, _withdrawn(REFUNDED)],
            {"revenue": -2000, "vat": -420, "cash": 3000, "customer_credit": -580},
            id="a refund that fails is credit again",
        ),
        pytest.param(
            [ISSUED, PAID_TOO_MUCH, LATER, _moved(580, "inv_2")],
            {"revenue": -2500, "vat": -525, "cash": 3000, "inv_2": 25},
            id="credit is used on the next invoice",
        ),
        pytest.param(
            [ISSUED, PAID, _charged_back(PAID, 2420)],
            {"revenue": -2000, "vat": -420, "inv_1": 2420},
            id="a chargeback opens the invoice again",
        ),
        pytest.param(
            [ISSUED, PAID, _charged_back(PAID, 2420), _won(_charged_back(PAID, 2420), 2420)],
            {"revenue": -2000, "vat": -420, "cash": 2420},
            id="a dispute that is won is paid again",
        ),
        pytest.param(
            [ISSUED, PAID, _charged_back(PAID, 2420), PAID_AGAIN, _won(_charged_back(PAID, 2420), 0)],
            {"revenue": -2000, "vat": -420, "cash": 4840, "customer_credit": -2420},
            id="a dispute that is won after the customer paid otherwise is the customer's credit",
        ),
        pytest.param(
            [ISSUED, PAID, _charged_back(PAID, 2420), NOTE, _won(_charged_back(PAID, 2420), 1210)],
            {"revenue": -1000, "vat": -210, "cash": 2420, "customer_credit": -1210},
            id="a dispute that is won after a part was credited pays the rest only",
        ),
        pytest.param(
            [ISSUED, PAID_TOO_MUCH, _charged_back(PAID_TOO_MUCH, 3000), _won(_charged_back(PAID_TOO_MUCH, 3000), 2420)],
            {"revenue": -2000, "vat": -420, "cash": 3000, "customer_credit": -580},
            id="a dispute that is won gives back the credit it had taken",
        ),
        pytest.param(
            [ISSUED, LATER, PAID_BOTH, _charged_back(PAID_BOTH, 1000)],
            {"revenue": -2500, "vat": -525, "cash": 2500, "inv_2": 525},
            id="a part charged back takes the credit first, then the newest invoice",
        ),
        pytest.param(
            [ISSUED, NOTE],
            {"revenue": -1000, "vat": -210, "inv_1": 1210},
            id="a credit note takes back revenue and VAT",
        ),
        pytest.param(
            [ISSUED, _written_off(2420)],
            {"revenue": -2000, "vat": -420, "write_off": 2420},
            id="written off: the revenue stays, the loss is shown",
        ),
        pytest.param(
            [
                ISSUED,
                PAID,
                books.refund_paid("acc_1", "stripe", "re_2", AT, 1000, "EUR", "x"),
                _charged_back(PAID, 2420),
            ],
            {"revenue": -2000, "vat": -420, "cash": -1000, "customer_credit": 1000, "inv_1": 2420},
            id="refunded and charged back: the part paid out twice stands in credit against the customer",
        ),
    ],
)
def test_a_story_leaves_these_balances(story: Sequence[Entry], expected: dict[str, int]) -> None:
    assert _balances(story) == expected
    assert sum(expected.values()) == 0


def test_the_page_about_the_ledger_names_every_account_and_every_kind_of_entry() -> None:
    page = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    missing = [f"`{each.value}`" for each in (*LedgerAccount, *EntryKind) if f"`{each.value}`" not in page]
    assert missing == []
