"""No threshold is passed below the watched quantities, and where none is near nobody looks."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.rating import AllowanceState, PlanDefinition
from billing.ports.usage_records import CounterRow
from billing.services.usage_watch import NEVER, watch_quantities
from tests.builders_usage import PLAN

PLANS = {("vonk-basis", 1): PlanDefinition.from_dict(dict(PLAN))}
PERCENTS = (80, 100)


def a_row(service: int, band: str, quantity: int, price: str = "voice") -> CounterRow:
    return CounterRow(f"svc_{service}", price, band, 1, quantity, Decimal(0), "vonk-basis", 1)


def a_state(included: int, used: int) -> AllowanceState:
    return AllowanceState("minutes", "Minutes", "voice", included, used, max(included - used, 0))


def reached(included: int, used: int) -> int:
    return sum(used * 100 >= included * percent for percent in PERCENTS)


@given(
    quantities=st.lists(st.integers(0, 500), min_size=1, max_size=5),
    included=st.integers(1, 1000),
    more=st.lists(st.integers(0, 300), min_size=5, max_size=5),
)
def test_a_threshold_is_passed_only_when_a_watched_quantity_is(
    quantities: list[int], included: int, more: list[int]
) -> None:
    rows = [a_row(service, "", quantity) for service, quantity in enumerate(quantities)]
    used = sum(quantities)
    watched = watch_quantities(rows, PLANS, [a_state(included, used)], PERCENTS)
    grown = [row.quantity + added for row, added in zip(rows, more, strict=False)]
    is_looked_at = any(quantity >= watched[key] for quantity, key in zip(grown, watched, strict=True))
    if reached(included, sum(grown)) > reached(included, used):
        assert is_looked_at


def test_one_counter_is_watched_from_the_threshold_itself() -> None:
    watched = watch_quantities([a_row(1, "", 100)], PLANS, [a_state(1000, 100)], PERCENTS)
    assert list(watched.values()) == [800]
    watched = watch_quantities([a_row(1, "", 900)], PLANS, [a_state(1000, 900)], PERCENTS)
    assert list(watched.values()) == [1000]


def test_a_used_up_allowance_and_another_meter_are_watched_no_more() -> None:
    rows = [a_row(1, "", 2000), a_row(1, "", 5, price="sms")]
    assert list(watch_quantities(rows, PLANS, [a_state(1000, 2000)], PERCENTS).values()) == [NEVER, NEVER]
