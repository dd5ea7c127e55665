"""A preview prices a definition with the code that will bill it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.domain.discount import Discount
from billing.domain.errors import InvalidValue
from billing.domain.rating import PriceDefinition, UsageEvent, preview_price
from tests.rules.rating_builders import VOICE, a_price, calls

ABROAD = a_price(destinations=[{"name": "France", "prefixes": ["33"], "rate": "0.20"}])


def test_a_quantity_is_priced_as_one_event() -> None:
    preview = preview_price(a_price(increments="30/6"), "EUR", quantity=45)
    assert (preview.quantity, preview.events, str(preview.amount)) == (48, 1, "0.10 EUR")
    assert preview.explanation == preview.lines[0].explanation


def test_a_quantity_of_a_price_per_event_is_that_many_events() -> None:
    preview = preview_price(a_price(model="per_event", rate="0.09", meter="messages", unit_size=1), "EUR", quantity=7)
    assert (preview.events, str(preview.amount)) == (7, "0.63 EUR")


def test_an_allowance_is_drawn_first() -> None:
    preview = preview_price(a_price(), "EUR", events=calls(600, 600), allowance=900)
    assert (preview.allowance_drawn, str(preview.amount)) == (900, "0.60 EUR")


def test_events_without_a_price_are_listed_and_not_charged() -> None:
    preview = preview_price(ABROAD, "EUR", events=[*calls(60, to="33"), *calls(60, to="49"), UsageEvent("messages", 1)])
    assert [unpriced.place for unpriced in preview.unpriced] == [1, 2]
    assert str(preview.amount) == "0.20 EUR"


def test_discounts_come_off_one_after_the_other_and_by_their_dates() -> None:
    ended = Discount("old", "Old offer", percent=Decimal(50), valid_to=date(2027, 3, 1))
    discounts = [
        ended,
        Discount("loyal", "Loyal", percent=Decimal(10)),
        Discount("gift", "Gift", amount=Decimal("0.40")),
    ]
    preview = preview_price(a_price(), "EUR", quantity=600, discounts=discounts, on=date(2027, 3, 1))
    assert [str(line.amount) for line in preview.lines] == ["1.20 EUR", "-0.12 EUR", "-0.40 EUR"]
    assert str(preview.amount) == "0.68 EUR"


def test_a_discount_in_another_currency_is_refused() -> None:
    with pytest.raises(InvalidValue) as refused:
        preview_price(a_price(), "EUR", quantity=600, discounts=[Discount("x", "X", amount=Decimal(1), currency="USD")])
    assert (refused.value.field, refused.value.value) == ("currency", "USD")


def test_a_limit_appears_in_the_explanation() -> None:
    preview = preview_price(a_price(maximum="1"), "EUR", quantity=6000)
    assert str(preview.amount) == "1.00 EUR"
    assert preview.explanation[-1] == "charged 12.00 EUR, maximum per cycle 1.00 EUR: 11.00 EUR less"


@pytest.mark.parametrize(
    ("price", "request_fields", "bad_field"),
    [
        (a_price(), {}, "quantity"),
        (a_price(), {"quantity": 1, "events": []}, "quantity"),
        (a_price(), {"quantity": -1}, "quantity"),
        (ABROAD, {"quantity": 60}, "quantity"),
        (a_price(model="percentage", percent="5"), {"quantity": 60}, "quantity"),
        (a_price(), {"quantity": 60, "allowance": -1}, "allowance"),
        (a_price(draws_allowances=False), {"quantity": 60, "allowance": 5}, "allowance"),
        (a_price(model="per_event", rate="1"), {"quantity": 60, "allowance": 5}, "allowance"),
        (a_price(model="recurring", fee="1"), {"allowance": 5}, "allowance"),
    ],
)
def test_an_unusable_request_is_refused_by_field(
    price: PriceDefinition, request_fields: dict[str, Any], bad_field: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        preview_price(price, "EUR", **request_fields)
    assert refused.value.field == bad_field
    assert refused.value.remedy


def test_no_events_cost_nothing() -> None:
    assert preview_price(a_price(meter=VOICE), "EUR", events=[]).amount.is_zero
