"""The dunning policy's data: a versioned ladder of steps and its conditions. ``dunning_policy`` decides by it.

A case pins the version it was opened under. A ladder that bars before its customers were warned is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from billing.domain.barring import BarringLevel
from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields
from billing.domain.quiet_hours import WORKING_HOURS, QuietHours, refuse_quiet_hour
from billing.domain.restrictions import NAMES, goes_beyond, named

_MOST_STEPS = 50
_LONGEST_LADDER_DAYS = 730


class DunningAction(StrEnum):
    """What a step of the ladder does."""

    FAILED_NOTICE = "failed_notice"
    RETRY = "retry"
    REMINDER = "reminder"
    WARN = "warn"
    BAR_OUTGOING = "bar_outgoing"
    BAR_FULL = "bar_full"
    BAR = "bar"  # the kinds that the step names
    HAND_OVER = "hand_over"

    @property
    def barring_level(self) -> BarringLevel | None:
        """The named level a barring step asks for; None for the others, also where the step names kinds."""
        return _LEVELS.get(self)

    @property
    def bars(self) -> bool:
        """Whether it restricts services."""
        return self is DunningAction.BAR or self in _LEVELS


_LEVELS = {DunningAction.BAR_OUTGOING: BarringLevel.OUTGOING, DunningAction.BAR_FULL: BarringLevel.FULL}
_ACTIONS = {action.value: action for action in DunningAction}


@dataclass(frozen=True, slots=True)
class DunningStep:
    """One rung: an action, due ``day`` local calendar days after the case opened."""

    day: int
    action: DunningAction
    kinds: tuple[str, ...] = ()  # of ``bar``: what is restricted, with the rate of throttled data
    data_kbps: int | None = None

    @property
    def name(self) -> str:
        """Its name in a case's list of steps done: ``warn@10``."""
        return f"{self.action}@{self.day}"

    @property
    def barring_level(self) -> str | None:
        """The level a barring step asks for; None for the others."""
        if self.action is DunningAction.BAR:
            return named(self.kinds, self.data_kbps).level
        return self.action.barring_level

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        kinds = {"kinds": list(self.kinds)} if self.kinds else {}
        rate = {"data_kbps": self.data_kbps} if self.data_kbps is not None else {}
        return {"day": self.day, "action": self.action.value, **kinds, **rate}


