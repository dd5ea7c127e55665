"""The cycle plan: every date of a cycle, in the order the customer lives it."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.banking_days import add_banking_days, is_banking_day
from billing.domain.cycle_calendar import CycleDay, at_local_time, cycle_at, local_date
from billing.domain.cycle_plan import (
    CyclePlan,
    MethodKind,
    UnableToPlanCycle,
    notice_is_in_time,
    plan_cycle,
    plan_retry,
    preview_cycles,
    replan_debit,
    validate_policy,
)
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.errors import InvalidValue
from billing.domain.quiet_hours import QuietHours

AMSTERDAM = "Europe/Amsterdam"
DUTCH = CyclePolicy(country="NL")
BRITISH = CyclePolicy(country="GB", scheme_calendar="GB", notice_days=10, notice_in_banking_days=True)
AMERICAN = CyclePolicy(country="US", scheme_calendar="US")
BRANDS = [(DUTCH, AMSTERDAM), (BRITISH, "Europe/London"), (AMERICAN, "America/New_York"), (DUTCH, "Asia/Beirut")]
cycle_days = st.integers(min_value=1, max_value=31).map(CycleDay)
noons = st.dates(date(2025, 1, 1), date(2036, 1, 1)).map(lambda day: datetime.combine(day, time(12), UTC))


def a_plan(
    closes_on: date, policy: CyclePolicy = DUTCH, method_kind: MethodKind = MethodKind.CARD, zone: str = AMSTERDAM
) -> CyclePlan:
    noon_before = at_local_time(closes_on - timedelta(days=1), time(12), zone)
    return plan_cycle(cycle_at(CycleDay(closes_on.day), zone, noon_before), policy, zone, method_kind)


def shown(instant: datetime, zone: str = AMSTERDAM) -> str:
    return f"{instant.astimezone(ZoneInfo(zone)):%a %d %b %Y %H:%M}"


def test_the_month_of_a_card_customer() -> None:
    plan = a_plan(date(2026, 6, 15))
    assert plan.invoice_date == date(2026, 6, 15)
    assert shown(plan.closes_at) == "Mon 15 Jun 2026 00:00"
    assert shown(plan.issue_at) == "Tue 16 Jun 2026 09:00"
    assert plan.ready_notice_at == plan.issue_at
    assert shown(plan.reminder_at) == "Sat 27 Jun 2026 09:00"
    assert plan.debit_on == date(2026, 6, 30)
    assert shown(plan.debit_at) == "Tue 30 Jun 2026 08:00"
    assert plan.submit_at == plan.debit_at
    assert shown(plan.next_closes_at) == "Wed 15 Jul 2026 00:00"


def test_a_direct_debit_is_submitted_ahead_and_its_reminder_leaves_before_that() -> None:
    plan = a_plan(date(2026, 6, 15), method_kind=MethodKind.SEPA_DEBIT)
    assert plan.debit_on == date(2026, 6, 30)
    assert shown(plan.submit_at) == "Sat 27 Jun 2026 08:00"
    assert shown(plan.reminder_at) == "Fri 26 Jun 2026 09:00"


def test_a_debit_waits_for_easter_to_pass() -> None:
    plan = a_plan(date(2026, 3, 19))
    assert shown(plan.ready_notice_at) == "Fri 20 Mar 2026 09:00"
    assert plan.debit_on == date(2026, 4, 7)
    assert shown(plan.reminder_at) == "Sat 04 Apr 2026 09:00"


def test_a_ready_notice_on_a_sunday_leaves_on_monday_and_the_debit_counts_from_there() -> None:
    plan = a_plan(date(2026, 6, 13))
    assert shown(plan.issue_at) == "Sun 14 Jun 2026 09:00"
    assert shown(plan.ready_notice_at) == "Mon 15 Jun 2026 09:00"
    assert plan.debit_on == date(2026, 6, 29)
    assert shown(plan.reminder_at) == "Fri 26 Jun 2026 09:00"


def test_a_reminder_that_would_fall_on_a_sunday_leaves_the_day_before() -> None:
    plan = a_plan(date(2026, 6, 16))
    assert plan.debit_on == date(2026, 7, 1)
    assert shown(plan.reminder_at) == "Sat 27 Jun 2026 09:00"


def test_the_hours_stay_civil_when_the_clocks_change() -> None:
    plan = a_plan(date(2026, 3, 14))
    assert shown(plan.issue_at) == "Sun 15 Mar 2026 09:00"
    assert shown(plan.ready_notice_at) == "Mon 16 Mar 2026 09:00"
    assert shown(plan.debit_at) == "Mon 30 Mar 2026 08:00"
    assert (plan.issue_at.hour, plan.debit_at.hour) == (8, 6)


def test_without_a_method_there_is_a_due_date_and_no_debit() -> None:
    plan = a_plan(date(2026, 6, 15), method_kind=MethodKind.NONE)
    assert plan.debit_on == date(2026, 6, 30)
    assert not plan.debit_is_planned


@settings(max_examples=300)
@given(cycle_day=cycle_days, noon=noons, brand=st.sampled_from(BRANDS), method_kind=st.sampled_from(list(MethodKind)))
def test_the_dates_of_every_cycle_keep_their_order(
    cycle_day: CycleDay, noon: datetime, brand: tuple[CyclePolicy, str], method_kind: MethodKind
) -> None:
    policy, zone = brand
    plan = plan_cycle(cycle_at(cycle_day, zone, noon), policy, zone, method_kind)
    assert plan.opens_at < plan.closes_at < plan.issue_at <= plan.ready_notice_at < plan.reminder_at
    assert plan.reminder_at < plan.submit_at <= plan.debit_at < plan.next_closes_at
    assert is_banking_day(plan.debit_on, policy.calendar_of(method_kind))
    assert local_date(plan.debit_at, zone) == plan.debit_on
    noticed_on, reminded_on = local_date(plan.ready_notice_at, zone), local_date(plan.reminder_at, zone)
    if method_kind is MethodKind.BACS_DEBIT:
        assert plan.debit_on == add_banking_days(noticed_on, 10, "GB")
    else:
        assert plan.debit_on >= noticed_on + timedelta(days=policy.notice_days)
    assert plan.debit_on - reminded_on >= timedelta(days=policy.reminder_days)
    assert reminded_on.weekday() != 6
    assert noticed_on.weekday() != 6


@pytest.mark.parametrize(("policy", "zone"), BRANDS)
def test_the_default_policies_can_be_kept_all_year(policy: CyclePolicy, zone: str) -> None:
    validate_policy(policy, zone)


@pytest.mark.parametrize(
    ("wrong", "field", "colliding"),
    [
        ({"reminder_days": 0}, "reminder_days", ["the reminder (2025-02-17 09:00)", "the debit (2025-02-17 08:00)"]),
        ({"reminder_days": -2}, "reminder_days", ["the reminder (2025-02-19 09:00)", "the debit (2025-02-17 08:00)"]),
        (
            {"reminder_days": 14},
            "reminder_days",
            ["the ready notice (2025-02-03 09:00)", "the reminder (2025-02-03 09:00)"],
        ),
        (
            {"notice_days": 28},
            "notice_days",
            ["the debit (2025-03-03 08:00)", "the next close (2025-03-01 00:00)", "closes on 2025-02-01"],
        ),
        ({"billing_delay_days": 13}, "notice_days", ["the debit", "the next close"]),
        ({"notice_days": 20, "notice_in_banking_days": True}, "notice_days", ["20 banking days"]),
        ({"submission_lead_days": 14}, "notice_days", ["the ready notice", "the submission"]),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused_with_the_dates_that_collide(
    wrong: dict[str, object], field: str, colliding: list[str]
) -> None:
    policy = CyclePolicy.from_dict({"country": "NL", **wrong})
    with pytest.raises(UnableToPlanCycle) as refusal:
        validate_policy(policy, AMSTERDAM)
    assert refusal.value.field == field
    assert refusal.value.remedy
    for text in colliding:
        assert text in str(refusal.value)


def test_a_notice_period_that_fails_only_in_some_years_is_refused_too() -> None:
    policy = CyclePolicy.from_dict({"country": "NL", "notice_days": 25})
    a_plan(date(2026, 2, 10), policy)
    with pytest.raises(UnableToPlanCycle, match="02"):
        validate_policy(policy, AMSTERDAM)


@settings(max_examples=10, deadline=None)
@given(
    notice_days=st.integers(2, 30), reminder_days=st.integers(-1, 20), lead=st.integers(0, 15), delay=st.integers(0, 9),
    cycle_day=cycle_days, noon=noons, method_kind=st.sampled_from([MethodKind.CARD, MethodKind.SEPA_DEBIT]),
)  # fmt: skip
def test_a_policy_that_was_accepted_never_fails_an_account(
    notice_days: int, reminder_days: int, lead: int, delay: int, cycle_day: CycleDay, noon: datetime,
    method_kind: MethodKind,
) -> None:  # fmt: skip
    policy = CyclePolicy(
        billing_delay_days=delay, notice_days=notice_days, reminder_days=reminder_days, submission_lead_days=lead,
        country="NL",
    )  # fmt: skip
    try:
        validate_policy(policy, AMSTERDAM)
    except UnableToPlanCycle:
        return
    plan_cycle(cycle_at(cycle_day, AMSTERDAM, noon), policy, AMSTERDAM, method_kind)


def test_a_notice_on_the_planned_day_is_in_time_whatever_the_hour() -> None:
    plan = a_plan(date(2026, 6, 15))
    late_evening = at_local_time(date(2026, 6, 16), time(23, 59), AMSTERDAM)
    assert notice_is_in_time(plan, late_evening, DUTCH)
    assert replan_debit(plan, late_evening, DUTCH) is plan


def test_a_notice_a_day_late_moves_the_debit_and_the_reminder() -> None:
    plan = a_plan(date(2026, 6, 15))
    sent_at = at_local_time(date(2026, 6, 17), time(0, 1), AMSTERDAM)
    moved = replan_debit(plan, sent_at, DUTCH)
    assert moved.debit_on == date(2026, 7, 1)
    assert shown(moved.debit_at) == "Wed 01 Jul 2026 08:00"
    assert shown(moved.reminder_at) == "Sat 27 Jun 2026 09:00"
    assert moved.ready_notice_at == sent_at
    assert (moved.closes_at, moved.invoice_date, moved.next_closes_at) == (
        plan.closes_at,
        plan.invoice_date,
        plan.next_closes_at,
    )


@given(cycle_day=cycle_days, noon=noons, late_hours=st.integers(0, 24 * 40))
def test_after_replanning_the_notice_is_always_in_time(cycle_day: CycleDay, noon: datetime, late_hours: int) -> None:
    plan = plan_cycle(cycle_at(cycle_day, AMSTERDAM, noon), DUTCH, AMSTERDAM, MethodKind.SEPA_DEBIT)
    sent_at = plan.ready_notice_at + timedelta(hours=late_hours)
    moved = replan_debit(plan, sent_at, DUTCH)
    assert moved.debit_on >= plan.debit_on
    assert moved.debit_on >= local_date(sent_at, AMSTERDAM) + timedelta(days=14)
    assert is_banking_day(moved.debit_on, "TARGET")


@given(noon=noons, method_kind=st.sampled_from([MethodKind.CARD, MethodKind.SEPA_DEBIT]))
def test_a_retry_is_announced_two_banking_days_ahead(noon: datetime, method_kind: MethodKind) -> None:
    retry = plan_retry(noon, DUTCH, AMSTERDAM, method_kind)
    noticed_on = local_date(retry.notice_at, AMSTERDAM)
    assert retry.notice_at >= noon
    assert noticed_on.weekday() != 6
    assert retry.debit_on >= add_banking_days(noticed_on, 2, "TARGET")
    assert is_banking_day(retry.debit_on, "TARGET")
    assert retry.notice_at < retry.submit_at <= retry.debit_at


def test_the_preview_shows_every_date_from_the_cycle_that_is_open() -> None:
    plans = preview_cycles(CycleDay(31), AMSTERDAM, datetime(2026, 2, 10, tzinfo=UTC), 3, DUTCH, MethodKind.SEPA_DEBIT)
    assert [plan.invoice_date for plan in plans] == [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]
    assert [plan.cycle_number for plan in plans] == [1, 2, 3]
    assert [plan.next_closes_at for plan in plans[:-1]] == [plan.closes_at for plan in plans[1:]]


@given(cycle_day=cycle_days, noon=noons, method_kind=st.sampled_from(list(MethodKind)))
def test_a_plan_survives_plain_json(cycle_day: CycleDay, noon: datetime, method_kind: MethodKind) -> None:
    plan = plan_cycle(cycle_at(cycle_day, AMSTERDAM, noon), DUTCH, AMSTERDAM, method_kind)
    assert CyclePlan.from_dict(plan.to_dict()) == plan
    assert plan.cycle == cycle_at(cycle_day, AMSTERDAM, noon)


def test_a_policy_survives_plain_json_and_fills_in_its_defaults() -> None:
    policy = replace(BRITISH, quiet_hours=QuietHours(21, 8, sundays=False))
    assert CyclePolicy.from_dict(policy.to_dict()) == policy
    assert CyclePolicy.from_dict({}) == CyclePolicy()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"notice_days": "14"}, "brand.policy.notice_days"),
        ({"notice_days": 1000}, "brand.policy.notice_days"),
        ({"debit_hour_local": 24}, "brand.policy.debit_hour_local"),
        ({"notice_in_banking_days": "yes"}, "brand.policy.notice_in_banking_days"),
        ({"quiet_hours": {"ends_hour": 30}}, "brand.policy.quiet_hours.ends_hour"),
        ({"quiet_hours": {"mondays": True}}, "brand.policy.quiet_hours.mondays"),
        ({"notise_days": 14}, "brand.policy.notise_days"),
    ],
)
def test_a_wrong_policy_field_is_named(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        CyclePolicy.from_dict(wrong, "brand.policy")
    assert refusal.value.field == field
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scheme_calendar": "MARS"}, "scheme_calendar"),
        ({"country": "XX"}, "country"),
        ({"notice_hour_local": 21}, "notice_hour_local"),
    ],
)
def test_a_policy_with_an_unknown_calendar_or_a_quiet_notice_hour_is_refused(
    wrong: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        CyclePolicy.from_dict(wrong)
    assert refusal.value.field == field
