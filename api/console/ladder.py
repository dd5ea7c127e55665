"""A dunning ladder as a picture: steps on a line of days, drawn as SVG; the page lists the same steps in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.dunning_step import DunningAction, DunningStep
from billing.domain.dunning_words import step_in_words, step_name

WIDTH = 640
LEFT = 16
RIGHT = 24
ROW = 17
FOOT = 24
# Names stand above the line, each on the lowest row on which it touches no other.
LEVELS = 12
NARROWEST = 96
_TONES = {
    DunningAction.FAILED_NOTICE: 1,
    DunningAction.REMINDER: 1,
    DunningAction.RETRY: 2,
    DunningAction.WARN: 3,
    DunningAction.HAND_OVER: 6,
}


@dataclass(frozen=True)
class Rung:
    """One step in units of the picture; ``tone`` is a colour of the stylesheet, ``says`` the step in words."""

    left: float
    top: float
    name: str
    day: int
    tone: int
    says: str
    ends: bool


@dataclass(frozen=True)
class LadderPicture:
    """The picture; ``description`` says in one sentence what it shows."""

    rungs: Sequence[Rung]
    days: Sequence[tuple[float, int]]
    description: str
    line: int
    width: int = WIDTH

    @property
    def height(self) -> int:
        return self.line + FOOT


def ladder_picture(policy: DunningPolicy) -> LadderPicture:
    """The steps of a policy along its days."""
    last = max((step.day for step in policy.steps), default=0) or 1
    levels: list[tuple[float, int]] = []
    for step in policy.steps:
        left = _left(step.day, last)
        levels.append((left, _free_level(levels, left)))
    line = ROW * (max((level for _, level in levels), default=0) + 2)
    placed = zip(policy.steps, levels, strict=True)
    rungs = [_rung(step, left, line - ROW * (level + 1)) for step, (left, level) in placed]
    days = sorted({step.day for step in policy.steps})
    shown = [(_left(day, last), day) for day in days]
    spoken = ", ".join(f"{step_name(step.action).lower()} on day {step.day}" for step in policy.steps)
    return LadderPicture(rungs, _apart(shown), f"From day 0 to day {last}: {spoken}.", line)


def _left(day: int, last: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * day / last, 1)


def _rung(step: DunningStep, left: float, top: float) -> Rung:
    tone = _TONES.get(step.action, 5)
    ends = left > WIDTH - NARROWEST
    return Rung(left, top, step_name(step.action), step.day, tone, step_in_words(step), ends)


def _free_level(taken: Sequence[tuple[float, int]], left: float) -> int:
    """The lowest row above the line on which the name touches no other."""
    for level in range(LEVELS):
        if all(level != other or abs(place - left) >= NARROWEST for place, other in taken):
            return level
    return LEVELS


def _apart(days: Sequence[tuple[float, int]]) -> Sequence[tuple[float, int]]:
    """The days that are written below the line: none that touches the one before."""
    found: list[tuple[float, int]] = []
    for left, day in days:
        if not found or left - found[-1][0] >= 2 * ROW:
            found.append((left, day))
    return found
