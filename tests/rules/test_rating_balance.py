"""The live balance is the invoice's computation on the open cycle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.balance import OpenCycle, ServiceBalance, live_balance
from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.domain.rating import Counter, UsageEvent, count, rate_totals, recurring_lines
from tests.rules.rating_builders import A_RICH_PLAN, MINUTE, VOICE, a_plan, parts_of, usage_events

OPENS = datetime(2026, 6, 1, tzinfo=UTC)
CLOSES = datetime(2026, 7, 1, tzinfo=UTC)
PLAN = a_plan(
    {"code": "fee", "model": "recurring", "fee": "10"},
    {"code": "calls", "model": "per_unit", "rate": "0.10", **MINUTE},
    {"code": "texts", "model": "per_unit", "rate": "0.05", "meter": "messages"},
    allowances=[{"code": "minutes", "meter": VOICE, "quantity": 6000}],
)


def after(days: float) -> OpenCycle:
    """June, so many days in."""
    return OpenCycle(OPENS + timedelta(days=days), OPENS, CLOSES)


def balance(days: float, *counters: Counter) -> ServiceBalance:
    """The balance of ``PLAN`` so many days into June."""
    return live_balance(PLAN, counters, cycle=after(days))


def test_a_balance_says_used_left_and_charged() -> None:
    now = balance(10, Counter("calls", "", 3, 3000), Counter("texts", "", 4, 4))
    assert [(each.meter, each.events, each.quantity) for each in now.meters] == [(VOICE, 3, 3000), ("messages", 4, 4)]
    assert (now.allowances[0].used, now.allowances[0].left) == (3000, 3000)
    assert (now.usage_charges, now.recurring_charges, now.charges) == (
        Money(20, "EUR"),
        Money(1000, "EUR"),
        Money(1020, "EUR"),
    )


@pytest.mark.parametrize(
    ("days", "seconds", "projected"),
    [
        (10, 1800, "10.00"),  # 5400 seconds in a month stay within the allowance
        (10, 3000, "15.00"),  # 9000 seconds, 50 minutes beyond it
        (15, 6000, "20.00"),
        (30, 12_000, "20.00"),
        (45, 12_000, "20.00"),
        (0, 600, "30.00"),  # the first day counts whole: 18,000 seconds
        (-1, 0, "10.00"),
    ],
)
def test_the_projection_lets_use_go_on_as_it_did(days: float, seconds: int, projected: str) -> None:
    assert f"{balance(days, Counter('calls', '', 1, seconds)).projected_charges}" == f"{projected} EUR"


def test_fees_may_differ_from_the_plans() -> None:
    free_bridge = live_balance(PLAN, [], recurring=(), cycle=after(3))
    assert free_bridge.charges.is_zero


@given(st.lists(usage_events(), max_size=20), st.integers(0, 30))
def test_what_the_customer_sees_is_what_is_billed(events: list[UsageEvent], days: int) -> None:
    counters = count(part for event in events for part in parts_of(A_RICH_PLAN, event))
    seen, billed = live_balance(A_RICH_PLAN, counters, cycle=after(days)), rate_totals(A_RICH_PLAN, counters)
    assert seen.lines == (*recurring_lines(A_RICH_PLAN), *billed.lines)
    assert seen.usage_charges == billed.subtotal
    assert live_balance(A_RICH_PLAN, counters, cycle=after(30)).projected_charges == seen.charges


def test_a_cycle_that_closes_before_it_opens_is_refused() -> None:
    with pytest.raises(InvalidValue, match="closes_at"):
        OpenCycle(OPENS, CLOSES, OPENS)