@dataclass(frozen=True, slots=True)
class DunningPolicy:
    """A ladder and its conditions.

    ``bar_threshold_minor``: undisputed, unpromised overdue amount (minor units of the account's currency) from which
    a customer is warned and barred. ``minimum_days_after_warning``: local days between a delivered warning and any
    bar. ``minimum_days_between_bars``: between outgoing and full. Steps run from ``action_hour_local`` on, notices
    outside ``notice_hours``' quiet time, bars outside ``barring_hours``' (evenings, weekends and holidays by default).
    """

    code: str
    version: int
    steps: tuple[DunningStep, ...]
    bar_threshold_minor: int = 1000
    minimum_days_after_warning: int = 7
    minimum_days_between_bars: int = 14
    action_hour_local: int = 9
    notice_hours: QuietHours = field(default_factory=QuietHours)
    barring_hours: QuietHours = WORKING_HOURS

    def validate(self) -> None:
        """Check that the ladder can be walked and warns in time before it bars.

        Raises InvalidValue naming the field.
        """
        if not self.steps:
            raise InvalidValue("The ladder has no steps.", field="steps", value="[]", remedy="Add at least one step.")
        refuse_quiet_hour(self.action_hour_local, self.notice_hours, "action_hour_local")
        refuse_quiet_hour(self.action_hour_local, self.barring_hours, "action_hour_local")
        self._refuse_disorder()
        for place, step in enumerate(self.steps):
            if step.barring_level is not None:
                self._refuse_unwarned_bar(place, step)
            if step.action is DunningAction.WARN:
                self._refuse_empty_warning(place, step)
        self._refuse_hasty_levels()

    def _refuse_disorder(self) -> None:
        for place, step in enumerate(self.steps[1:], start=1):
            before = self.steps[place - 1]
            if step.day < before.day:
                raise _step_refusal(
                    place, "day", step.day, f"{step.name} comes after {before.name}.", "List the steps by rising day."
                )
            if step.name in [earlier.name for earlier in self.steps[:place]]:
                raise _step_refusal(place, "action", step.action, f"{step.name} is there twice.", "Remove one of them.")
            if before.action is DunningAction.HAND_OVER:
                raise _step_refusal(
                    place, "action", step.action, f"{step.name} comes after the hand-over.", "Hand over last."
                )

    def _refuse_unwarned_bar(self, place: int, step: DunningStep) -> None:
        warnings = [earlier.day for earlier in self.steps[:place] if earlier.action is DunningAction.WARN]
        if not warnings:
            raise _step_refusal(
                place, "day", step.day, f"{step.name} would bar without a warning.", "Put a warn step before it."
            )
        earliest = warnings[0] + self.minimum_days_after_warning
        if step.day < earliest:
            raise _step_refusal(
                place,
                "day",
                step.day,
                f"{step.name} would bar less than {self.minimum_days_after_warning} days after the warning on day "
                f"{warnings[0]}.",
                f"Use day {earliest} or later, or warn earlier.",
            )

    def _refuse_empty_warning(self, place: int, step: DunningStep) -> None:
        if not any(later.barring_level is not None for later in self.steps[place + 1 :]):
            raise _step_refusal(
                place, "action", step.action, f"{step.name} warns of no bar.", "Add a bar after it, or use a reminder."
            )

    def _refuse_hasty_levels(self) -> None:
        bars = [(place, step) for place, step in enumerate(self.steps) if step.barring_level is not None]
        for (_, earlier), (place, later) in pairwise(bars):
            if goes_beyond(str(earlier.barring_level), str(later.barring_level)):
                raise _step_refusal(
                    place,
                    "action",
                    later.action,
                    f"{later.name} would loosen a bar.",
                    f"Bar outgoing first, then fully; name everything that {earlier.name} restricts, and more.",
                )
            if not goes_beyond(str(later.barring_level), str(earlier.barring_level)):
                raise _step_refusal(
                    place, "action", later.action, f"{later.name} restricts nothing more.", "Remove it, or name more."
                )
            if later.day < earlier.day + self.minimum_days_between_bars:
                raise _step_refusal(
                    place,
                    "day",
                    later.day,
                    f"{later.name} comes less than {self.minimum_days_between_bars} days after {earlier.name}.",
                    f"Use day {earlier.day + self.minimum_days_between_bars} or later.",
                )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "code": self.code,
            "version": self.version,
            "steps": [step.to_dict() for step in self.steps],
            "bar_threshold_minor": self.bar_threshold_minor,
            "minimum_days_after_warning": self.minimum_days_after_warning,
            "minimum_days_between_bars": self.minimum_days_between_bars,
            "action_hour_local": self.action_hour_local,
            "notice_hours": self.notice_hours.to_dict(),
            "barring_hours": self.barring_hours.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Any, path: str = "") -> DunningPolicy:
        """Read an operator's JSON; missing fields take their defaults, unknown ones are refused.

        Raises InvalidValue naming the field (under ``path``), its value and what would do.
        """
        fields = Fields(data, path)
        policy = cls(
            code=fields.code("code"),
            version=fields.whole("version", default=1, least=1),
            steps=_read_steps(fields.objects("steps", _MOST_STEPS)),
            bar_threshold_minor=fields.whole("bar_threshold_minor", default=1000),
            minimum_days_after_warning=fields.whole("minimum_days_after_warning", default=7, most=365),
            minimum_days_between_bars=fields.whole("minimum_days_between_bars", default=14, most=365),
            action_hour_local=fields.whole("action_hour_local", default=9, most=23),
            notice_hours=QuietHours.within(fields, data, "notice_hours", QuietHours()),
            barring_hours=QuietHours.within(fields, data, "barring_hours", WORKING_HOURS),
        )
        fields.finish()
        policy.validate()
        return policy


def _read_steps(items: Sequence[Fields]) -> tuple[DunningStep, ...]:
    steps = []
    for item in items:
        day = item.whole("day", most=_LONGEST_LADDER_DAYS)
        action = _ACTIONS[item.one_of("action", _ACTIONS)]
        kinds, rate = _read_kinds(item) if action is DunningAction.BAR else ((), None)
        steps.append(DunningStep(day, action, kinds, rate))
        item.finish()
    return tuple(steps)


def _read_kinds(item: Fields) -> tuple[tuple[str, ...], int | None]:
    """What a step restricts. Raises InvalidValue naming the field."""
    kinds, rate = item.words("kinds", NAMES), item.optional_whole("data_kbps")
    if not kinds:
        raise item.refusal("kinds", "A bar names what it restricts.", f"Name any of {', '.join(NAMES)}.")
    try:
        named(kinds, rate)
    except InvalidValue as refusal:
        raise item.refusal(refusal.field, refusal.message, refusal.remedy) from None
    return kinds, rate


def _step_refusal(place: int, name: str, value: object, message: str, remedy: str) -> InvalidValue:
    return InvalidValue(message, field=f"steps[{place}].{name}", value=value, remedy=remedy)


STANDARD = DunningPolicy(
    code="standard",
    version=1,
    steps=(
        DunningStep(0, DunningAction.FAILED_NOTICE),
        DunningStep(3, DunningAction.RETRY),
        DunningStep(3, DunningAction.REMINDER),
        DunningStep(10, DunningAction.WARN),
        DunningStep(17, DunningAction.BAR_OUTGOING),
        DunningStep(31, DunningAction.BAR_FULL),
        DunningStep(60, DunningAction.HAND_OVER),
    ),
)
