"""Money."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.money import CurrencyMismatch, Money, minor_digits, total

amounts = st.integers(min_value=-(10**12), max_value=10**12)
weights = st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=20).filter(any)


@pytest.mark.parametrize(
    ("amount", "currency", "amount_minor"),
    [
        ("42.10", "EUR", 4210),
        ("1.005", "EUR", 101),
        ("-1.005", "EUR", -101),
        ("1.0049", "EUR", 100),
        ("500", "JPY", 500),
        ("0.5", "JPY", 1),
        ("1.2345", "KWD", 1235),
    ],
)
def test_decimals_are_rounded_half_up_to_the_minor_unit(amount: str, currency: str, amount_minor: int) -> None:
    assert Money.from_decimal(Decimal(amount), currency) == Money(amount_minor, currency)


@pytest.mark.parametrize(
    ("money", "text"),
    [(Money(4210, "EUR"), "42.10 EUR"), (Money(-5, "EUR"), "-0.05 EUR"), (Money(500, "JPY"), "500 JPY")],
)
def test_money_is_written_with_its_currency(money: Money, text: str) -> None:
    assert str(money) == text


def test_sums_differences_and_signs() -> None:
    assert Money(100, "EUR") + Money(23, "EUR") == Money(123, "EUR")
    assert Money(100, "EUR") - Money(123, "EUR") == Money(-23, "EUR")
    assert -Money(5, "EUR") == Money(-5, "EUR")
    assert Money.zero("EUR").is_zero
    assert total([Money(1, "EUR"), Money(2, "EUR")], "EUR") == Money(3, "EUR")
    assert total([], "GBP") == Money(0, "GBP")


def test_amounts_of_one_currency_are_ordered() -> None:
    small, large = Money(1, "EUR"), Money(2, "EUR")
    assert small < large
    assert small <= large
    assert large > small
    assert large >= Money(2, "EUR")


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_currencies_are_never_mixed(operation: str) -> None:
    with pytest.raises(CurrencyMismatch) as refusal:
        getattr(Money(1, "EUR"), operation)(Money(1, "GBP"))
    assert refusal.value.value == "GBP"


def test_ten_cents_over_three_gives_the_first_part_the_odd_cent() -> None:
    assert Money(10, "EUR").allocate([1, 1, 1]) == [Money(4, "EUR"), Money(3, "EUR"), Money(3, "EUR")]


@pytest.mark.parametrize("bad", [[0, 0], [1, -1], [-2, 1]])
def test_weights_that_cannot_split_are_refused(bad: list[int]) -> None:
    with pytest.raises(InvalidValue, match="weights"):
        Money(10, "EUR").allocate(bad)


@given(amount_minor=amounts, parts=weights)
def test_a_split_adds_up_to_the_whole(amount_minor: int, parts: list[int]) -> None:
    shares = Money(amount_minor, "EUR").allocate(parts)
    assert total(shares, "EUR") == Money(amount_minor, "EUR")


@given(amount_minor=amounts, parts=weights)
def test_no_share_is_more_than_a_minor_unit_from_its_weight(amount_minor: int, parts: list[int]) -> None:
    for share, weight in zip(Money(amount_minor, "EUR").allocate(parts), parts, strict=True):
        exact = Decimal(amount_minor) * weight / sum(parts)
        assert abs(share.amount_minor - exact) < 1


@given(amount_minor=amounts, currency=st.sampled_from(["EUR", "JPY", "KWD"]))
def test_an_amount_survives_its_decimal(amount_minor: int, currency: str) -> None:
    money = Money(amount_minor, currency)
    assert Money.from_decimal(money.decimal, currency) == money
    assert minor_digits(currency) in (0, 2, 3)
