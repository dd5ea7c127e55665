"""Whatever happens in a case, whoever pays, promises, disputes or agrees: what no decision may ever do.

A case is played day by day with random events, under the standard policy and the policy of every law pack.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.banking_days import is_public_holiday
from billing.domain.barring import BarringLevel
from billing.domain.cycle_calendar import local_date
from billing.domain.dunning_policy import (
    STANDARD,
    Bar,
    CaseFacts,
    Close,
    Decision,
    DunningAction,
    DunningPolicy,
    HandOver,
    Remind,
    Retry,
    Warn,
    decide,
)
from billing.domain.dunning_terms import StepConditions, Window
from billing.services.law_packs import law_packs
from tests.builders_policy import AMSTERDAM, a_case, on_day

ZONE, COUNTRY = AMSTERDAM, "NL"
POLICIES = {"standard": STANDARD, **{code: pack.default_policy() for code, pack in law_packs().items()}}
WINDOWS = st.builds(
    Window,
    from_hour=st.integers(9, 12),
    to_hour=st.integers(14, 17),
    weekdays=st.sampled_from([("monday", "thursday"), ("friday",), ("tuesday", "wednesday", "saturday")]),
    public_holidays=st.booleans(),
)


@dataclass(frozen=True)
class Event:
    """What happens on one day: facts that change, before the case is decided at an hour."""

    hour: int
    kind: str
    amount_minor: int


EVENTS = st.builds(
    Event,
    hour=st.integers(0, 23),
    kind=st.sampled_from(
        ["nothing"] * 8
        + ["paid", "owes more", "disputed", "decided", "promised", "planned", "plan ended"]
        + ["paused", "resumed", "in flight", "outcome", "bounced", "segment"]
    ),
    amount_minor=st.integers(1, 12000),
)


def changed(case: CaseFacts, event: Event, now: datetime) -> CaseFacts:
    """The case after what happened."""
    amount = event.amount_minor
    changes: dict[str, dict[str, object]] = {
        "paid": {"open_amount_minor": max(0, case.open_amount_minor - amount)},
        "owes more": {
            "open_amount_minor": case.open_amount_minor + amount,
            "unpaid_invoices": case.unpaid_invoices + 1,
        },
        "disputed": {"disputed_amount_minor": min(amount, case.open_amount_minor)},
        "decided": {"disputed_amount_minor": 0},
        "promised": {"promise_until": now + timedelta(days=9), "promised_amount_minor": amount},
        "planned": {"planned_amount_minor": min(amount, case.open_amount_minor)},
        "plan ended": {"planned_amount_minor": 0, "rested_days": case.rested_days + 3},
        "paused": {"paused": True},
        "resumed": {"paused": False},
        "in flight": {"attempt_in_flight": True},
        "outcome": {"attempt_in_flight": False},
        "bounced": {"warning_failed": case.warned_at is not None, "warned_at": None, "warning_delivered_at": None},
        "segment": {"segment": "vulnerable" if amount % 2 else "standard"},
    }
    return replace(case, **changes.get(event.kind, {}))  # type: ignore[arg-type]


def carried_out(case: CaseFacts, decision: Decision, now: datetime) -> CaseFacts:
    done = tuple(dict.fromkeys([*case.steps_done, *([decision.step] if decision.step else [])]))
    case = replace(case, steps_done=done)
    if isinstance(decision, Warn):
        return replace(case, warned_at=now, warning_delivered_at=now + timedelta(minutes=1), warning_failed=False)
    if isinstance(decision, Bar):
        return replace(case, barring_level=decision.level, barred_at=now)
    return case


def check(policy: DunningPolicy, case: CaseFacts, decision: Decision, now: datetime) -> None:
    """Everything that must hold of one decision, whatever the policy."""
    pursued = case.pursued_minor(now)
    if isinstance(decision, Remind | Retry | Warn | Bar):
        assert pursued > 0, "nothing is pressed for that is paid, disputed, promised or in a plan"
        assert not case.paused
        assert not case.attempt_in_flight
    if isinstance(decision, Close):
        assert case.open_amount_minor <= 0
    if isinstance(decision, Warn | Bar):
        assert pursued >= policy.bar_threshold_minor
    if isinstance(decision, Bar):
        check_bar(policy, case, decision, now)


def check_bar(policy: DunningPolicy, case: CaseFacts, decision: Bar, now: datetime) -> None:
    assert case.warning_delivered_at is not None
    today, local = local_date(now, ZONE), now.astimezone(ZoneInfo(ZONE))
    age = (today - local_date(case.warning_delivered_at, ZONE)).days
    assert age >= policy.minimum_days_after_warning, "a bar comes after a delivered warning that is old enough"
    assert decision.level.restricts_more_than(case.barring_level)
    if case.barring_level is not BarringLevel.NONE and case.barred_at is not None:
        assert (today - local_date(case.barred_at, ZONE)).days >= policy.minimum_days_between_bars
    assert not policy.barring_hours.covers_hour(local.hour)
    assert local.weekday() < 5
    assert not is_public_holiday(today, COUNTRY)
    step = next(one for one in policy.steps if one.name == decision.step)
    assert case.segment not in step.when.except_segments
    assert step.window is None or (step.window.has_day(today, COUNTRY) and step.window.from_hour <= local.hour)


def check_law(code: str, case: CaseFacts, decision: Decision, now: datetime) -> None:
    """What the law of each pack says of a bar, written down once more by hand."""
    if not isinstance(decision, Bar) or code == "standard":
        return
    assert case.warning_delivered_at is not None
    warned_days = (local_date(now, ZONE) - local_date(case.warning_delivered_at, ZONE)).days
    case_days = (local_date(now, ZONE) - local_date(case.opened_at, ZONE)).days
    is_full = decision.level is BarringLevel.FULL
    assert not is_full or case.barring_level is BarringLevel.OUTGOING, "limited before full"
    match code:
        case "be":
            assert warned_days >= 14
        case "de":
            assert warned_days >= 14
            assert case.pursued_minor(now) >= 10000
        case "es":
            assert warned_days >= 15
            assert case_days >= (91 if is_full else 31)
        case "gb":
            assert warned_days >= 14
            assert case.segment != "vulnerable"
            assert case.pursued_minor(now) >= 1500


def play(code: str, policy: DunningPolicy, case: CaseFacts, events: list[Event]) -> None:
    for day, event in enumerate(events):
        now = on_day(day, event.hour)
        if now < case.opened_at:
            continue
        case = changed(case, event, now)
        for _ in range(len(policy.steps) + 2):
            decision = decide(policy, case, now)
            check(policy, case, decision, now)
            check_law(code, case, decision, now)
            if isinstance(decision, Close | HandOver) or not (decision.step or isinstance(decision, Warn)):
                break
            case = carried_out(case, decision, now)
            if isinstance(decision, Warn) and not decision.step:
                break  # sent again at most once a day, which the books see to


@settings(max_examples=120, deadline=None)
@given(
    code=st.sampled_from(sorted(POLICIES)),
    events=st.lists(EVENTS, min_size=20, max_size=130),
    open_minor=st.integers(1, 40000),
)
def test_whatever_happens_a_case_is_never_treated_unfairly(code: str, events: list[Event], open_minor: int) -> None:
    play(code, POLICIES[code], a_case(open_amount_minor=open_minor, oldest_due_on=local_date(on_day(0), ZONE)), events)


@settings(max_examples=80, deadline=None)
@given(
    window=WINDOWS,
    least=st.integers(0, 6000),
    age=st.integers(0, 40),
    events=st.lists(EVENTS, min_size=20, max_size=90),
)
def test_conditions_and_windows_of_a_step_hold_for_every_decision(
    window: Window, least: int, age: int, events: list[Event]
) -> None:
    when = StepConditions(least_pursued_minor=least, least_oldest_days=age, except_segments=("vulnerable",))
    steps = tuple(
        replace(one, window=window, when=when) if one.action is DunningAction.BAR_OUTGOING else one
        for one in STANDARD.steps
    )
    policy = replace(STANDARD, steps=steps)
    policy.validate()
    play("standard", policy, a_case(open_amount_minor=9000, oldest_due_on=local_date(on_day(0), ZONE)), events)


@settings(max_examples=100, deadline=None)
@given(
    code=st.sampled_from(sorted(POLICIES)),
    covered=st.sampled_from(["disputed_amount_minor", "planned_amount_minor", "promise"]),
    day=st.integers(0, 200),
    hour=st.integers(0, 23),
)
def test_nothing_is_done_while_everything_is_disputed_promised_or_planned(
    code: str, covered: str, day: int, hour: int
) -> None:
    now = max(on_day(day, hour), on_day(0))
    facts = {"promise_until": now + timedelta(hours=1)} if covered == "promise" else {covered: 42100}
    case = a_case(open_amount_minor=42100, warned_at=on_day(0), warning_delivered_at=on_day(0), **facts)
    decision = decide(POLICIES[code], case, now)
    assert not isinstance(decision, Remind | Retry | Warn | Bar | HandOver)
