"""Facts of a dunning case as a policy sees them, and a walk down its ladder."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from billing.domain.cycle_calendar import at_local_time
from billing.domain.dunning_policy import STANDARD, Bar, CaseFacts, Decision, DunningPolicy, Wait, Warn, decide
from billing.domain.retry import FailureCategory

AMSTERDAM = "Europe/Amsterdam"
OPENED_ON = date(2026, 6, 2)  # a Tuesday, and no holiday for two months


def on_day(day: int, hour: int = 10) -> datetime:
    return at_local_time(OPENED_ON + timedelta(days=day), time(hour), AMSTERDAM)


def a_case(**changes: Any) -> CaseFacts:
    """42.10 EUR overdue for want of funds, with a card, in the Netherlands."""
    facts = CaseFacts(
        opened_at=on_day(0),
        currency="EUR",
        open_amount_minor=4210,
        zone=AMSTERDAM,
        country="NL",
        last_failure_category=FailureCategory.FUNDS,
        attempt_times=(on_day(0),),
    )
    return replace(facts, **changes)


def names(before_day: int) -> tuple[str, ...]:
    return tuple(step.name for step in STANDARD.steps if step.day < before_day)


def a_warned_case(warned_on_day: int = 10, before_day: int = 17, **changes: Any) -> CaseFacts:
    warned_at = on_day(warned_on_day)
    return a_case(steps_done=names(before_day), warned_at=warned_at, warning_delivered_at=warned_at, **changes)


def after(decision: Decision, case: CaseFacts, now: datetime) -> CaseFacts:
    """The case once the decision was carried out and everything went well."""
    done = (*case.steps_done, decision.step) if decision.step else case.steps_done
    case = replace(case, steps_done=done)
    if isinstance(decision, Warn):
        return replace(case, warned_at=now, warning_delivered_at=now, warning_failed=False)
    if isinstance(decision, Bar):
        return replace(case, barring_level=decision.level, barred_at=now)
    return case


def walk(case: CaseFacts, now: datetime, policy: DunningPolicy = STANDARD) -> list[tuple[datetime, Decision]]:
    """Every decision of a case that nobody ever pays, up to the end of the ladder."""
    story = []
    for _ in range(100):
        decision = decide(policy, case, now)
        if isinstance(decision, Wait):
            if decision.until is None:
                return story
            assert decision.until > now
            now = decision.until
            continue
        story.append((now, decision))
        case = after(decision, case, now)
    raise AssertionError("the ladder never ended")
