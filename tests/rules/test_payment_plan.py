"""Payment plans: even instalments, what is refused, and what is done about them next."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.cycle_calendar import at_local_time
from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.domain.payment_plan import (
    DEBIT,
    PAYLINK,
    Ask,
    Instalment,
    Kept,
    Missed,
    PlanDecision,
    PlanFacts,
    Rest,
    Tell,
    asked,
    decide_plan,
    instalment_in_turn,
    refuse_unusable,
    spread_evenly,
    told,
)

ZONE = "Europe/Amsterdam"
FIRST = date(2027, 7, 1)
THREE = spread_evenly(Money(4210, "EUR"), 3, FIRST, "month")


def at(day: date, hour: int = 10) -> datetime:
    return at_local_time(day, time(hour), ZONE)


def facts(**changes: Any) -> PlanFacts:
    """42.10 EUR in three monthly instalments by debit, nothing paid yet."""
    usual = PlanFacts(instalments=THREE, total_minor=4210, open_minor=4210, paid_by=DEBIT, zone=ZONE, grace_days=3)
    return replace(usual, **changes)


def days_before(days: int, hour: int = 10) -> datetime:
    return at(FIRST - timedelta(days=days), hour)


# The plan -----------------------------------------------------------------------------------------------------------


def test_even_instalments_conserve_the_total_and_keep_the_day_of_the_month() -> None:
    plan = spread_evenly(Money(1000, "EUR"), 3, date(2027, 1, 31), "month")
    assert [(one.due_on, one.amount_minor) for one in plan] == [
        (date(2027, 1, 31), 334),
        (date(2027, 2, 28), 333),
        (date(2027, 3, 31), 333),
    ]


@given(total=st.integers(100, 10**7), count=st.integers(1, 60), every=st.sampled_from(["week", "two_weeks", "month"]))
def test_any_even_plan_adds_up_and_comes_in_order(total: int, count: int, every: str) -> None:
    plan = spread_evenly(Money(total, "EUR"), count, date(2027, 1, 31), every)
    assert sum(one.amount_minor for one in plan) == total
    assert [one.number for one in plan] == list(range(1, count + 1))
    dates = [one.due_on for one in plan]
    assert dates == sorted(set(dates))


def an_instalment(day: int, amount_minor: int) -> Instalment:
    return Instalment(1, FIRST + timedelta(days=day), amount_minor)


@pytest.mark.parametrize(
    ("instalments", "field", "value"),
    [
        ((), "instalments", "0"),
        (tuple(an_instalment(day, 1000) for day in range(5)), "instalments", "5"),
        ((an_instalment(-1, 4210),), "instalments[0].due_on", "2027-06-30"),
        ((an_instalment(3, 2000), an_instalment(3, 2210)), "instalments[1].due_on", "2027-07-04"),
        ((an_instalment(0, 2000), an_instalment(91, 2210)), "instalments[1].due_on", "2027-09-30"),
        ((an_instalment(0, 4170), an_instalment(5, 40)), "instalments[1].amount_minor", "40"),
        ((an_instalment(0, 2000), an_instalment(5, 2209)), "instalments", "4209"),
        ((an_instalment(0, 2000), an_instalment(5, 2211)), "instalments", "4211"),
    ],
)
def test_a_plan_that_cannot_be_kept_is_refused_by_field(
    instalments: tuple[Instalment, ...], field: str, value: str
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        refuse_unusable(instalments, Money(4210, "EUR"), FIRST, 50, most=4, longest_days=90)
    assert (refusal.value.field, refusal.value.value) == (field, value)
    assert refusal.value.remedy


def test_instalments_are_paid_in_their_order_by_whatever_comes() -> None:
    assert instalment_in_turn(THREE, 4210, 4210) == (THREE[0], 1404)
    assert instalment_in_turn(THREE, 4210, 3000) == (THREE[0], 194)
    assert instalment_in_turn(THREE, 4210, 2806) == (THREE[1], 1403)
    assert instalment_in_turn(THREE, 4210, 1) == (THREE[2], 1)
    assert instalment_in_turn(THREE, 4210, 0) is None


def test_a_plan_survives_plain_json() -> None:
    plan = told(asked(THREE, 2, at(FIRST)), 3, at(FIRST))
    assert tuple(Instalment.from_dict(one.to_dict()) for one in plan) == plan


# By debit -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "changes", "kind"),
    [
        (days_before(11), {}, Rest),
        (days_before(10), {}, Ask),
        (days_before(9), {"instalments": asked(THREE, 1, days_before(10))}, Rest),
        (days_before(4), {"instalments": asked(THREE, 1, days_before(10))}, Ask),
        (days_before(3), {"instalments": asked(THREE, 1, days_before(4))}, Rest),
        (days_before(-2), {"instalments": asked(THREE, 1, days_before(4))}, Rest),
        (days_before(-4), {"instalments": asked(THREE, 1, days_before(4))}, Tell),  # no debit was ever made
        (
            days_before(-4),
            {"instalments": asked(THREE, 1, days_before(4)), "announced_on": FIRST + timedelta(days=2)},
            Rest,
        ),
        (days_before(-9), {"attempt_in_flight": True}, Rest),
        (days_before(0), {"open_minor": 0}, Kept),
        (days_before(0), {"open_minor": 2806, "instalments": asked(THREE, 1, days_before(10))}, Rest),
    ],
)
def test_a_debit_is_asked_for_in_time_and_once_more(now: datetime, changes: dict[str, Any], kind: type) -> None:
    assert type(decide_plan(facts(**changes), now)) is kind


def test_only_what_is_left_of_an_instalment_is_asked_for() -> None:
    decision = decide_plan(facts(open_minor=4000), days_before(10))
    assert isinstance(decision, Ask)
    assert (decision.instalment, decision.amount_minor) == (THREE[0], 1194)


def a_failed_debit(**changes: Any) -> PlanFacts:
    failed: dict[str, Any] = {"failed_at": at(FIRST), "failed_attempt": "inv_1-2", "failure_told": False}
    return facts(**{"instalments": asked(THREE, 1, days_before(10)), **failed, **changes})


def test_a_failed_debit_is_told_with_its_own_amount_and_then_has_its_grace() -> None:
    decision = decide_plan(a_failed_debit(), at(FIRST))
    assert isinstance(decision, Tell)
    assert (decision.failed_attempt, decision.amount_minor) == ("inv_1-2", 1404)
    heard = a_failed_debit(failure_told=True, instalments=told(asked(THREE, 1, days_before(10)), 1, at(FIRST)))
    assert isinstance(decide_plan(heard, at(FIRST + timedelta(days=3))), Rest)
    assert isinstance(decide_plan(heard, at(FIRST + timedelta(days=4), 0)), Missed)


def test_a_debit_that_comes_back_late_has_its_grace_from_then_on() -> None:
    late = FIRST + timedelta(days=8)
    heard = a_failed_debit(failed_at=at(late), failure_told=True)
    assert isinstance(decide_plan(heard, at(late + timedelta(days=3))), Rest)
    assert isinstance(decide_plan(heard, at(late + timedelta(days=4))), Missed)


# By paylink ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "instalments", "kind"),
    [
        (days_before(4), THREE, Rest),
        (days_before(3), THREE, Tell),
        (days_before(2), told(THREE, 1, days_before(3)), Rest),
        (days_before(-3, 23), told(THREE, 1, days_before(3)), Rest),
        (days_before(-4, 0), told(THREE, 1, days_before(3)), Missed),
        (days_before(-20), THREE, Tell),  # who was never told is told first
    ],
)
def test_an_instalment_by_paylink_is_told_before_it_can_be_missed(
    now: datetime, instalments: tuple[Instalment, ...], kind: type
) -> None:
    assert type(decide_plan(facts(paid_by=PAYLINK, instalments=instalments), now)) is kind


@settings(max_examples=150, deadline=None)
@given(
    paid_by=st.sampled_from([DEBIT, PAYLINK]),
    count=st.integers(1, 6),
    every=st.sampled_from(["week", "two_weeks", "month"]),
    pays=st.lists(st.booleans(), min_size=6, max_size=6),
    hour=st.integers(0, 23),
)
def test_whoever_pays_each_instalment_keeps_the_plan_and_who_misses_one_breaks_it_once(
    paid_by: str, count: int, every: str, pays: list[bool], hour: int
) -> None:
    """Played day by day: the customer pays an instalment on its day, or not at all; every debit fails."""
    plan = facts(instalments=spread_evenly(Money(4210, "EUR"), count, FIRST, every), paid_by=paid_by)
    begun, ends = FIRST - timedelta(days=12), []
    for day in range(12 + 31 * count + 12):
        today = begun + timedelta(days=day)
        plan = paid_on(plan, today, pays)
        for _ in range(3):
            decision = decide_plan(plan, at(today, hour))
            plan = done(plan, decision, at(today, hour))
            if isinstance(decision, Kept | Missed):
                ends.append(decision)
        if ends:
            break
    assert len(ends) >= 1
    expected = Kept if all(pays[:count]) else Missed
    assert {type(one) for one in ends} == {expected}
    if isinstance(ends[0], Missed):
        assert ends[0].instalment.number == pays.index(False) + 1


def paid_on(plan: PlanFacts, today: date, pays: list[bool]) -> PlanFacts:
    for one in plan.instalments:
        if one.due_on == today and pays[one.number - 1] and all(pays[: one.number]):
            return replace(plan, open_minor=plan.open_minor - one.amount_minor, failed_at=None)
        if one.due_on == today and one.asked_at is not None:
            return replace(plan, failed_at=at(today, 0), failed_attempt=f"a-{one.number}", failure_told=False)
    return plan


def done(plan: PlanFacts, decision: PlanDecision, now: datetime) -> PlanFacts:
    if isinstance(decision, Ask):
        return replace(plan, instalments=asked(plan.instalments, decision.instalment.number, now))
    if isinstance(decision, Tell):
        return replace(plan, instalments=told(plan.instalments, decision.instalment.number, now), failure_told=True)
    return plan
