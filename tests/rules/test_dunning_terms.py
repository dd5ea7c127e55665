"""Conditions, windows, channels and fees of a dunning policy, and what it decides under them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from billing.domain.barring import BarringLevel
from billing.domain.cycle_calendar import local_date
from billing.domain.dunning_policy import (
    STANDARD,
    Bar,
    DunningAction,
    DunningPolicy,
    DunningStep,
    HandOver,
    Remind,
    Wait,
    Warn,
    decide,
)
from billing.domain.dunning_terms import DunningFees, StepConditions, Window
from billing.domain.errors import InvalidValue
from billing.domain.retry import FailureCategory
from tests.builders_policy import AMSTERDAM, OPENED_ON, a_case, a_warned_case, names, on_day


def with_step(name: str, **terms: Any) -> DunningPolicy:
    """The standard ladder with other terms for one step."""
    steps = [replace(one, **terms) if one.name == name else one for one in STANDARD.steps]
    return replace(STANDARD, steps=tuple(steps))


@pytest.mark.parametrize(
    ("conditions", "facts", "barred"),
    [
        ({"least_pursued_minor": 4210}, {}, True),
        ({"least_pursued_minor": 4211}, {}, False),
        ({"least_unpaid_invoices": 2}, {"unpaid_invoices": 2}, True),
        ({"least_unpaid_invoices": 2}, {"unpaid_invoices": 1}, False),
        ({"segments": ("business",)}, {"segment": "business"}, True),
        ({"segments": ("business",)}, {"segment": "standard"}, False),
        ({"except_segments": ("vulnerable",)}, {"segment": "vulnerable"}, False),
        ({"failure_categories": ("funds",)}, {}, True),
        ({"failure_categories": ("method_dead",)}, {}, False),
        ({"failure_categories": ("funds",)}, {"last_failure_category": None}, False),
        ({"least_oldest_days": 17}, {"oldest_due_on": OPENED_ON}, True),
        ({"least_oldest_days": 18}, {"oldest_due_on": OPENED_ON}, False),
        ({"least_oldest_days": 18}, {"oldest_due_on": OPENED_ON - timedelta(days=1)}, True),
    ],
)
def test_a_step_is_taken_only_where_its_conditions_hold(
    conditions: dict[str, Any], facts: dict[str, Any], barred: bool
) -> None:
    policy = with_step("bar_outgoing@17", when=StepConditions(**conditions))
    decision = decide(policy, a_warned_case(**facts), on_day(17))
    assert isinstance(decision, Bar) is barred
    if isinstance(decision, Wait):
        assert "bar_outgoing@17" in decision.reason or "least_oldest_days" in conditions


def test_a_step_that_waits_for_an_older_invoice_is_looked_at_again_that_day() -> None:
    policy = with_step("bar_outgoing@17", when=StepConditions(least_oldest_days=20))
    decision = decide(policy, a_warned_case(oldest_due_on=OPENED_ON), on_day(17))
    assert isinstance(decision, Wait)
    assert decision.until == on_day(20, hour=9)


def test_a_warning_names_the_day_on_which_the_invoice_is_old_enough() -> None:
    policy = with_step("bar_outgoing@17", when=StepConditions(least_oldest_days=27))
    decision = decide(policy, a_case(steps_done=names(10), oldest_due_on=OPENED_ON), on_day(10))
    assert isinstance(decision, Warn)
    assert decision.bar_on == OPENED_ON + timedelta(days=27)


def test_nobody_is_warned_of_a_bar_that_is_not_for_them() -> None:
    spared = StepConditions(except_segments=("vulnerable",))
    steps = [replace(one, when=spared) if one.action.barring_level else one for one in STANDARD.steps]
    decision = decide(
        replace(STANDARD, steps=tuple(steps)), a_case(steps_done=names(10), segment="vulnerable"), on_day(10)
    )
    assert isinstance(decision, Wait)
    assert "there is no bar to warn of" in decision.reason


@pytest.mark.parametrize(
    ("window", "now", "opens"),
    [
        (Window(from_hour=11, to_hour=15), on_day(17), on_day(17, hour=11)),
        (Window(to_hour=10), on_day(17), on_day(20, hour=9)),  # Friday is over, Monday from the policy's hour on
        (Window(weekdays=("tuesday",)), on_day(17), on_day(21, hour=9)),
    ],
)
def test_a_window_narrows_the_hours_and_days_of_a_step(window: Window, now: datetime, opens: datetime) -> None:
    policy = with_step("bar_outgoing@17", window=window)
    decision = decide(policy, a_warned_case(), now)
    assert isinstance(decision, Wait)
    assert decision.until == opens
    assert isinstance(decide(policy, a_warned_case(), opens), Bar)


def test_a_window_may_leave_out_public_holidays() -> None:
    easter_monday = date(2026, 4, 6)
    assert not Window(public_holidays=False).has_day(easter_monday, "NL")
    assert Window().has_day(easter_monday, "NL")


def test_the_channels_of_a_step_are_those_of_its_notice() -> None:
    policy = with_step("reminder@3", channels=("email",))
    decision = decide(policy, a_case(steps_done=("failed_notice@0", "retry@3")), on_day(3))
    assert isinstance(decision, Remind)
    assert decision.channels == ("email",)


def test_a_warning_that_is_sent_again_goes_by_the_channels_that_count() -> None:
    written = replace(STANDARD, warning_channels=("email",))
    bounced = a_case(steps_done=names(17), warned_at=on_day(10), warning_failed=True)
    decision = decide(written, bounced, on_day(17))
    assert isinstance(decision, Warn)
    assert decision.channels == ("email",)


# Plans, hand-over ---------------------------------------------------------------------------------------------------


def test_what_a_payment_plan_covers_is_not_pressed_for() -> None:
    decision = decide(STANDARD, a_warned_case(planned_amount_minor=4210), on_day(17))
    assert isinstance(decision, Wait)
    assert decision.until is None
    assert "payment plan" in decision.reason


@pytest.mark.parametrize(("planned_minor", "barred"), [(3210, True), (3211, False)])
def test_only_what_a_plan_leaves_counts_for_the_threshold(planned_minor: int, barred: bool) -> None:
    decision = decide(STANDARD, a_warned_case(planned_amount_minor=planned_minor), on_day(17))
    assert isinstance(decision, Bar) is barred


def test_days_at_rest_push_the_days_that_come() -> None:
    rested = a_case(steps_done=names(10), rested_days=28)
    assert isinstance(decide(STANDARD, rested, on_day(37)), Wait)
    warning = decide(STANDARD, rested, on_day(38))
    assert isinstance(warning, Warn)
    assert warning.bar_on == OPENED_ON + timedelta(days=45)
    assert isinstance(decide(STANDARD, a_case(steps_done=names(60), rested_days=30), on_day(61)), Wait)


def test_a_case_that_a_person_hands_over_ends_at_once_even_while_it_is_paused() -> None:
    assert isinstance(decide(STANDARD, a_case(handed_over=True, paused=True), on_day(1)), HandOver)


# Fees ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "charged_minor", "fee_minor"),
    [(0, 0, 0), (1, 0, 1000), (2, 1000, 500), (3, 1500, 0), (9, 0, 1000)],
)
def test_the_first_reminder_is_free_and_a_case_costs_at_most_its_bound(
    before: int, charged_minor: int, fee_minor: int
) -> None:
    fees = DunningFees(reminder_minor=1000, free_reminders=1, most_per_case_minor=1500)
    assert fees.of_reminder(before, charged_minor) == fee_minor


# The data -----------------------------------------------------------------------------------------------------------


def a_policy(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"code": "strict", "steps": list(steps), **fields}


A_REMINDER = {"day": 3, "action": "reminder"}


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (a_policy({**A_REMINDER, "channels": ["pigeon"]}), "steps[0].channels"),
        (a_policy({"day": 3, "action": "retry", "channels": ["sms"]}), "steps[0].channels"),
        (a_policy({**A_REMINDER, "when": {"least_age": 3}}), "steps[0].when.least_age"),
        (a_policy({**A_REMINDER, "when": {"failure_categories": ["bad luck"]}}), "steps[0].when.failure_categories"),
        (
            a_policy({**A_REMINDER, "when": {"segments": ["a"], "except_segments": ["a"]}}),
            "steps[0].when.except_segments",
        ),
        (a_policy({**A_REMINDER, "window": {"from_hour": 9, "to_hour": 9}}), "steps[0].window.to_hour"),
        (a_policy({**A_REMINDER, "window": {"from_hour": 21, "to_hour": 24}}), "steps[0].window"),
        (a_policy({**A_REMINDER, "window": {"weekdays": ["sunday"]}}), "steps[0].window.weekdays"),
        (a_policy({**A_REMINDER, "window": {"weekdays": ["someday"]}}), "steps[0].window.weekdays"),
        (a_policy(A_REMINDER, fees={"reminder_minor": -1}), "fees.reminder_minor"),
        (a_policy(A_REMINDER, fees={"late_minor": 1}), "fees.late_minor"),
        (a_policy(A_REMINDER, arrangements={"grace_days": 31}), "arrangements.grace_days"),
        (a_policy(A_REMINDER, warning_channels=["post"]), "warning_channels"),
        (
            a_policy(
                {"day": 1, "action": "warn", "channels": ["sms"]},
                {"day": 9, "action": "bar_outgoing"},
                warning_channels=["email"],
            ),
            "steps[0].channels",
        ),
        (a_policy(A_REMINDER, {**A_REMINDER, "channels": ["sms"]}), "steps[1].action"),
    ],
)
def test_terms_that_cannot_be_used_are_refused_by_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        DunningPolicy.from_dict(data)
    assert refusal.value.field == field
    assert refusal.value.remedy


def test_a_policy_with_every_term_survives_plain_json() -> None:
    steps = (
        DunningStep(3, DunningAction.REMINDER, ("email", "sms"), StepConditions(least_pursued_minor=500)),
        DunningStep(10, DunningAction.WARN, window=Window(9, 17, ("monday", "tuesday"), False)),
        DunningStep(
            20, DunningAction.BAR_OUTGOING, when=StepConditions(segments=("a",), failure_categories=("funds",))
        ),
    )
    policy = replace(STANDARD, steps=steps, fees=DunningFees(1000, 1, 2000, 3000), warning_channels=("sms",))
    assert DunningPolicy.from_dict(policy.to_dict()) == policy
    assert local_date(on_day(0), AMSTERDAM) == OPENED_ON
    assert FailureCategory.FUNDS in policy.steps[2].when.failure_categories
    assert steps[2].action.barring_level is BarringLevel.OUTGOING
