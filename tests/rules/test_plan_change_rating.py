"""A cycle with two plans: fees by the days of each, allowances that are neither lost nor doubled."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.rating import (
    ChangeRule,
    Counter,
    PlanDefinition,
    RatedUsage,
    ServiceGrants,
    Share,
    rate_services,
    recurring_lines,
    shares,
)
from tests.rules.rating_builders import MINUTE, VOICE, a_plan

OPENS, CHANGED, CLOSES = date(2027, 3, 1), date(2027, 3, 11), date(2027, 3, 31)


def a_mobile_plan(code: str, fee: str, minutes: int, **fields: Any) -> PlanDefinition:
    """A fee, calls at 0.10 per minute, and so many minutes included."""
    return a_plan(
        {"code": "fee", "name": "Fee", "model": "recurring", "fee": fee},
        {"code": "calls", "name": "Calls", "model": "per_unit", "rate": "0.10", "increments": "1/1", **MINUTE},
        code=code,
        allowances=[{"code": "minutes", "name": "Minutes", "meter": VOICE, "quantity": minutes * 60}],
        **fields,
    )


SMALL, LARGE = a_mobile_plan("small", "15", 100), a_mobile_plan("large", "30", 400)


def bill(rule: ChangeRule, small_minutes: int, large_minutes: int) -> tuple[RatedUsage, ...]:
    """Usage of a cycle of 30 days in which the service moved from SMALL to LARGE after 10 days."""
    first, second = shares(OPENS, CLOSES, [(CHANGED, rule)])
    used = [[Counter("calls", "", 1, minutes * 60)] for minutes in (small_minutes, large_minutes)]
    parts = [SMALL.part(first), LARGE.part(second)]
    return rate_services(list(zip(parts, used, strict=True)), grants=[ServiceGrants((0, 1))])


def charged_minutes(rated: tuple[RatedUsage, ...]) -> list[float]:
    return [sum(line.chargeable_quantity for line in usage.lines) / 60 for usage in rated]


def test_fees_are_shared_by_days_and_say_so() -> None:
    first, second = shares(OPENS, CLOSES, [(CHANGED, ChangeRule.PRO_RATA)])
    [small], [large] = recurring_lines(SMALL, share=first), recurring_lines(LARGE, share=second)
    assert (small.amount.decimal, large.amount.decimal) == (Decimal("5.00"), Decimal("20.00"))
    assert small.description == "Fee, 10 of 30 days"
    assert "15 EUR x 10 of 30 days, 2027-03-01 to 2027-03-11" in small.explanation


def test_the_discount_of_a_fee_is_shared_with_it() -> None:
    off = {"price_code": "fee", "code": "off", "name": "Offer", "amount": "3", "currency": "EUR"}
    plan = a_mobile_plan("small", "15", 100, line_discounts=[off])
    first, _ = shares(OPENS, CLOSES, [(CHANGED, ChangeRule.PRO_RATA)])
    assert [line.amount.decimal for line in recurring_lines(plan, share=first)] == [Decimal(5), Decimal(-1)]


def test_a_plan_that_counts_for_no_day_has_no_fee() -> None:
    assert recurring_lines(SMALL, share=Share((), 30)) == ()


def test_each_plan_brings_its_part_of_its_allowance() -> None:
    rated = bill(ChangeRule.PRO_RATA, 0, 0)
    assert [usage.allowances[0].included // 60 for usage in rated] == [33, 266]


def test_what_was_used_before_the_change_is_covered_by_what_the_new_plan_leaves() -> None:
    # 100 minutes used up before the change: 33 1/3 from the small plan, the rest from the large one's 266 2/3.
    assert charged_minutes(bill(ChangeRule.PRO_RATA, 100, 200)) == [0, 0]
    assert charged_minutes(bill(ChangeRule.PRO_RATA, 100, 201)) == [1, 0]


def test_what_the_old_plan_left_is_not_lost() -> None:
    assert charged_minutes(bill(ChangeRule.PRO_RATA, 0, 300)) == [0, 0]
    assert charged_minutes(bill(ChangeRule.PRO_RATA, 0, 301)) == [0, 1]


def test_new_gives_the_whole_new_allowance_and_both_gives_both() -> None:
    assert charged_minutes(bill(ChangeRule.NEW, 100, 301)) == [1, 0]
    assert charged_minutes(bill(ChangeRule.BOTH, 150, 350)) == [0, 0]
    assert charged_minutes(bill(ChangeRule.BOTH, 150, 351)) == [1, 0]


def test_minimum_charges_are_shared_and_maximum_charges_are_not() -> None:
    price = {"code": "calls", "name": "Calls", "model": "per_unit", "rate": "0.10", **MINUTE}
    plan = a_plan({**price, "minimum": "6", "maximum": "9"})
    first, second = shares(OPENS, CLOSES, [(CHANGED, ChangeRule.PRO_RATA)])
    rated = rate_services([(plan.part(first), []), (plan.part(second), [Counter("calls", "", 1, 6000)])])
    assert [usage.subtotal.decimal for usage in rated] == [Decimal(2), Decimal(9)]


def test_a_part_of_a_plan_finds_the_same_bands() -> None:
    first, _ = shares(OPENS, CLOSES, [(CHANGED, ChangeRule.PRO_RATA)])
    assert SMALL.part(first).bands is SMALL.bands


def test_the_rule_of_a_plan_is_written_and_read_back() -> None:
    plan = a_mobile_plan("small", "15", 100, on_change={"fees": "both", "allowances": "new"})
    assert plan.to_dict()["on_change"] == {"fees": "both", "allowances": "new"}
    assert PlanDefinition.from_dict(plan.to_dict()) == plan
    assert "on_change" not in SMALL.to_dict()


@given(
    day=st.integers(1, 30),
    rule=st.sampled_from(ChangeRule),
    minutes=st.tuples(st.integers(0, 900), st.integers(0, 900)),
)
def test_the_cycle_covers_what_its_plans_bring_together(day: int, rule: ChangeRule, minutes: tuple[int, int]) -> None:
    first, second = shares(OPENS, CLOSES, [(date(2027, 3, day), rule)])
    used = [[Counter("calls", "", 1, each * 60)] for each in minutes]
    parts = [SMALL.part(first), LARGE.part(second)]
    rated = rate_services(list(zip(parts, used, strict=True)), grants=[ServiceGrants((0, 1))])
    brought = sum(part.allowances[0].quantity for part in parts)
    drawn = sum(line.allowance_drawn for usage in rated for line in usage.lines)
    assert drawn == min(brought, sum(minutes) * 60)
    assert sum(state.used for usage in rated for state in usage.allowances) == drawn


@given(st.integers(1, 30), st.integers(0, 300), st.integers(0, 300))
def test_moving_to_a_version_with_equal_terms_changes_nothing(day: int, before: int, after: int) -> None:
    first, second = shares(OPENS, CLOSES, [(date(2027, 3, day), ChangeRule.PRO_RATA)])
    newer = a_mobile_plan("small", "15", 100, version=2)
    used = [[Counter("calls", "", 1, each * 60)] for each in (before, after)]
    parts = [SMALL.part(first), newer.part(second)]
    rated = rate_services(list(zip(parts, used, strict=True)), grants=[ServiceGrants((0, 1))])
    charged = sum(line.chargeable_quantity for usage in rated for line in usage.lines)
    # A started second counts for the customer, once for each plan.
    assert 0 <= max(before + after - 100, 0) * 60 - charged <= 1
