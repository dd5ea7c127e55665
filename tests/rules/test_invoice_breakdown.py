"""The invoice's computation: sums, discounts before VAT, late usage by difference, credit split to the cent."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.discount import Discount
from billing.domain.invoice import (
    CreditShare,
    DocumentState,
    InvoiceLine,
    Section,
    adjustment_line,
    build_invoice,
    document_state,
    late_lines,
    split_credit,
)
from billing.domain.money import Money
from billing.domain.rating import Counter, PlanDefinition, rate_totals
from billing.domain.tax import TaxedCustomer, TaxTable

TABLE = TaxTable("NL", {"standard": Decimal(21), "reduced": Decimal(9), "zero": Decimal(0)})
CONSUMER = TaxedCustomer("NL")
ON = date(2027, 2, 15)

CALLS = PlanDefinition.from_dict(
    {
        "code": "calls",
        "name": "Calls",
        "currency": "EUR",
        "prices": [
            {
                "code": "voice",
                "name": "Calls",
                "model": "per_unit",
                "meter": "voice_seconds",
                "rate": "0.10",
                "unit_size": 60,
                "minimum": "5.00",
            }
        ],
        "allowances": [{"code": "free", "name": "100 minutes", "meter": "voice_seconds", "quantity": 6000}],
    }
)


def a_line(amount_minor: int, tax_code: str = "standard") -> InvoiceLine:
    return InvoiceLine(Section.SERVICE, "recurring", "Fee", Money(amount_minor, "EUR"), tax_code, "svc_1")


def test_lines_discounts_and_vat_lead_to_the_total() -> None:
    discounts = [
        Discount("ten", "Ten percent", percent=Decimal(10)),
        Discount("late", "Begins later", amount=Decimal(5), valid_from=date(2027, 3, 1)),
    ]
    lines = [a_line(2000), a_line(1000, "reduced"), adjustment_line("Outage", Money(-500, "EUR"), "standard", "why")]
    invoice = build_invoice(lines, discounts, TABLE, CONSUMER, "EUR", ON)
    # 25.00 less 2.50, shared 15:10 as 1.50 and 1.00; 21 % of 13.50 = 2.84 (2.835), 9 % of 9.00 = 0.81.
    assert (invoice.net.amount_minor, invoice.vat.amount_minor, invoice.gross.amount_minor) == (2250, 365, 2615)
    assert [line.description for line in invoice.lines] == ["Fee", "Fee", "Outage", "Ten percent"]
    assert invoice.discounts.skipped[0].reason == "it begins on 2027-03-01"


@given(
    st.lists(st.tuples(st.integers(-5_000, 50_000), st.sampled_from(["standard", "reduced", "zero"])), max_size=12),
    st.integers(0, 100),
)
def test_the_total_is_always_the_sum_of_lines_and_vat(amounts: list[tuple[int, str]], percent: int) -> None:
    lines = [a_line(amount, code) for amount, code in amounts]
    discount = Discount("some", "Some", percent=Decimal(percent))
    invoice = build_invoice(lines, [discount], TABLE, CONSUMER, "EUR", ON)
    assert sum(line.amount.amount_minor for line in invoice.lines) == invoice.net.amount_minor
    assert invoice.gross == invoice.net + invoice.vat
    assert sum(rate.gross.amount_minor for rate in invoice.tax.rates) == invoice.gross.amount_minor


def minutes(count: int) -> Counter:
    return Counter("voice", "", count, count * 60)


@given(st.integers(0, 300), st.integers(1, 300))
def test_late_usage_adds_what_its_cycle_would_have_cost_more(billed: int, late: int) -> None:
    before = rate_totals(CALLS, [minutes(billed)] if billed else [])
    after = rate_totals(CALLS, [minutes(billed + late)])
    lines = late_lines("svc_1", before, after, date(2027, 1, 16), date(2027, 1, 18))
    assert sum(line.amount.amount_minor for line in lines) == (after.subtotal - before.subtotal).amount_minor
    assert sum(line.events for line in lines) == late
    assert all(line.period_from == date(2027, 1, 16) for line in lines)


def test_a_minimum_that_late_usage_overtakes_falls_away() -> None:
    before, after = rate_totals(CALLS, [minutes(101)]), rate_totals(CALLS, [minutes(200)])
    lines = late_lines("svc_1", before, after, date(2027, 1, 16), date(2027, 1, 18))
    # 0.10 and 4.90 up to the minimum were billed; 10.00 is due now: 9.90 more calls, 4.90 less minimum.
    assert [line.amount.amount_minor for line in lines] == [990, -490]


@given(st.lists(st.tuples(st.integers(1, 100_000), st.integers(0, 27)), min_size=1, max_size=4), st.data())
def test_credits_take_back_exactly_what_was_charged(rates: list[tuple[int, int]], data: st.DataObject) -> None:
    shares = [CreditShare(str(rate), "S", net, round(net * rate / 100)) for net, rate in rates]
    total = sum(share.gross_minor for share in shares)
    assert split_credit(total, shares) == tuple(shares)
    credit = data.draw(st.integers(1, total))
    parts = split_credit(credit, shares)
    assert sum(part.gross_minor for part in parts) == credit
    assert all(part.vat_minor >= 0 and part.net_minor >= 0 for part in parts)


@pytest.mark.parametrize(
    ("total", "open_minor", "disputed", "credited", "state"),
    [
        (2420, 2420, 0, 0, DocumentState.OPEN),
        (2420, 2420, 500, 0, DocumentState.DISPUTED),
        (2420, 0, 0, 0, DocumentState.SETTLED),
        (2420, 0, 0, 2420, DocumentState.CREDITED),
        (2420, 0, 0, 100, DocumentState.SETTLED),
        (0, 0, 0, 0, DocumentState.SETTLED),
        (-3630, 0, 0, 0, DocumentState.SETTLED),
    ],
)
def test_the_state_follows_from_the_books(
    total: int, open_minor: int, disputed: int, credited: int, state: DocumentState
) -> None:
    assert document_state(total, open_minor, disputed, credited) is state
