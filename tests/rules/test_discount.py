"""Discounts come off in order, on their dates, under their conditions, and never below zero."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.discount import Discount, apply_discounts
from billing.domain.errors import InvalidValue
from billing.domain.money import Money, total

TODAY = date(2026, 6, 15)


def a_discount(**fields: Any) -> Discount:
    """A discount from its JSON fields; ten percent unless told otherwise."""
    return Discount.from_dict({"code": "loyal"} | (fields if fields else {"percent": "10"}))


def euro(amount: str) -> Money:
    """An amount of euro."""
    return Money.from_decimal(Decimal(amount), "EUR")


@pytest.mark.parametrize(
    ("subtotal", "discounts", "net"),
    [
        ("42.10", [], "42.10"),
        ("42.10", [{"percent": "10"}], "37.89"),
        ("0.05", [{"percent": "10"}], "0.04"),
        ("42.10", [{"percent": "100"}], "0.00"),
        ("42.10", [{"amount": "5"}], "37.10"),
        ("4.10", [{"amount": "5"}], "0.00"),
        ("100", [{"percent": "10"}, {"amount": "5"}], "85.00"),
        ("100", [{"amount": "5"}, {"percent": "10"}], "85.50"),
        ("100", [{"percent": "10", "order": 2}, {"amount": "5", "order": 1}], "85.50"),
        ("100", [{"percent": "10"}, {"percent": "10"}], "81.00"),
        ("0", [{"amount": "5"}], "0.00"),
        ("-10", [{"percent": "50"}], "-10.00"),
        ("49.99", [{"amount": "5", "minimum_subtotal": "50"}], "49.99"),
        ("50.00", [{"amount": "5", "minimum_subtotal": "50"}], "45.00"),
        ("52", [{"amount": "4"}, {"amount": "5", "minimum_subtotal": "50"}], "43.00"),
        ("100", [{"percent": "10", "valid_from": "2026-06-15"}], "90.00"),
        ("100", [{"percent": "10", "valid_from": "2026-06-16"}], "100.00"),
        ("100", [{"percent": "10", "valid_to": "2026-06-15"}], "100.00"),
        ("100", [{"percent": "10", "valid_to": "2026-06-16"}], "90.00"),
    ],
)
def test_discounts_leave_the_net(subtotal: str, discounts: list[dict[str, Any]], net: str) -> None:
    breakdown = apply_discounts(euro(subtotal), [a_discount(**fields) for fields in discounts], TODAY)
    assert breakdown.net == euro(net)
    assert len(breakdown.applied) + len(breakdown.skipped) == len(discounts)


def test_what_did_not_apply_says_why() -> None:
    late = a_discount(code="late", percent="5", valid_from="2027-01-01")
    big = a_discount(code="big", percent="5", minimum_subtotal="500")
    breakdown = apply_discounts(euro("100"), [late, big], TODAY)
    assert [(each.code, each.reason) for each in breakdown.skipped] == [
        ("late", "it begins on 2027-01-01"),
        ("big", "it needs a subtotal of 500 EUR"),
    ]


def test_what_applied_explains_its_amount() -> None:
    breakdown = apply_discounts(euro("7.10"), [a_discount(percent="10"), a_discount(amount="9")], TODAY)
    assert [each.explanation for each in breakdown.applied] == [
        "10 % of 7.10 EUR = 0.71 EUR",
        "9 EUR, at most the remaining 6.39 EUR",
    ]


def test_a_dated_discount_needs_a_date() -> None:
    breakdown = apply_discounts(euro("10"), [a_discount(percent="10", valid_from="2026-01-01")])
    assert breakdown.net == euro("10")


def test_a_discount_in_another_currency_is_refused() -> None:
    with pytest.raises(InvalidValue, match="USD"):
        apply_discounts(euro("10"), [a_discount(amount="5", currency="USD")], TODAY)


a_discount_strategy = st.one_of(
    st.builds(Discount, code=st.just("p"), name=st.just("p"), percent=st.decimals(0, 100, places=2)),
    st.builds(Discount, code=st.just("a"), name=st.just("a"), amount=st.decimals(0, 500, places=2)),
)


@given(st.integers(-100_000, 1_000_000), st.lists(a_discount_strategy, max_size=6))
def test_discounts_conserve_the_subtotal_and_never_go_below_zero(amount_minor: int, discounts: list[Discount]) -> None:
    subtotal = Money(amount_minor, "EUR")
    breakdown = apply_discounts(subtotal, discounts, TODAY)
    assert breakdown.net + total((each.amount for each in breakdown.applied), "EUR") == subtotal
    assert breakdown.net + breakdown.discounted == subtotal
    assert breakdown.discounted.amount_minor >= 0
    assert breakdown.net.amount_minor >= min(0, amount_minor)


@pytest.mark.parametrize(
    "fields",
    [
        {"percent": "12.5", "valid_from": "2026-01-01", "valid_to": "2026-07-01"},
        {"amount": "5.00", "currency": "EUR", "minimum_subtotal": "50", "order": 3, "name": "Welcome"},
    ],
)
def test_a_discount_reads_back_what_it_wrote(fields: dict[str, Any]) -> None:
    discount = a_discount(**fields)
    assert Discount.from_dict(discount.to_dict()) == discount


@pytest.mark.parametrize(
    ("fields", "bad_field"),
    [
        ({"order": 1}, "percent"),
        ({"percent": "5", "amount": "5"}, "percent"),
        ({"percent": "100.5"}, "percent"),
        ({"percent": 12.5}, "percent"),
        ({"amount": "-5"}, "amount"),
        ({"percent": "5", "valid_from": "yesterday"}, "valid_from"),
        ({"percent": "5", "valid_from": "2026-06-01", "valid_to": "2026-06-01"}, "valid_to"),
        ({"percent": "5", "until": "2026-06-01"}, "until"),
    ],
)
def test_a_bad_discount_is_refused_by_field(fields: dict[str, Any], bad_field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        a_discount(**fields)
    assert refused.value.field == bad_field
