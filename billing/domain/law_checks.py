"""What a law pack may ask of a dunning policy: each check reads a policy and a value, and answers what breaks it.

A check compares the policy's own data, so that a policy is refused when it is saved and never when a customer is
already harmed. What no policy can break (disputed amounts, emergency calls) is kept by the code that decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.dunning_step import DunningAction, DunningStep


@dataclass(frozen=True)
class Breach:
    """A field of a policy that breaks a rule, its value, and what would keep it."""

    field: str
    value: object
    remedy: str


Check = Callable[[DunningPolicy, Any], Iterator[Breach]]


def _at_least(field: str, found: int, value: int, unit: str = "") -> Iterator[Breach]:
    if found < value:
        yield Breach(field, found, f"Use {value}{unit} or more.")


def _at_most(field: str, found: int, value: int) -> Iterator[Breach]:
    if found > value:
        yield Breach(field, found, f"Use {value} or less (minor units).")


def _placed(policy: DunningPolicy, *actions: DunningAction) -> list[tuple[int, DunningStep]]:
    return [(place, step) for place, step in enumerate(policy.steps) if step.action in actions]


def _bars(policy: DunningPolicy) -> list[tuple[int, DunningStep]]:
    return _placed(policy, DunningAction.BAR_OUTGOING, DunningAction.BAR_FULL)


def _free_reminders(policy: DunningPolicy, value: int) -> Iterator[Breach]:
    if policy.fees.reminder_minor:
        yield from _at_least("fees.free_reminders", policy.fees.free_reminders, value)


def _most_reminder_fee(policy: DunningPolicy, value: int) -> Iterator[Breach]:
    yield from _at_most("fees.reminder_minor", policy.fees.reminder_minor, value)


def _most_reconnection_fee(policy: DunningPolicy, value: int) -> Iterator[Breach]:
    yield from _at_most("fees.reconnection_minor", policy.fees.reconnection_minor, value)


def _least_bar_threshold(policy: DunningPolicy, value: int) -> Iterator[Breach]:
    yield from _at_least("bar_threshold_minor", policy.bar_threshold_minor, value, " minor units")


def _least_warning_days(policy: DunningPolicy, value: int) -> Iterator[Breach]:
    yield from _at_least("minimum_days_after_warning", policy.minimum_days_after_warning, value, " days")


def _least_limited_days(policy: DunningPolicy, value: int) -> Iterator[Breach]:
    yield from _at_least("minimum_days_between_bars", policy.minimum_days_between_bars, value, " days")


def _limited_before_full(policy: DunningPolicy, value: bool) -> Iterator[Breach]:
    for place, step in _placed(policy, DunningAction.BAR_FULL):
        if value and not any(one.action is DunningAction.BAR_OUTGOING for one in policy.steps[:place]):
            yield Breach(f"steps[{place}].action", step.action.value, "Put a bar_outgoing step before it.")


def _least_days_before_full(policy: DunningPolicy, value: int) -> Iterator[Breach]:
    for place, step in _placed(policy, DunningAction.BAR_FULL):
        if max(step.day, step.when.least_oldest_days) < value:
            remedy = f"Use day {value} or later, or when.least_oldest_days of {value} or more."
            yield Breach(f"steps[{place}].day", step.day, remedy)


def _least_days_before_bar(policy: DunningPolicy, value: int) -> Iterator[Breach]:
    for place, step in _bars(policy):
        if max(step.day, step.when.least_oldest_days) < value:
            remedy = f"Use day {value} or later, or when.least_oldest_days of {value} or more."
            yield Breach(f"steps[{place}].day", step.day, remedy)


def _reminders_before_bar(policy: DunningPolicy, value: int) -> Iterator[Breach]:
    told = (DunningAction.FAILED_NOTICE, DunningAction.REMINDER)
    for place, step in _bars(policy)[:1]:
        count = sum(one.action in told for one in policy.steps[:place])
        if count < value:
            yield Breach(
                f"steps[{place}].action", step.action.value, f"Put {value - count} more reminder steps before it."
            )


def _written_warning(policy: DunningPolicy, value: bool) -> Iterator[Breach]:
    if value and _bars(policy) and policy.warning_channels != ("email",):
        yield Breach(
            "warning_channels", ", ".join(policy.warning_channels), "Use email only: a text message is no letter."
        )


def _working_days_only(policy: DunningPolicy, value: bool) -> Iterator[Breach]:
    quiet = policy.barring_hours
    days = {"saturdays": quiet.saturdays, "sundays": quiet.sundays, "public_holidays": quiet.public_holidays}
    for name, is_quiet in days.items():
        if value and _bars(policy) and not is_quiet:
            yield Breach(f"barring_hours.{name}", is_quiet, "Use true.")


def _protected_segments(policy: DunningPolicy, value: list[str]) -> Iterator[Breach]:
    for place, step in _bars(policy):
        open_to = [
            one for one in value if one not in step.when.except_segments and one in (step.when.segments or [one])
        ]
        if open_to:
            names = ", ".join(step.when.except_segments) or "nobody"
            remedy = f"Add {', '.join(open_to)} to when.except_segments of the step."
            yield Breach(f"steps[{place}].when.except_segments", names, remedy)


CHECKS: Mapping[str, Check] = {
    "free_reminders": _free_reminders,
    "most_reminder_fee_minor": _most_reminder_fee,
    "most_reconnection_fee_minor": _most_reconnection_fee,
    "least_bar_threshold_minor": _least_bar_threshold,
    "least_warning_days": _least_warning_days,
    "least_limited_days": _least_limited_days,
    "limited_before_full": _limited_before_full,
    "least_days_before_bar": _least_days_before_bar,
    "least_days_before_full": _least_days_before_full,
    "reminders_before_bar": _reminders_before_bar,
    "written_warning": _written_warning,
    "working_days_only": _working_days_only,
    "protected_segments": _protected_segments,
}
