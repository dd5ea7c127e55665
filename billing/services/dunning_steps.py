"""From the policy's decision to the step the process carries out: which notice, how much, on which occasion."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from billing.domain.cycle_calendar import local_date
from billing.domain.dunning_policy import (
    Bar,
    CaseFacts,
    Close,
    Decision,
    DunningAction,
    DunningPolicy,
    HandOver,
    Remind,
    Retry,
    Wait,
    Warn,
    decide,
)
from billing.domain.retry import FailureCategory
from billing.domain.staff_cases import DECEASED_CODES
from billing.messages.dunning import NextAction, NextStep
from billing.messages.notices import NoticeKind
from billing.ports.dunning import Case
from billing.services.dunning_facts import CaseView


def next_step(case: Case, view: CaseView, policy: DunningPolicy, now: datetime) -> NextStep:
    """What the process does now: the policy's decision, except that every failed try is told once, first."""
    facts = view.facts
    decision = decide(policy, facts, now)
    base = NextStep(
        NextAction.WAIT,
        decision.reason,
        decision.step,
        level=str(facts.barring_level),
        amount_minor=facts.pursued_minor(now),
        currency=facts.currency,
        invoice_ids=tuple(one.invoice_id for one in view.pursued),
    )
    if isinstance(decision, Close):
        return replace(
            base, action=NextAction.CLOSE, level=view.hardest_level, invoice_ids=view.open_invoice_ids, amount_minor=0
        )
    standing = _why_nothing_is_pressed_for(view)
    if standing:
        return replace(base, step="", reason=f"{standing} ({decision.reason})")
    untold = [one["attempt_id"] for one in case.failures if not one["told"]]
    if untold and _may_press(facts, now):
        notice = _failed_notice(base, untold[-1], policy, facts, now)
        # The customer is at it, or their bank will ask them: the paylink does not wait for the morning. Whatever else a
        # customer must do about a payment (a limit at the bank, say) can.
        return replace(notice, hurry=untold[-1] in view.asked_for_customer)
    return _as_step(base, decision)


def _why_nothing_is_pressed_for(view: CaseView) -> str:
    """Why the ladder stands still until a person acts; empty when it does not."""
    if view.facts.last_failure_category is FailureCategory.MERCHANT_ERROR:
        return "the failure is our own: staff mend it, and the customer hears nothing"
    # Read from the case's failures: the method it ended is not in use any more, so the facts do not show its code.
    # After a reported death nothing is pressed for by itself any more.
    if DECEASED_CODES & view.failure_codes:
        return "the bank reports that the customer has died: a person decides"
    return ""


def _may_press(facts: CaseFacts, now: datetime) -> bool:
    held = facts.hold_until is not None and now < facts.hold_until
    return not (facts.paused or held or facts.attempt_in_flight) and facts.pursued_minor(now) > 0


def _failed_notice(base: NextStep, attempt_id: str, policy: DunningPolicy, facts: CaseFacts, now: datetime) -> NextStep:
    """The failed notice of an attempt; it is the ladder's own as well when that one is due and not yet sent."""
    step = first_failed_notice(policy, facts, now)
    return replace(
        base,
        action=NextAction.NOTIFY,
        step=step,
        channels=next((one.channels for one in policy.steps if one.name == step), ()),
        notice=NoticeKind.FAILED,
        occasion=attempt_id,
        reason=f"attempt {attempt_id} failed and the customer was not told yet ({base.reason})",
    )


def first_failed_notice(policy: DunningPolicy, facts: CaseFacts, now: datetime) -> str:
    """The name of the ladder's failed notice that is due and not done; empty when there is none."""
    age_days = (local_date(now, facts.zone) - local_date(facts.opened_at, facts.zone)).days
    due = [
        step.name
        for step in policy.steps
        if step.action is DunningAction.FAILED_NOTICE and step.day <= age_days and step.name not in facts.steps_done
    ]
    return due[0] if due else ""


def _as_step(base: NextStep, decision: Decision) -> NextStep:
    match decision:
        case Remind(channels=channels):
            # Nothing was tried, so nothing failed: an invoice to be paid by paylink is reminded of.
            return replace(base, action=NextAction.NOTIFY, notice=NoticeKind.DUNNING_REMINDER, channels=channels)
        case Warn(bar_on=bar_on, level=level, channels=channels):
            return replace(
                base,
                action=NextAction.WARN,
                channels=channels,
                notice=NoticeKind.BARRING_WARNING,
                on=bar_on,
                occasion=f"{decision.step}-{bar_on}",
                level=str(level),
            )
        case Retry():
            return replace(base, action=NextAction.RETRY)
        case Bar(level=level):
            return replace(base, action=NextAction.BAR, level=str(level))
        case HandOver():
            return replace(base, action=NextAction.HAND_OVER)
        case Wait(until=until):
            return replace(base, until=until)
    raise AssertionError(f"unknown decision {decision!r}")
