"""Each price model gives the amounts that a clerk computes by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.rating import PRICE_MODELS, Increments, PriceDefinition, UsageEvent, preview_price
from tests.rules.rating_builders import MINUTE, VOICE, a_price, amount_for

TIERS = [{"up_to": 100, "rate": "0.10"}, {"up_to": 300, "rate": "0.08"}, {"rate": "0.05"}]


@pytest.mark.parametrize(
    ("increments", "used", "billed"),
    [
        ("60/60", 1, 60),
        ("60/60", 60, 60),
        ("60/60", 61, 120),
        ("30/6", 45, 48),
        ("30/6", 29, 30),
        ("30/6", 36, 36),
        ("30/6", 37, 42),
        ("1/1", 45, 45),
        ("60/1", 61, 61),
        ("30/6", 0, 0),
    ],
)
def test_an_event_is_billed_in_increments(increments: str, used: int, billed: int) -> None:
    assert a_price(increments=increments).increments.billable(used) == billed


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 100_000))
def test_increments_never_bill_less_than_used_nor_a_whole_step_more(initial: int, further: int, used: int) -> None:
    billed = Increments(initial, further).billable(used)
    assert billed >= max(used, initial)
    assert billed == initial or (billed - used < further and (billed - initial) % further == 0)


@pytest.mark.parametrize(
    ("fields", "quantity", "amount"),
    [
        ({"rate": "0.12"}, 0, "0"),
        ({"rate": "0.12"}, 60, "0.12"),
        ({"rate": "0.12"}, 45, "0.09"),
        ({"rate": "0.12", "increments": "60/60"}, 61, "0.24"),
        ({"rate": "0.12", "increments": "30/6", "connection_fee": "0.05"}, 45, "0.15"),
        ({"rate": "0.005", "unit_size": 1}, 1, "0.01"),
        ({"rate": "0.15", "minimum": "5"}, 60, "5.00"),
        ({"rate": "0.15", "maximum": "2.50"}, 6000, "2.50"),
        ({"rate": "0.01", "meter": "data_bytes", "unit_size": 1_048_576}, 1_073_741_824, "10.24"),
    ],
)
def test_per_unit(fields: dict[str, Any], quantity: int, amount: str) -> None:
    assert amount_for(a_price(model="per_unit", **fields), quantity) == Decimal(amount)


@pytest.mark.parametrize(("quantity", "amount"), [(0, "0"), (1, "2.50"), (100_000, "2.50")])
def test_flat_is_charged_once_when_there_is_any_usage(quantity: int, amount: str) -> None:
    assert amount_for(a_price(model="flat", fee="2.50"), quantity) == Decimal(amount)


@pytest.mark.parametrize(
    ("minutes", "amount"),
    [(0, "0"), (1, "0.10"), (100, "10.00"), (101, "10.08"), (300, "26.00"), (301, "26.05"), (1000, "61.00")],
)
def test_graduated_charges_each_unit_in_its_own_tier(minutes: int, amount: str) -> None:
    assert amount_for(a_price(model="graduated", tiers=TIERS), minutes * 60) == Decimal(amount)


@pytest.mark.parametrize(
    ("minutes", "amount"),
    [(0, "0"), (1, "0.10"), (100, "10.00"), (101, "8.08"), (300, "24.00"), (301, "15.05"), (1000, "50.00")],
)
def test_volume_charges_all_units_in_the_tier_of_the_total(minutes: int, amount: str) -> None:
    assert amount_for(a_price(model="volume", tiers=TIERS), minutes * 60) == Decimal(amount)


@pytest.mark.parametrize(
    ("quantity", "amount"), [(0, "0"), (1, "3.00"), (1000, "3.00"), (1001, "6.00"), (5000, "15.00")]
)
def test_package_charges_every_started_block(quantity: int, amount: str) -> None:
    price = a_price(model="package", rate="3", meter="data_bytes", unit_size=1000)
    assert amount_for(price, quantity) == Decimal(amount)


@pytest.mark.parametrize(
    ("percent", "carried", "amount"),
    [("100", ["1.50", "2.25"], "3.75"), ("12.5", ["0.99", "0.99"], "0.25"), ("0", ["7"], "0"), ("150", ["2"], "3.00")],
)
def test_percentage_is_of_the_amounts_that_events_carry(percent: str, carried: list[str], amount: str) -> None:
    price = a_price(model="percentage", percent=percent, meter="content", unit_size=1)
    events = [UsageEvent("content", 1, amount=Decimal(each)) for each in carried]
    assert preview_price(price, "EUR", events=events).amount.decimal == Decimal(amount)


@pytest.mark.parametrize(("events", "amount"), [(0, "0"), (1, "0.09"), (3, "0.27")])
def test_per_event_charges_every_event_whatever_its_length(events: int, amount: str) -> None:
    price = a_price(model="per_event", rate="0.09")
    used = [UsageEvent(VOICE, 1 + 700 * place) for place in range(events)]
    assert preview_price(price, "EUR", events=used).amount.decimal == Decimal(amount)


def test_a_recurring_fee_is_charged_once_without_usage() -> None:
    assert preview_price(a_price(model="recurring", fee="19.99"), "EUR").amount.decimal == Decimal("19.99")


def test_a_line_is_rounded_once_and_never_per_event() -> None:
    tenth_of_cent = a_price(rate="0.001", unit_size=1)
    assert preview_price(tenth_of_cent, "EUR", events=[UsageEvent(VOICE, 4)] * 3).amount.decimal == Decimal("0.01")


def test_a_price_that_says_so_rounds_each_event_half_up() -> None:
    rounded = a_price(rate="0.001", unit_size=1, round_each_event=True)
    assert preview_price(rounded, "EUR", events=[UsageEvent(VOICE, 4)] * 3).amount.is_zero
    assert preview_price(rounded, "EUR", events=[UsageEvent(VOICE, 5)] * 3).amount.decimal == Decimal("0.03")


def test_rounding_each_event_includes_the_connection_fee_once() -> None:
    price = a_price(rate="0.001", unit_size=1, connection_fee="0.003", round_each_event=True)
    assert preview_price(price, "EUR", events=[UsageEvent(VOICE, 2)] * 2).amount.decimal == Decimal("0.02")


@pytest.mark.parametrize("round_each_event", [False, True])
def test_an_unanswered_call_costs_no_connection_fee(round_each_event: bool) -> None:
    assert amount_for(a_price(connection_fee="0.50", round_each_event=round_each_event), 0) == 0


@pytest.mark.parametrize(("currency", "amount_minor"), [("EUR", 13), ("JPY", 0), ("KWD", 125)])
def test_an_amount_is_rounded_to_the_minor_unit_of_its_currency(currency: str, amount_minor: int) -> None:
    assert preview_price(a_price(rate="0.125"), currency, quantity=60).amount.amount_minor == amount_minor


@given(st.integers(0, 400 * 60))
def test_graduated_never_jumps(quantity: int) -> None:
    price = a_price(model="graduated", tiers=TIERS)
    step = _exact(price, quantity + 1) - _exact(price, quantity)
    assert 0 < step <= Decimal("0.10") / 60 + Decimal("1e-20")


@given(st.integers(1, 400 * 60))
def test_volume_equals_per_unit_at_the_rate_of_the_totals_tier(quantity: int) -> None:
    rate = "0.10" if quantity <= 6000 else "0.08" if quantity <= 18000 else "0.05"
    assert _exact(a_price(model="volume", tiers=TIERS), quantity) == _exact(a_price(rate=rate), quantity)


@given(st.integers(0, 100_000))
def test_one_tier_is_the_same_graduated_volume_and_per_unit(quantity: int) -> None:
    one_tier = [{"rate": "0.07"}]
    exact = {_exact(a_price(model=model, tiers=one_tier), quantity) for model in ("graduated", "volume")}
    assert exact == {_exact(a_price(rate="0.07"), quantity)}


def _exact(price: PriceDefinition, quantity: int) -> Decimal:
    lines = preview_price(price, "EUR", quantity=quantity).lines
    return sum((line.exact_amount for line in lines), Decimal(0))


OPTIONS: dict[str, dict[str, Any]] = {
    "recurring": {"fee": "10.00"},
    "flat": {"fee": "2", "minimum": "1"},
    "per_unit": {
        "rate": "0.12",
        "increments": "30/6",
        "connection_fee": "0.05",
        "destinations": [{"name": "France", "prefixes": ["33"], "rate": "0.2", "connection_fee": "0"}],
    },
    "graduated": {"tiers": TIERS, "unit_name": "min"},
    "volume": {"tiers": TIERS, "draws_allowances": False},
    "package": {"rate": "3", "prefixes": ["32"]},
    "percentage": {"percent": "12.5", "maximum": "50"},
    "zero_rated": {"traffic_classes": ["music"], "increments": "1024/1024"},
    "per_event": {"rate": "0.09", "round_each_event": True, "tax_code": "reduced"},
}


@pytest.mark.parametrize("model", PRICE_MODELS)
def test_a_price_reads_back_what_it_wrote(model: str) -> None:
    common = {} if model == "recurring" else MINUTE
    price = a_price(model=model, **OPTIONS[model], **common)
    assert PriceDefinition.from_dict(price.to_dict()) == price
    for name, value in OPTIONS[model].items():
        assert name not in ("rate", "fee", "percent", "tax_code") or price.to_dict()[name] == value


@pytest.mark.parametrize(
    ("fields", "bad_field"),
    [
        ({"model": "per_minute"}, "model"),
        ({"model": "per_unit"}, "rate"),
        ({"rate": 0.12}, "rate"),
        ({"rate": True}, "rate"),
        ({"rate": "-1"}, "rate"),
        ({"rate": "NaN"}, "rate"),
        ({"rate": "Infinity"}, "rate"),
        ({"rate": "12 cents"}, "rate"),
        ({"rate": "1e-30"}, "rate"),
        ({"code": ""}, "code"),
        ({"code": "two words"}, "code"),
        ({"meter": None}, "meter"),
        ({"unit_size": 0}, "unit_size"),
        ({"unit_size": "60"}, "unit_size"),
        ({"increments": "60"}, "increments"),
        ({"increments": "0/6"}, "increments"),
        ({"connection_fee": "x"}, "connection_fee"),
        ({"prefixes": "32"}, "prefixes"),
        ({"prefixes": ["32", "+33"]}, "prefixes[1]"),
        ({"destinations": [{"prefixes": [], "rate": "1"}]}, "destinations[0].prefixes"),
        ({"destinations": [{"prefixes": ["32"]}]}, "destinations[0].rate"),
        ({"destinations": [7]}, "destinations[0]"),
        ({"destinations": [{"prefixes": ["33"], "rate": "1"}], "model": "per_unit", "prefixes": ["32"]}, "prefixes"),
        ({"model": "flat", "fee": "1", "destinations": [{"prefixes": ["32"], "rate": "1"}]}, "destinations"),
        ({"minimum": "5", "maximum": "4"}, "maximum"),
        ({"model": "volume", "tiers": []}, "tiers"),
        ({"model": "volume", "tiers": [{"up_to": 9, "rate": "1"}]}, "tiers[0].up_to"),
        ({"model": "volume", "tiers": [{"rate": "1"}, {"rate": "1"}]}, "tiers[0].up_to"),
        ({"model": "graduated", "tiers": [*TIERS[:1], *TIERS[:1], *TIERS[2:]]}, "tiers[1].up_to"),
        ({"model": "graduated", "tiers": TIERS, "round_each_event": True}, "round_each_event"),
        ({"round_each_event": "yes"}, "round_each_event"),
        ({"model": "recurring", "fee": "1", "meter": "messages"}, "meter"),
        ({"conection_fee": "0.05"}, "conection_fee"),
    ],
)
def test_a_bad_price_is_refused_by_field_with_a_remedy(fields: dict[str, Any], bad_field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        a_price(**fields)
    assert refused.value.field == bad_field
    assert refused.value.remedy
