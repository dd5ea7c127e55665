"""An event goes to the longest prefix, and to a counter that rating can tell apart."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.rating import Guided, NoPrice, PlanDefinition, UsageEvent, guide
from tests.rules.rating_builders import A_RICH_PLAN, MINUTE, VOICE, a_plan, parts_of

GROUPS = a_plan(
    {
        "code": "abroad",
        "model": "per_unit",
        "destinations": [
            {"name": "France", "prefixes": ["33"], "rate": "0.10"},
            {"name": "France mobile", "prefixes": ["337", "336"], "rate": "0.25"},
        ],
        **MINUTE,
    },
    {"code": "home", "model": "per_unit", "rate": "0.05", "prefixes": ["32"], **MINUTE},
)


@pytest.mark.parametrize(
    ("destination", "price_code", "band", "prefix"),
    [
        ("33123456789", "abroad", "33", "33"),
        ("33612345678", "abroad", "337", "336"),
        ("+33712345678", "abroad", "337", "337"),
        ("32470000000", "home", "", "32"),
    ],
)
def test_the_longest_prefix_wins(destination: str, price_code: str, band: str, prefix: str) -> None:
    assert parts_of(GROUPS, UsageEvent(VOICE, 61, destination)) == (Guided(price_code, band, 61, prefix=prefix),)


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (UsageEvent(VOICE, 60, "44207000000"), "44207000000"),
        (UsageEvent(VOICE, 60), "without destination"),
        (UsageEvent("data_bytes", 60), "data_bytes"),
        (UsageEvent(VOICE, 60, "3"), "destination 3"),
    ],
)
def test_what_has_no_price_says_why_and_is_never_free(event: UsageEvent, word: str) -> None:
    outcome = guide(GROUPS, event)
    assert isinstance(outcome, NoPrice)
    assert word in outcome.reason


def test_a_percentage_needs_an_amount_on_the_event() -> None:
    assert isinstance(guide(A_RICH_PLAN, UsageEvent("content", 1)), NoPrice)
    [priced] = parts_of(A_RICH_PLAN, UsageEvent("content", 1, amount=Decimal("2.00")))
    assert priced.amount_per_event == Decimal("0.25")


@pytest.mark.parametrize(
    ("destination", "band"),
    [("32470000000", "3247"), ("32499000000", "324"), ("3221234567", ""), ("33123456789", "33"), ("26212", "33")],
)
def test_an_allowance_for_some_prefixes_splits_the_band_it_cuts(destination: str, band: str) -> None:
    [guided] = parts_of(A_RICH_PLAN, UsageEvent(VOICE, 60, destination))
    assert guided.band == band


def test_a_group_keeps_its_name_when_an_allowance_splits_off_its_first_prefix() -> None:
    price = {"code": "calls", "model": "per_unit", "destinations": [{"prefixes": ["324", "32"], "rate": "1"}], **MINUTE}
    mobile = {"code": "mobile", "meter": VOICE, "quantity": 600, "prefixes": ["324"]}
    plan = a_plan(price, allowances=[mobile])
    guided = [part for number in ("3247", "3221") for part in parts_of(plan, UsageEvent(VOICE, 1, number))]
    assert [each.band for each in guided] == ["324", "32"]


@given(st.text("0123456789", min_size=0, max_size=15))
def test_guiding_agrees_with_trying_every_prefix(number: str) -> None:
    rates = {"33": "33", "337": "337", "336": "337"}
    matching = [prefix for prefix in (*rates, "32") if number.startswith(prefix)]
    outcome = guide(GROUPS, UsageEvent(VOICE, 60, number))
    if isinstance(outcome, NoPrice):
        assert not matching
    else:
        longest = max(matching, key=len)
        [guided] = outcome
        assert (guided.prefix, guided.band) == (longest, rates.get(longest, ""))


@pytest.mark.parametrize("quantity", [-1, 10**16])
def test_an_impossible_quantity_is_refused(quantity: int) -> None:
    with pytest.raises(InvalidValue, match="quantity"):
        UsageEvent(VOICE, quantity)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-0.01", "1e10", "0.0000001"])
def test_an_impossible_carried_amount_is_refused(amount: str) -> None:
    with pytest.raises(InvalidValue, match="amount"):
        UsageEvent("content", 1, amount=Decimal(amount))


@st.composite
def plans_with_cuts(draw: st.DrawFn) -> PlanDefinition:
    """Plans whose destination groups and allowances overlap in every way three digits allow."""
    prefixes = draw(st.lists(st.text("123", min_size=1, max_size=3), max_size=8, unique=True))
    edges = sorted({0, len(prefixes), *draw(st.lists(st.integers(0, len(prefixes)), max_size=3))})
    groups = [{"prefixes": prefixes[begin:end], "rate": "0.2"} for begin, end in pairwise(edges)]
    cuts = draw(st.lists(st.lists(st.text("123", min_size=1, max_size=3), max_size=3), max_size=3))
    allowances = [
        {"code": f"allowance-{place}", "meter": VOICE, "quantity": 60, "prefixes": each}
        for place, each in enumerate(cuts)
    ]
    calls = {"code": "calls", "model": "per_unit", "rate": "0.1", "destinations": groups, **MINUTE}
    return a_plan(calls, allowances=allowances)


@given(plans_with_cuts(), st.text("1234", max_size=5))
def test_all_events_of_a_band_share_its_rate_and_its_allowances(plan: PlanDefinition, number: str) -> None:
    [guided] = parts_of(plan, UsageEvent(VOICE, 60, number))
    band = plan.bands.by_code[guided.price_code, guided.band]
    groups = {prefix: group for group in plan.prices[0].destinations for prefix in group.prefixes}
    longest = max((prefix for prefix in groups if number.startswith(prefix)), key=len, default=None)
    assert band.destination == (None if longest is None else groups[longest])
    covering = [place for place, each in enumerate(plan.allowances) if each.covers(number)]
    assert list(band.allowances) == covering
