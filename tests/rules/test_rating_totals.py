"""A bill is a function of totals: no order, split or grouping of events changes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.money import Money, total
from billing.domain.rating import (
    Counter,
    PlanDefinition,
    RatedUsage,
    UsageEvent,
    count,
    merge,
    rate_services,
    rate_totals,
    recurring_lines,
)
from tests.rules.rating_builders import A_RICH_PLAN, MINUTE, VOICE, a_plan, amounts, calls, parts_of, usage_events

HOME = {"code": "home", "model": "per_unit", "rate": "0.06", **MINUTE}
ABROAD = {"code": "abroad", "model": "per_unit", "rate": "0.60", "prefixes": ["33"], **MINUTE}
HUNDRED_MINUTES = {"code": "included", "name": "100 minutes", "meter": VOICE, "quantity": 6000}


def counted(plan: PlanDefinition, events: Sequence[UsageEvent]) -> tuple[Counter, ...]:
    """The counters of the events that have a price."""
    return count(part for event in events for part in parts_of(plan, event))


def rated(plan: PlanDefinition, events: Sequence[UsageEvent], on: date | None = None) -> RatedUsage:
    """The bill of these events."""
    return rate_totals(plan, counted(plan, events), on=on)


@given(
    st.lists(usage_events(), max_size=40).flatmap(lambda events: st.tuples(st.just(events), st.permutations(events)))
)
def test_the_order_of_events_never_changes_the_bill(streams: tuple[list[UsageEvent], list[UsageEvent]]) -> None:
    events, shuffled = streams
    assert rated(A_RICH_PLAN, shuffled) == rated(A_RICH_PLAN, events)


@given(st.lists(usage_events(), max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_counting_in_batches_never_changes_the_bill(events: list[UsageEvent], cuts: list[int]) -> None:
    edges = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    batches = [events[begin:end] for begin, end in pairwise(edges)]
    counters = [counter for batch in batches for counter in counted(A_RICH_PLAN, batch)]
    assert rate_totals(A_RICH_PLAN, counters) == rated(A_RICH_PLAN, events)
    assert merge(counters) == counted(A_RICH_PLAN, events)


@given(st.lists(usage_events(), max_size=30))
def test_rating_twice_gives_the_same_bill(events: list[UsageEvent]) -> None:
    counters = counted(A_RICH_PLAN, events)
    assert rate_totals(A_RICH_PLAN, counters) == rate_totals(A_RICH_PLAN, counters)


@given(st.lists(usage_events(), max_size=40))
def test_allowances_and_charged_quantities_add_up(events: list[UsageEvent]) -> None:
    bill = rated(A_RICH_PLAN, events)
    for line in bill.lines:
        assert line.quantity == line.allowance_drawn + line.chargeable_quantity
    for state in bill.allowances:
        assert state.used + state.left == state.included
        assert state.left >= 0
    assert sum(state.used for state in bill.allowances) == sum(line.allowance_drawn for line in bill.lines)
    assert bill.subtotal == total((line.amount for line in bill.lines), "EUR")


@given(st.lists(usage_events(), max_size=30), usage_events())
def test_more_use_of_a_plan_without_volume_tiers_never_costs_less(events: list[UsageEvent], more: UsageEvent) -> None:
    assert rated(A_RICH_PLAN, [*events, more]).subtotal >= rated(A_RICH_PLAN, events).subtotal


@pytest.mark.parametrize("events", list(permutations([calls(3000)[0], calls(6000, to="33123")[0], calls(1200)[0]])))
def test_an_allowance_is_drawn_in_the_order_of_prices_not_of_events(events: tuple[UsageEvent, ...]) -> None:
    home_first = rated(a_plan(HOME, ABROAD, allowances=[HUNDRED_MINUTES]), events)
    abroad_first = rated(a_plan(ABROAD, HOME, allowances=[HUNDRED_MINUTES]), events)
    # 100 minutes: 70 at home and 30 abroad are covered, 70 abroad are left; or all 100 abroad, and 70 at home are left.
    assert amounts(home_first) == [("usage", "home", "0.00"), ("usage", "abroad", "42.00")]
    assert amounts(abroad_first) == [("usage", "abroad", "0.00"), ("usage", "home", "4.20")]


def test_the_order_of_prices_comes_before_the_order_of_their_bands() -> None:
    abroad = {"code": "abroad", "model": "per_unit", "destinations": [{"prefixes": ["33"], "rate": "0.60"}], **MINUTE}
    bill = rated(a_plan(abroad, HOME, allowances=[HUNDRED_MINUTES]), [*calls(6000), *calls(6000, to="33123")])
    assert amounts(bill) == [("usage", "abroad, +33", "0.00"), ("usage", "home", "6.00")]


def test_a_shared_allowance_never_covers_a_price_that_rounds_each_event() -> None:
    giver = a_plan(HOME, allowances=[HUNDRED_MINUTES | {"shared": True}])
    taker = a_plan(HOME | {"round_each_event": True})
    _, second = rate_services([(giver, ()), (taker, counted(taker, calls(600)))])
    assert (second.lines[0].allowance_drawn, str(second.subtotal)) == (0, "0.60 EUR")


def test_the_base_allowance_is_drawn_before_the_add_on() -> None:
    plan = a_plan(HOME, allowances=[HUNDRED_MINUTES])
    add_on = a_plan(HOME, allowances=[{"code": "extra", "meter": VOICE, "quantity": 600}]).allowances
    bill = rated(plan.with_add_ons(add_on), calls(6300))
    assert [(state.code, state.used, state.left) for state in bill.allowances] == [
        ("included", 6000, 0),
        ("extra", 300, 300),
    ]


def test_an_allowance_for_some_prefixes_covers_only_those() -> None:
    mobile = {"code": "mobile", "meter": VOICE, "quantity": 6000, "prefixes": ["3247"]}
    bill = rated(a_plan(HOME, allowances=[mobile]), [*calls(600, to="32470"), *calls(600, to="32200")])
    assert amounts(bill) == [("usage", "home", "0.60")]
    assert (bill.lines[0].quantity, bill.lines[0].allowance_drawn) == (1200, 600)


@pytest.mark.parametrize(
    ("model", "amount"),
    [
        ({"model": "flat", "fee": "3"}, "3.00"),
        ({"model": "graduated", "tiers": [{"up_to": 15, "rate": "0.10"}, {"rate": "0.01"}]}, "1.55"),
        ({"model": "volume", "tiers": [{"up_to": 15, "rate": "0.10"}, {"rate": "0.01"}]}, "0.20"),
        ({"model": "package", "rate": "1", "unit_size": 3600}, "1.00"),
    ],
)
def test_an_allowance_for_some_prefixes_never_starts_tiers_or_blocks_anew(model: dict[str, Any], amount: str) -> None:
    """20 minutes are left to charge: 10 towards each of two bands that only the allowance tells apart."""
    mobile = {"code": "mobile", "meter": VOICE, "quantity": 600, "prefixes": ["3247"]}
    plan = a_plan({"code": "home", **MINUTE} | model, allowances=[mobile])
    bill = rated(plan, [*calls(1200, to="32470"), *calls(600, to="32200")])
    assert amounts(bill) == [("usage", "home", amount)]


def test_a_price_may_stay_outside_all_allowances() -> None:
    premium = ABROAD | {"draws_allowances": False}
    bill = rated(a_plan(premium, HOME, allowances=[HUNDRED_MINUTES]), [*calls(600), *calls(60, to="33")])
    assert amounts(bill) == [("usage", "abroad", "0.60"), ("usage", "home", "0.00")]


def test_each_destination_has_its_line_rate_and_connection_fee() -> None:
    bill = rated(A_RICH_PLAN, [*calls(60, to="33100000000"), *calls(60, to="26200000000")])
    france = bill.lines[0]
    # 2 minutes are covered by the allowance for all destinations; the two connection fees of 0.10 remain.
    assert (france.description, france.band, france.events) == ("calls, France", "33", 2)
    assert (france.quantity, france.allowance_drawn, str(france.amount)) == (120, 120, "0.20 EUR")


@pytest.mark.parametrize(
    ("limits", "seconds", "lines"),
    [
        ({"minimum": "5"}, 600, [("usage", "home", "0.60"), ("minimum", "home, minimum charge", "4.40")]),
        ({"minimum": "5"}, 0, [("minimum", "home, minimum charge", "5.00")]),
        ({"minimum": "5"}, 6000, [("usage", "home", "6.00")]),
        ({"maximum": "5"}, 6000, [("usage", "home", "6.00"), ("maximum", "home, maximum charge", "-1.00")]),
        ({"maximum": "5"}, 5000, [("usage", "home", "5.00")]),
    ],
)
def test_a_minimum_and_a_maximum_are_lines_of_their_own(
    limits: dict[str, Any], seconds: int, lines: list[tuple[str, str, str]]
) -> None:
    assert amounts(rated(a_plan(HOME | limits), calls(seconds) if seconds else [])) == lines


def test_a_line_discount_is_a_negative_line_after_its_price() -> None:
    summer = {"price_code": "home", "code": "summer", "name": "Summer", "percent": "50", "valid_to": "2026-09-01"}
    plan = a_plan(HOME, line_discounts=[summer])
    expected = [("usage", "home", "6.00"), ("discount", "home, Summer", "-3.00")]
    assert amounts(rated(plan, calls(6000), on=date(2026, 8, 31))) == expected
    assert amounts(rated(plan, calls(6000), on=date(2026, 9, 1))) == expected[:1]
    assert amounts(rated(plan, calls(6000))) == expected[:1]


def test_line_discounts_on_one_price_never_go_below_zero() -> None:
    gifts = [
        {"price_code": "home", "code": f"gift-{place}", "name": f"Gift {place}", "amount": "4"} for place in (1, 2)
    ]
    bill = rated(a_plan(HOME, line_discounts=gifts), calls(6000))
    assert [str(line.amount.decimal) for line in bill.lines] == ["6.00", "-4.00", "-2.00"]


def test_recurring_fees_are_lines_apart_from_usage() -> None:
    free = {"price_code": "fee", "code": "welcome", "name": "First month free", "percent": "100"}
    plan = a_plan(
        {"code": "fee", "name": "Monthly fee", "model": "recurring", "fee": "15"}, HOME, line_discounts=[free]
    )
    assert [(line.kind, line.description, str(line.amount)) for line in recurring_lines(plan)] == [
        ("recurring", "Monthly fee", "15.00 EUR"),
        ("discount", "Monthly fee, First month free", "-15.00 EUR"),
    ]
    assert rated(plan, []).lines == ()


def test_a_line_explains_itself_step_by_step() -> None:
    calls_price = HOME | {"increments": "30/6", "connection_fee": "0.05", "rate": "0.115"}
    bill = rated(a_plan(calls_price, allowances=[HUNDRED_MINUTES]), calls(6000, 45))
    assert bill.lines[0].explanation == (
        "2 events, 6048 seconds counted at increments 30/6",
        "less 6000 seconds from the allowance 100 minutes",
        "leaves 48 seconds to charge",
        "48 seconds / 60 x 0.115 EUR = 0.092 EUR",
        "2 events x connection fee 0.05 EUR = 0.1 EUR",
        "0.192 EUR rounded half up = 0.19 EUR",
    )
    assert bill.lines[0].unit_price == "0.115 EUR per minute"


def test_services_share_what_is_left_of_a_shared_allowance_after_their_own() -> None:
    giver = a_plan(HOME, allowances=[HUNDRED_MINUTES | {"shared": True}])
    taker = a_plan(HOME, allowances=[{"code": "own", "meter": VOICE, "quantity": 600}])
    first, second = rate_services(
        [(giver, counted(giver, calls(4200))), (taker, counted(taker, calls(1200, 1800)))],
    )
    # Of 50 minutes the taker covers 10 itself and 30 by the giver's rest; 10 are charged.
    assert (first.allowances[0].used, first.allowances[0].left) == (6000, 0)
    assert [draw.amount.decimal for draw in second.lines] == [Decimal("0.60")]
    assert (second.lines[0].allowance_drawn, second.lines[0].chargeable_quantity) == (2400, 600)


def test_an_allowance_that_is_not_shared_stays_with_its_service() -> None:
    giver, taker = a_plan(HOME, allowances=[HUNDRED_MINUTES]), a_plan(HOME)
    _, second = rate_services([(giver, ()), (taker, counted(taker, calls(600)))])
    assert second.subtotal == Money(60, "EUR")


@given(st.lists(usage_events(), max_size=20), st.lists(usage_events(), max_size=20))
def test_services_without_sharing_are_rated_as_if_alone(one: list[UsageEvent], other: list[UsageEvent]) -> None:
    services = [(A_RICH_PLAN, counted(A_RICH_PLAN, events)) for events in (one, other)]
    assert rate_services(services) == tuple(rate_totals(plan, counters) for plan, counters in services)


@pytest.mark.parametrize("counter", [Counter("gone", "", 1, 60), Counter("home", "99", 1, 60)])
def test_a_counter_of_another_plan_version_is_refused(counter: Counter) -> None:
    with pytest.raises(InvalidValue) as refused:
        rate_totals(a_plan(HOME), [counter])
    assert (refused.value.field, refused.value.value) == ("counter", f"{counter.price_code}/{counter.band}")
