"""What is owed for a line: together exactly what the rate comes to, each within a cent of its share."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.invoice_lines import gross_by_line, line_id, position_of

NETS = st.lists(st.integers(-50_000, 200_000), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("net", "rate_net", "rate_vat", "owed"),
    [
        ([2000, 300], 2300, 483, {1: 2420, 2: 363}),
        ([2000, 300], 2070, 435, {1: 2178, 2: 327}),  # ten percent off both
        ([1000, 1000, 1000], 3000, 100, {1: 1033, 2: 1034, 3: 1033}),  # 3100 has no three equal parts
        ([500, -500], 0, 0, {1: 605, 2: -605}),  # they cancel out: each with its own VAT
    ],
)
def test_a_line_is_owed_with_its_discount_and_vat(
    net: list[int], rate_net: int, rate_vat: int, owed: dict[int, int]
) -> None:
    assert gross_by_line(dict(enumerate(net, 1)), rate_net, rate_vat, Decimal(21)) == owed


@given(NETS, st.integers(0, 100), st.integers(0, 27))
def test_all_lines_of_a_rate_are_owed_exactly_what_the_rate_comes_to(
    net: list[int], discount_percent: int, percent: int
) -> None:
    whole = sum(net)
    rate_net = whole * (100 - discount_percent) // 100
    rate_vat = rate_net * percent // 100
    shares = gross_by_line(dict(enumerate(net, 1)), rate_net, rate_vat, Decimal(percent))
    if whole:
        assert sum(shares.values()) == rate_net + rate_vat
        for place, amount in enumerate(net, 1):
            assert abs(shares[place] - amount * (rate_net + rate_vat) / whole) <= 1


@given(st.integers(0, 10**17), st.integers(1, 10**8))
def test_a_name_leads_back_to_its_place(number: int, position: int) -> None:
    invoice_id = f"inv_{number}"
    assert position_of(line_id(invoice_id, position), invoice_id) == position


@pytest.mark.parametrize("name", ["inv_1", "inv_2.1", "inv_1.0", "inv_1.01", "inv_1.x", "1", "inv_1.1\n", "inv_1.1 "])
def test_a_name_of_no_line_or_of_another_invoice_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        position_of(name, "inv_1")
    assert (refusal.value.field, refusal.value.value) == ("line_id", name)
