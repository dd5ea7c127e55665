"""The dunning ladder, and what it decides."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.banking_days import is_public_holiday
from billing.domain.barring import BarringLevel
from billing.domain.cycle_calendar import at_local_time, local_date
from billing.domain.dunning_policy import (
    STANDARD,
    Bar,
    Close,
    Decision,
    DunningAction,
    DunningPolicy,
    DunningStep,
    HandOver,
    Remind,
    Retry,
    Wait,
    Warn,
    decide,
)
from billing.domain.errors import InvalidValue
from billing.domain.retry import FailureCategory, Scheme
from tests.builders_policy import AMSTERDAM, OPENED_ON, a_case, a_warned_case, names, on_day, walk

# The ladder ---------------------------------------------------------------------------------------------------------


def test_the_standard_ladder_from_failed_notice_to_hand_over() -> None:
    story = [(local_date(at, AMSTERDAM), decision.step) for at, decision in walk(a_case(), on_day(0))]
    assert story == [
        (date(2026, 6, 2), "failed_notice@0"),
        (date(2026, 6, 5), "retry@3"),
        (date(2026, 6, 5), "reminder@3"),
        (date(2026, 6, 12), "warn@10"),
        (date(2026, 6, 19), "bar_outgoing@17"),
        (date(2026, 7, 3), "bar_full@31"),
        (date(2026, 8, 1), "hand_over@60"),
    ]


def test_steps_wait_for_easter_and_the_bar_keeps_its_distance_from_the_warning() -> None:
    opened_at = at_local_time(date(2026, 3, 26), time(8, 0, 5), AMSTERDAM)
    story = walk(a_case(opened_at=opened_at, attempt_times=(opened_at,)), opened_at)
    dates = {decision.step: local_date(at, AMSTERDAM) for at, decision in story}
    assert dates["failed_notice@0"] == date(2026, 3, 26)
    assert dates["retry@3"] == date(2026, 3, 30)  # day 3 is a Sunday
    assert dates["warn@10"] == date(2026, 4, 7)  # day 10 is Easter Sunday
    assert dates["bar_outgoing@17"] == date(2026, 4, 14)  # day 17 would be only five days after the warning


@pytest.mark.parametrize(
    ("day", "done", "expected"),
    [
        (0, (), Remind),
        (0, ("failed_notice@0",), Wait),
        (3, ("failed_notice@0",), Retry),
        (3, ("failed_notice@0", "retry@3"), Remind),
        (10, names(10), Warn),
        (60, names(60), HandOver),
    ],
)
def test_each_step_on_its_day(day: int, done: tuple[str, ...], expected: type[Decision]) -> None:
    assert isinstance(decide(STANDARD, a_case(steps_done=done), on_day(day)), expected)


def test_a_failed_notice_and_a_reminder_are_told_apart() -> None:
    first = decide(STANDARD, a_case(), on_day(0))
    second = decide(STANDARD, a_case(steps_done=("failed_notice@0", "retry@3")), on_day(3))
    assert isinstance(first, Remind)
    assert isinstance(second, Remind)
    assert (first.notice, second.notice) == (DunningAction.FAILED_NOTICE, DunningAction.REMINDER)


def test_the_warning_names_the_date_of_the_bar() -> None:
    decision = decide(STANDARD, a_case(steps_done=names(10)), on_day(10))
    assert isinstance(decision, Warn)
    assert (decision.bar_on, decision.level) == (OPENED_ON + timedelta(days=17), BarringLevel.OUTGOING)


def test_a_customer_who_is_fully_barred_already_is_not_warned() -> None:
    case = a_case(steps_done=names(10), barring_level=BarringLevel.FULL, barred_at=on_day(5))
    decision = decide(STANDARD, case, on_day(10))
    assert isinstance(decision, Wait)
    assert decision.until == on_day(60, hour=9)


def test_a_late_warning_names_a_later_date() -> None:
    decision = decide(STANDARD, a_case(steps_done=names(10)), on_day(16))
    assert isinstance(decision, Warn)
    assert decision.bar_on == OPENED_ON + timedelta(days=23)


def test_the_reason_tells_rule_version_and_inputs() -> None:
    reason = decide(STANDARD, a_warned_case(disputed_amount_minor=1000), on_day(17)).reason
    for part in ("bar_outgoing@17", "policy standard version 1", "day 17", "open 42.10 EUR", "disputed 10.00 EUR"):
        assert part in reason
    assert "last failure funds" in reason


# Money, promises, disputes, holds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("open_amount_minor", [0, -500])
def test_a_case_closes_as_soon_as_nothing_is_owed(open_amount_minor: int) -> None:
    paid = a_warned_case(open_amount_minor=open_amount_minor, paused=True, hold_until=on_day(99))
    assert isinstance(decide(STANDARD, paid, on_day(17)), Close)


def test_a_case_closes_when_so_little_is_left_that_nobody_could_pay_it() -> None:
    left = a_warned_case(open_amount_minor=20, least_payable_minor=50, barring_level="full")
    decision = decide(STANDARD, left, on_day(17))
    assert isinstance(decision, Close)
    assert "the next bill takes it" in decision.reason
    assert not isinstance(decide(STANDARD, replace(left, open_amount_minor=50), on_day(17)), Close)


@pytest.mark.parametrize(
    ("changes", "until"),
    [
        ({"disputed_amount_minor": 4190, "least_payable_minor": 50}, None),
        ({"paused": True}, None),
        ({"hold_until": on_day(25)}, on_day(25)),
        ({"promise_until": on_day(20)}, on_day(20)),
        ({"disputed_amount_minor": 4210}, None),
        ({"disputed_amount_minor": 4000, "promise_until": on_day(20), "promised_amount_minor": 210}, on_day(20)),
        ({"attempt_in_flight": True}, on_day(18)),
    ],
)
def test_the_ladder_stands_still(changes: dict[str, Any], until: datetime | None) -> None:
    decision = decide(STANDARD, a_warned_case(**changes), on_day(17))
    assert isinstance(decision, Wait)
    assert decision.until == until


@pytest.mark.parametrize("changes", [{"promise_until": on_day(16)}, {"hold_until": on_day(16)}])
def test_a_broken_promise_or_an_ended_hold_resumes_the_ladder(changes: dict[str, Any]) -> None:
    assert isinstance(decide(STANDARD, a_warned_case(**changes), on_day(17)), Bar)


@pytest.mark.parametrize(
    ("changes", "barred"),
    [
        ({"open_amount_minor": 1000}, True),
        ({"open_amount_minor": 999}, False),
        ({"disputed_amount_minor": 3210}, True),
        ({"disputed_amount_minor": 3211}, False),
        ({"promise_until": on_day(20), "promised_amount_minor": 3210}, True),
        ({"promise_until": on_day(20), "promised_amount_minor": 3211}, False),
    ],
)
def test_only_the_undisputed_unpromised_part_counts_for_the_threshold(changes: dict[str, Any], barred: bool) -> None:
    decision = decide(STANDARD, a_warned_case(**changes), on_day(17))
    assert isinstance(decision, Bar) is barred


def test_below_the_threshold_nobody_is_warned_of_a_bar() -> None:
    decision = decide(STANDARD, a_case(open_amount_minor=999, steps_done=names(10)), on_day(10))
    assert isinstance(decision, Wait)
    assert "10.00 EUR" in decision.reason


def test_a_small_promise_does_not_stop_the_reminder_for_the_rest() -> None:
    case = a_case(promise_until=on_day(20), promised_amount_minor=1000, steps_done=("failed_notice@0", "retry@3"))
    assert isinstance(decide(STANDARD, case, on_day(3)), Remind)


# Retries ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"last_failure_category": FailureCategory.METHOD_DEAD},
        {"last_failure_category": FailureCategory.NEEDS_CUSTOMER},
        {"last_failure_category": None},
        {"method_usable": False},
        {"scheme": Scheme.SEPA, "last_failure_code": "MD01"},
        {"attempt_times": tuple(on_day(0) + timedelta(hours=place) for place in range(20))},
    ],
)
def test_a_retry_that_is_not_allowed_is_left_out_and_the_ladder_goes_on(changes: dict[str, Any]) -> None:
    decision = decide(STANDARD, a_case(steps_done=("failed_notice@0",), **changes), on_day(3))
    assert isinstance(decision, Remind)
    assert decision.step == "reminder@3"


def test_a_left_out_retry_is_explained_while_waiting() -> None:
    case = a_case(steps_done=("failed_notice@0", "reminder@3"), last_failure_category=FailureCategory.METHOD_DEAD)
    decision = decide(STANDARD, case, on_day(4))
    assert isinstance(decision, Wait)
    assert decision.until == on_day(10, hour=9)
    assert "method_dead is never retried" in decision.reason


# Barring ------------------------------------------------------------------------------------------------------------


def test_no_bar_without_a_delivered_warning() -> None:
    undelivered = a_case(steps_done=names(17), warned_at=on_day(10))
    decision = decide(STANDARD, undelivered, on_day(17))
    assert isinstance(decision, Wait)
    assert decision.until is not None
    assert "until the warning is delivered" in decision.reason


def test_a_warning_that_bounced_is_sent_again_with_a_new_date() -> None:
    bounced = a_case(steps_done=names(17), warned_at=on_day(10), warning_failed=True)
    decision = decide(STANDARD, bounced, on_day(17))
    assert isinstance(decision, Warn)
    assert decision.bar_on == OPENED_ON + timedelta(days=24)
    assert decision.step == ""


@pytest.mark.parametrize(("delivered_on_day", "barred"), [(10, True), (11, False), (16, False)])
def test_a_bar_waits_until_the_delivered_warning_is_old_enough(delivered_on_day: int, barred: bool) -> None:
    decision = decide(STANDARD, a_warned_case(delivered_on_day), on_day(17))
    assert isinstance(decision, Bar) is barred
    if isinstance(decision, Wait):
        assert decision.until is not None
        assert local_date(decision.until, AMSTERDAM) >= OPENED_ON + timedelta(days=delivered_on_day + 7)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (on_day(18), on_day(20, hour=9)),  # Saturday
        (on_day(17, hour=18), on_day(20, hour=9)),  # Friday evening
        (on_day(20, hour=6), on_day(20, hour=9)),  # early on Monday
    ],
)
def test_a_bar_due_on_a_weekend_or_in_quiet_hours_waits_for_the_next_allowed_slot(
    now: datetime, until: datetime
) -> None:
    decision = decide(STANDARD, a_warned_case(), now)
    assert isinstance(decision, Wait)
    assert decision.until == until


def test_a_bar_is_not_repeated_at_the_same_level() -> None:
    by_hand = a_warned_case(barring_level=BarringLevel.OUTGOING, barred_at=on_day(12))
    decision = decide(STANDARD, by_hand, on_day(17))
    assert isinstance(decision, Wait)
    assert decision.until == on_day(31, hour=9)


def test_full_barring_keeps_its_distance_from_a_late_outgoing_bar() -> None:
    late = a_warned_case(before_day=31, barring_level=BarringLevel.OUTGOING, barred_at=on_day(28))
    decision = decide(STANDARD, late, on_day(31))
    assert isinstance(decision, Wait)
    assert decision.until == on_day(42, hour=9)


def test_a_running_case_keeps_the_policy_it_was_opened_under() -> None:
    stricter = replace(STANDARD, version=2, bar_threshold_minor=5000)
    assert isinstance(decide(STANDARD, a_warned_case(), on_day(17)), Bar)
    assert isinstance(decide(stricter, a_warned_case(), on_day(17)), Wait)


@settings(max_examples=150, deadline=None)
@given(
    opened_at=st.integers(1_767_000_000, 1_900_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    zone=st.sampled_from([AMSTERDAM, "America/New_York", "Asia/Beirut", "America/Havana"]),
    category=st.none() | st.sampled_from(list(FailureCategory)),
    usable=st.booleans(),
)
def test_whoever_never_pays_is_warned_in_time_before_every_bar(
    opened_at: datetime, zone: str, category: FailureCategory | None, usable: bool
) -> None:
    case = a_case(opened_at=opened_at, zone=zone, last_failure_category=category, method_usable=usable)
    story = walk(case, opened_at)
    steps = [decision.step for _, decision in story]
    assert [step for step in steps if step != "retry@3"] == [
        step.name for step in STANDARD.steps if step.action is not DunningAction.RETRY
    ]
    at = {decision.step: moment.astimezone(ZoneInfo(zone)) for moment, decision in story}
    assert (at["bar_outgoing@17"].date() - at["warn@10"].date()).days >= 7
    assert (at["bar_full@31"].date() - at["bar_outgoing@17"].date()).days >= 14
    for step in ("bar_outgoing@17", "bar_full@31"):
        assert at[step].weekday() < 5
        assert 9 <= at[step].hour < 17
        assert not is_public_holiday(at[step].date(), "NL")
    warning = next(decision for _, decision in story if isinstance(decision, Warn))
    assert warning.bar_on == at["bar_outgoing@17"].date()


# The policy as data -------------------------------------------------------------------------------------------------


def test_the_standard_policy_is_valid_and_survives_plain_json() -> None:
    STANDARD.validate()
    assert DunningPolicy.from_dict(STANDARD.to_dict()) == STANDARD


def a_ladder(*steps: tuple[int, str], **fields: Any) -> dict[str, Any]:
    return {"code": "strict", "steps": [{"day": day, "action": action} for day, action in steps], **fields}


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (a_ladder((0, "failed_notice"), (5, "bar_outgoing")), "steps[1].day"),
        (a_ladder((5, "bar_outgoing"), (10, "warn")), "steps[0].day"),
        (a_ladder((10, "warn"), (16, "bar_outgoing")), "steps[1].day"),
        (a_ladder((10, "warn"), (17, "bar_outgoing"), (30, "bar_full")), "steps[2].day"),
        (a_ladder((10, "warn"), (17, "bar_full"), (31, "bar_outgoing")), "steps[2].action"),
        (a_ladder((3, "reminder"), (0, "failed_notice")), "steps[1].day"),
        (a_ladder((3, "reminder"), (3, "reminder")), "steps[1].action"),
        (a_ladder((3, "hand_over"), (4, "reminder")), "steps[1].action"),
        (a_ladder((3, "shout")), "steps[0].action"),
        (a_ladder((3, "reminder"), (10, "warn")), "steps[1].action"),
        (a_ladder((-1, "reminder")), "steps[0].day"),
        (a_ladder(), "steps"),
        (a_ladder((3, "reminder"), bar_treshold_minor=5), "bar_treshold_minor"),
        (a_ladder((3, "reminder"), bar_threshold_minor=-5), "bar_threshold_minor"),
        (a_ladder((3, "reminder"), action_hour_local=22), "action_hour_local"),
        (a_ladder((3, "reminder"), barring_hours={"ends_hour": 24}), "barring_hours.ends_hour"),
        (a_ladder((3, "reminder"), version=0), "version"),
    ],
)
def test_a_ladder_that_cannot_be_walked_is_refused_by_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        DunningPolicy.from_dict(data)
    assert refusal.value.field == field
    assert refusal.value.remedy


def test_barring_hours_left_out_keep_their_working_days() -> None:
    policy = DunningPolicy.from_dict(a_ladder((3, "reminder"), barring_hours={"starts_hour": 16}))
    assert policy.barring_hours.saturdays
    assert policy.steps == (DunningStep(3, DunningAction.REMINDER),)
