"""VAT is computed per rate on the sum after discounts, and adds up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.money import Money, total
from billing.domain.tax import (
    EUROPEAN_UNION,
    REVERSE_CHARGE_NOTE,
    TaxableLine,
    TaxBreakdown,
    TaxedCustomer,
    TaxTable,
    compute_tax,
    share_discount,
)

BELGIUM = TaxTable.from_dict(
    {"country": "BE", "rates": {"standard": "21", "reduced": "6", "zero": "0", "parking": "6"}}
)


def euro(amount: str) -> Money:
    """An amount of euro."""
    return Money.from_decimal(Decimal(amount), "EUR")


def lines(*pairs: tuple[str, str]) -> list[TaxableLine]:
    """Net lines from pairs of tax code and amount."""
    return [TaxableLine(code, euro(amount)) for code, amount in pairs]


def rates_of(breakdown: TaxBreakdown) -> list[tuple[str, str, str]]:
    """Percent, net and VAT of every rate."""
    return [(str(rate.percent), str(rate.net.decimal), str(rate.vat.decimal)) for rate in breakdown.rates]


@pytest.mark.parametrize(
    ("pairs", "discounted", "rates", "gross"),
    [
        ([], "0", [], "0.00"),
        ([("standard", "100")], "0", [("21", "100.00", "21.00")], "121.00"),
        ([("standard", "0.02"), ("standard", "0.02"), ("standard", "0.02")], "0", [("21", "0.06", "0.01")], "0.07"),
        (
            [("standard", "100"), ("reduced", "50"), ("parking", "50")],
            "0",
            [("21", "100.00", "21.00"), ("6", "100.00", "6.00")],
            "227.00",
        ),
        (
            [("standard", "100"), ("zero", "50")],
            "15",
            [("21", "90.00", "18.90"), ("0", "45.00", "0.00")],
            "153.90",
        ),
        (
            [("standard", "30"), ("reduced", "-10")],
            "6",
            [("21", "24.00", "5.04"), ("6", "-10.00", "-0.60")],
            "18.44",
        ),
        ([("standard", "-10.50")], "0", [("21", "-10.50", "-2.21")], "-12.71"),
    ],
)
def test_vat_per_rate(
    pairs: list[tuple[str, str]], discounted: str, rates: list[tuple[str, str, str]], gross: str
) -> None:
    breakdown = compute_tax(lines(*pairs), euro(discounted), BELGIUM)
    assert rates_of(breakdown) == rates
    assert breakdown.gross == euro(gross)


def test_a_rate_explains_its_vat() -> None:
    (rate,) = compute_tax(lines(("standard", "100")), euro("10"), BELGIUM).rates
    assert rate.explanation == "100.00 EUR less discount 10.00 EUR = 90.00 EUR; 21 % of 90.00 EUR = 18.90 EUR"
    assert (rate.category, rate.gross) == ("S", euro("108.90"))


@pytest.mark.parametrize(
    ("country", "vat_number", "is_reversed"),
    [
        ("NL", "NL123456789B01", True),
        ("NL", "nl 123456789 b01", True),
        ("GR", "EL123456789", True),
        ("NL", "", False),
        ("NL", "BE0123456789", False),
        ("NL", "NL", False),
        ("BE", "BE0123456789", False),
        ("GB", "GB123456789", False),
    ],
)
def test_only_a_business_in_another_member_state_accounts_for_the_vat_itself(
    country: str, vat_number: str, is_reversed: bool
) -> None:
    breakdown = compute_tax(lines(("standard", "100")), euro("0"), BELGIUM, TaxedCustomer(country, vat_number))
    assert breakdown.vat == euro("0" if is_reversed else "21")
    assert breakdown.notes == ((REVERSE_CHARGE_NOTE,) if is_reversed else ())
    assert breakdown.rates[0].category == ("AE" if is_reversed else "S")


def test_a_brand_outside_the_union_has_no_reverse_charge() -> None:
    breakdown = compute_tax(
        lines(("standard", "100")), euro("0"), TaxTable.of_country("GB"), TaxedCustomer("NL", "NL123456789B01")
    )
    assert breakdown.vat == euro("20")


some_lines = st.lists(
    st.builds(
        TaxableLine,
        st.sampled_from(["standard", "reduced", "zero"]),
        st.builds(Money, st.integers(-5_000, 100_000), st.just("EUR")),
    ),
    max_size=12,
)


@given(some_lines, st.integers(0, 100))
def test_net_and_vat_add_up_and_no_discount_is_lost(taxable: list[TaxableLine], percent: int) -> None:
    subtotal = total((line.net for line in taxable), "EUR")
    discounted = Money(max(0, subtotal.amount_minor) * percent // 100, "EUR")
    breakdown = compute_tax(taxable, discounted, BELGIUM)
    assert breakdown.net == subtotal - discounted
    assert breakdown.gross == breakdown.net + breakdown.vat
    assert total((rate.discount for rate in breakdown.rates), "EUR") == discounted
    assert total((rate.gross for rate in breakdown.rates), "EUR") == breakdown.gross


@given(some_lines)
def test_the_order_of_lines_never_changes_the_vat(taxable: list[TaxableLine]) -> None:
    forwards, backwards = (compute_tax(each, euro("0"), BELGIUM) for each in (taxable, taxable[::-1]))
    assert rates_of(forwards) == rates_of(backwards)


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=8).filter(any), st.data())
def test_a_share_of_the_discount_never_exceeds_what_it_is_taken_from(sums: list[int], data: st.DataObject) -> None:
    discounted = data.draw(st.integers(0, sum(sums)))
    shares = share_discount(Money(discounted, "EUR"), [Money(each, "EUR") for each in sums])
    assert sum(share.amount_minor for share in shares) == discounted
    assert all(0 <= share.amount_minor <= whole for share, whole in zip(shares, sums, strict=True))


def test_a_discount_beyond_the_lines_is_refused() -> None:
    with pytest.raises(InvalidValue) as refused:
        compute_tax(lines(("standard", "10")), euro("11"), BELGIUM)
    assert refused.value.field == "discounted"


def test_an_unknown_tax_code_is_refused_and_never_guessed() -> None:
    with pytest.raises(InvalidValue) as refused:
        compute_tax(lines(("luxury", "10")), euro("0"), BELGIUM)
    assert (refused.value.field, refused.value.value) == ("tax_code", "luxury")


def test_every_member_state_has_a_standard_rate() -> None:
    assert len(EUROPEAN_UNION) == 27
    assert all(15 <= TaxTable.of_country(country).percent("standard") <= 27 for country in EUROPEAN_UNION)
    with pytest.raises(InvalidValue):
        TaxTable.of_country("XX")


def test_a_tax_table_reads_back_what_it_wrote() -> None:
    assert TaxTable.from_dict(BELGIUM.to_dict()) == BELGIUM


@pytest.mark.parametrize(
    ("data", "bad_field"),
    [
        ({"rates": {"standard": "21"}}, "country"),
        ({"country": "Belgium", "rates": {"standard": "21"}}, "country"),
        ({"country": "BE"}, "rates"),
        ({"country": "BE", "rates": {}}, "rates"),
        ({"country": "BE", "rates": {"standard": "121"}}, "rates.standard"),
        ({"country": "BE", "rates": {"standard": 5.5}}, "rates.standard"),
        ({"country": "BE", "rates": {"standard": "21"}, "since": "2026"}, "since"),
    ],
)
def test_a_bad_tax_table_is_refused_by_field(data: object, bad_field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        TaxTable.from_dict(data)
    assert refused.value.field == bad_field
