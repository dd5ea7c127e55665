"""A dunning policy in plain words: a sentence for each step, and what one version does differently. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.dunning_step import DunningAction, DunningStep
from billing.domain.dunning_terms import StepConditions, Window
from billing.domain.quiet_hours import QuietHours

_DOES = {
    DunningAction.FAILED_NOTICE: "tell the customer that the payment failed, with a paylink",
    DunningAction.RETRY: "debit again, where the failure may be tried again",
    DunningAction.REMINDER: "remind, with a paylink",
    DunningAction.WARN: "warn of the bar and name its date",
    DunningAction.BAR_OUTGOING: "bar outgoing calls",
    DunningAction.BAR_FULL: "bar everything but emergency calls",
    DunningAction.HAND_OVER: "hand the debt over",
}
_NAMES = {
    DunningAction.FAILED_NOTICE: "Failed notice",
    DunningAction.RETRY: "Retry",
    DunningAction.REMINDER: "Reminder",
    DunningAction.WARN: "Warning",
    DunningAction.BAR_OUTGOING: "Outgoing barred",
    DunningAction.BAR_FULL: "Fully barred",
    DunningAction.BAR: "Restricted",
    DunningAction.HAND_OVER: "Hand-over",
}
_LABELS = {
    "bar_threshold_minor": "Nobody is warned or barred below (minor units)",
    "minimum_days_after_warning": "Days between a delivered warning and a bar",
    "minimum_days_between_bars": "Days between two bars",
    "action_hour_local": "Steps run from this hour on",
    "warning_channels": "A warning counts when delivered by",
    "law_pack": "Law pack",
}


def step_name(action: str) -> str:
    """A step's short name, for a picture."""
    return _NAMES[DunningAction(action)]


def step_in_words(step: DunningStep) -> str:
    """What a step does and under which terms: "Day 17: bar outgoing calls, from EUR ... on"."""
    does = _DOES.get(step.action, f"restrict {', '.join(step.kinds)}")
    if step.data_kbps is not None:
        does += f" (data at {step.data_kbps} kbit/s)"
    terms = [does, *_channels(step), *_conditions(step.when), *_window(step.window)]
    return f"Day {step.day}: {', '.join(terms)}"


def policy_in_words(policy: DunningPolicy) -> list[str]:
    """The whole ladder, then the terms beside it."""
    return [*(step_in_words(step) for step in policy.steps), *_terms(policy)]


def changes_in_words(before: DunningPolicy, after: DunningPolicy) -> list[str]:
    """What the later version does differently, step by step; empty where both do the same."""
    return [*_step_changes(before, after), *_term_changes(before, after)]


def _step_changes(before: DunningPolicy, after: DunningPolicy) -> Iterator[str]:
    old, new = _numbered(before), _numbered(after)
    for key in dict.fromkeys((*new, *old)):
        was, is_now = old.get(key), new.get(key)
        name = _NAMES[key[0]]
        if was is None and is_now is not None:
            yield f"New: {step_in_words(is_now)}."
        elif is_now is None and was is not None:
            yield f"Left out: {step_in_words(was)}."
        elif was is not None and is_now is not None and was != is_now:
            yield from _changed_step(name, was, is_now)


def _numbered(policy: DunningPolicy) -> dict[tuple[DunningAction, int], DunningStep]:
    """Steps by action and their number among those of the same action: a step that moves is the same step."""
    seen: dict[DunningAction, int] = {}
    found = {}
    for step in policy.steps:
        seen[step.action] = seen.get(step.action, 0) + 1
        found[step.action, seen[step.action]] = step
    return found


def _changed_step(name: str, was: DunningStep, now: DunningStep) -> Iterator[str]:
    if was.day != now.day:
        later = "later" if now.day > was.day else "earlier"
        yield f"{name}: day {was.day} becomes day {now.day}, {_days(abs(now.day - was.day))} {later}."
    pairs = {
        "by": (_channels(was), _channels(now)),
        "only": ([*_conditions(was.when), *_window(was.window)], [*_conditions(now.when), *_window(now.window)]),
        "restricts": ([*was.kinds, *_rate(was)], [*now.kinds, *_rate(now)]),
    }
    for old, new in pairs.values():
        if old != new:
            was_said, now_said = (", ".join(each) or "no terms of its own" for each in (old, new))
            yield f"{name}: {was_said} becomes {now_said}."


def _rate(step: DunningStep) -> list[str]:
    return [] if step.data_kbps is None else [f"data at {step.data_kbps} kbit/s"]


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _channels(step: DunningStep) -> list[str]:
    return [f"by {' and '.join(step.channels)}"] if step.channels else []


def _conditions(when: StepConditions) -> list[str]:
    found = []
    if when.least_pursued_minor:
        found.append(f"only from {when.least_pursued_minor} minor units on")
    if when.least_oldest_days:
        found.append(f"only when the oldest bill is {_days(when.least_oldest_days)} overdue")
    if when.least_unpaid_invoices:
        found.append(f"only from {when.least_unpaid_invoices} unpaid bills on")
    if when.segments:
        found.append(f"only for {', '.join(when.segments)}")
    if when.except_segments:
        found.append(f"never for {', '.join(when.except_segments)}")
    if when.failure_categories:
        found.append(f"only after a failure of {', '.join(when.failure_categories)}")
    return found


def _window(window: Window | None) -> list[str]:
    if window is None:
        return []
    days = "" if len(window.weekdays) == 7 else f" on {', '.join(window.weekdays)}"  # a week has seven
    holidays = "" if window.public_holidays else ", not on public holidays"
    return [f"between {window.from_hour}:00 and {window.to_hour}:00{days}{holidays}"]


def _terms(policy: DunningPolicy) -> Iterator[str]:
    for name, label in _LABELS.items():
        value = getattr(policy, name)
        if value:
            yield f"{label}: {', '.join(value) if isinstance(value, tuple) else value}"
    yield f"No notice in quiet hours: {quiet_in_words(policy.notice_hours)}"
    yield f"No bar in these hours: {quiet_in_words(policy.barring_hours)}"
    for part in (policy.fees, policy.arrangements):
        for each in fields(part):
            value = getattr(part, each.name)
            if value:
                yield f"{each.name.replace('_', ' ').capitalize()}: {value}"


def quiet_in_words(hours: QuietHours) -> str:
    """Quiet hours as people say them."""
    days = [name for name in ("saturdays", "sundays", "public_holidays") if getattr(hours, name)]
    whole = f", {', '.join(days).replace('_', ' ')}" if days else ""
    return f"{hours.starts_hour}:00 to {hours.ends_hour}:00{whole}"


def _term_changes(before: DunningPolicy, after: DunningPolicy) -> Iterator[str]:
    for name, label in _LABELS.items():
        yield from _change(label, getattr(before, name), getattr(after, name))
    for name, label in (("notice_hours", "Quiet hours of notices"), ("barring_hours", "Hours without bars")):
        yield from _change(label, quiet_in_words(getattr(before, name)), quiet_in_words(getattr(after, name)))
    for part in ("fees", "arrangements"):
        old, new = getattr(before, part), getattr(after, part)
        for each in fields(old):
            label = each.name.replace("_", " ").capitalize()
            yield from _change(label, getattr(old, each.name), getattr(new, each.name))


def _change(label: str, old: object, new: object) -> Iterator[str]:
    if old != new:
        yield f"{label}: {_said(old)} becomes {_said(new)}."


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value) if value != "" else "none"
