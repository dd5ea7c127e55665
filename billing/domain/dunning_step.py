"""One rung of a dunning ladder: what it does, on which day, and under which terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from billing.domain.barring import BarringLevel
from billing.domain.dunning_terms import ALWAYS, StepConditions, Window
from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields
from billing.domain.restrictions import NAMES, named

CHANNELS = ("email", "sms")
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

    @property
    def is_notice(self) -> bool:
        """True for a step that sends a notice, by channels it may name."""
        return self in (DunningAction.FAILED_NOTICE, DunningAction.REMINDER, DunningAction.WARN)


_LEVELS = {DunningAction.BAR_OUTGOING: BarringLevel.OUTGOING, DunningAction.BAR_FULL: BarringLevel.FULL}
_ACTIONS = {action.value: action for action in DunningAction}


@dataclass(frozen=True, slots=True)
class DunningStep:
    """One rung: an action, due ``day`` local calendar days after the case opened.

    ``channels`` are those of its notice, in order (none: the customer's or the brand's choice); ``when`` is what it
    needs besides its day; ``window`` narrows the hours and days at which it may be taken.
    """

    day: int
    action: DunningAction
    channels: tuple[str, ...] = ()
    when: StepConditions = ALWAYS
    window: Window | None = None
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
        """Plain JSON; terms that say nothing are left out."""
        written: dict[str, Any] = {"day": self.day, "action": self.action.value}
        terms: dict[str, Any] = {"channels": list(self.channels), "when": self.when.to_dict()}
        terms |= {"kinds": list(self.kinds), "data_kbps": self.data_kbps}
        written |= {name: value for name, value in terms.items() if value}
        return written if self.window is None else written | {"window": self.window.to_dict()}

    @classmethod
    def read(cls, fields: Fields) -> DunningStep:
        """Read an operator's object. Raises InvalidValue naming the field."""
        action = _ACTIONS[fields.one_of("action", _ACTIONS)]
        kinds, rate = _read_kinds(fields) if action is DunningAction.BAR else ((), None)
        step = cls(
            day=fields.whole("day", most=_LONGEST_LADDER_DAYS),
            action=action,
            kinds=kinds,
            data_kbps=rate,
            channels=fields.words("channels", CHANNELS),
            when=StepConditions.read(fields.nested("when")) if fields.has("when") else ALWAYS,
            window=Window.read(fields.nested("window")) if fields.has("window") else None,
        )
        if step.channels and not step.action.is_notice:
            raise fields.refusal("channels", f"{step.name} sends no notice.", "Leave channels out.")
        fields.finish()
        return step


def read_steps(items: Sequence[Fields]) -> tuple[DunningStep, ...]:
    """The steps in the order they are given. Raises InvalidValue naming the field."""
    return tuple([DunningStep.read(item) for item in items])


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
