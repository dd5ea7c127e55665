"""A change of plan within a cycle: each plan's part of the cycle, by the rule of the plan that was moved to."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields
from billing.domain.rating.on_change import ChangeRule, OnChange, Share, shares

OPENS, CLOSES = date(2027, 3, 1), date(2027, 3, 31)
PRO_RATA, NEW, BOTH = ChangeRule.PRO_RATA, ChangeRule.NEW, ChangeRule.BOTH


def days_of(*changes: tuple[int, ChangeRule]) -> list[int]:
    """The days of each plan in a cycle of 30 days with changes on these days of March."""
    dated = [(date(2027, 3, day), rule) for day, rule in changes]
    return [share.days for share in shares(OPENS, CLOSES, dated)]


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        ([], [30]),
        ([(11, PRO_RATA)], [10, 20]),
        ([(1, PRO_RATA)], [0, 30]),
        ([(31, PRO_RATA)], [30, 0]),
        ([(11, PRO_RATA), (21, PRO_RATA)], [10, 10, 10]),
        ([(11, PRO_RATA), (11, PRO_RATA)], [10, 0, 20]),
        ([(11, NEW)], [0, 30]),
        ([(11, BOTH)], [30, 30]),
        ([(11, BOTH), (21, NEW)], [0, 0, 30]),
        ([(11, NEW), (21, PRO_RATA)], [0, 20, 10]),
        ([(11, BOTH), (21, PRO_RATA)], [30, 20, 10]),
        ([(11, PRO_RATA), (21, BOTH)], [10, 20, 30]),
    ],
)
def test_what_each_plan_counts_for(changes: list[tuple[int, ChangeRule]], days: list[int]) -> None:
    assert days_of(*changes) == days


def test_a_share_of_money_is_exact_and_a_share_of_a_quantity_is_rounded_for_the_customer() -> None:
    first, second = shares(OPENS, CLOSES, [(date(2027, 3, 11), PRO_RATA)])
    assert first.of(Decimal("15.00")) == Decimal("5.00")
    assert (first.of_quantity(100), second.of_quantity(100)) == (34, 67)
    assert first.text == "10 of 30 days, 2027-03-01 to 2027-03-11"
    assert (first.is_whole, shares(OPENS, CLOSES)[0].is_whole) == (False, True)


def test_a_service_that_returned_to_a_plan_counts_each_day_once() -> None:
    first, between, again = shares(OPENS, CLOSES, [(date(2027, 3, 11), PRO_RATA), (date(2027, 3, 21), PRO_RATA)])
    joined = first.joined(again)
    assert (joined.days, between.days) == (20, 10)
    assert joined.text == "20 of 30 days, 2027-03-01 to 2027-03-11 and 2027-03-21 to 2027-03-31"
    once, _, twice = shares(OPENS, CLOSES, [(date(2027, 3, 11), BOTH), (date(2027, 3, 21), BOTH)])
    assert once.joined(twice).days == 30


def test_a_cycle_that_closes_on_the_day_it_opened_counts_as_a_day() -> None:
    assert [share.days for share in shares(OPENS, OPENS, [(OPENS, PRO_RATA)])] == [0, 1]


def test_a_change_outside_of_the_cycle_is_refused() -> None:
    with pytest.raises(InvalidValue, match="within this cycle"):
        shares(OPENS, CLOSES, [(date(2027, 4, 1), NEW)])


@given(
    length=st.integers(1, 62),
    changes=st.lists(st.integers(0, 62), max_size=6),
    fee=st.decimals(0, 1000, places=2),
    quantity=st.integers(0, 10**12),
)
def test_pro_rata_never_loses_or_doubles_anything(length: int, changes: list[int], fee: Decimal, quantity: int) -> None:
    dated = [(OPENS + timedelta(days=min(day, length)), PRO_RATA) for day in sorted(changes)]
    found = shares(OPENS, OPENS + timedelta(days=length), dated)
    assert sum(share.days for share in found) == length
    assert abs(sum((share.of(fee) for share in found), Decimal(0)) - fee) < Decimal("1e-20")
    assert quantity <= sum(share.of_quantity(quantity) for share in found) <= quantity + len(found)
    everything = found[0]
    for share in found[1:]:
        everything = everything.joined(share)
    assert everything.is_whole


@given(st.lists(st.tuples(st.integers(1, 31), st.sampled_from(ChangeRule)), max_size=5))
def test_the_newest_plan_always_reaches_to_the_end_of_the_cycle(changes: list[tuple[int, ChangeRule]]) -> None:
    changes.sort(key=lambda change: change[0])
    found = shares(OPENS, CLOSES, [(date(2027, 3, day), rule) for day, rule in changes])
    assert all(0 <= share.days <= 30 for share in found)
    last: Share = found[-1]
    assert not last.spans or last.spans[-1][1] == CLOSES


@pytest.mark.parametrize(
    ("written", "rules"),
    [
        ({}, OnChange()),
        ({"on_change": {"fees": "new"}}, OnChange(NEW, NEW)),
        ({"on_change": {"allowances": "both"}}, OnChange(PRO_RATA, BOTH)),
        ({"on_change": {"fees": "both", "allowances": "pro_rata"}}, OnChange(BOTH, PRO_RATA)),
    ],
)
def test_rules_are_read_and_written(written: dict[str, object], rules: OnChange) -> None:
    assert OnChange.read(Fields(written)) == rules
    assert OnChange.read(Fields({"on_change": rules.to_dict()})) == rules


def test_a_rule_that_is_not_known_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidValue) as refused:
        OnChange.read(Fields({"on_change": {"fees": "half"}}))
    assert refused.value.field == "on_change.fees"
