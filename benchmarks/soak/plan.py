"""Who is killed when: drawn from a seed, so that a bad run can be repeated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from benchmarks.children import PROGRAMS
from evenflow.stack.supervisor import FAILURE_WINDOW_SECONDS, FAILURES_TO_GIVE_UP

EVERYTHING = "everything"
# Business days at the begin and the end without kills: the demonstration has to be in the middle of something.
MARGIN_DAYS = 0.5
# The supervisor gives up on a child that fails too often within its window; that is right, and not what is shown here.
MOST_KILLS_OF_ONE = FAILURES_TO_GIVE_UP - 1
WINDOW_SECONDS = FAILURE_WINDOW_SECONDS + 10


class UnusablePlan(Exception):
    """So many kills do not fit; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Kill:
    """``at_day`` counts business days from the first one's begin; ``victim`` is a child or everything."""

    at_day: float
    victim: str


def planned(seed: int, kills: int, days: int, day_seconds: float, *, everything: bool) -> list[Kill]:
    """The kills in order; with ``everything`` one of them takes the supervisor too. Raises UnusablePlan."""
    random = Random(seed)
    moments = sorted(random.uniform(MARGIN_DAYS, days - MARGIN_DAYS) for _ in range(kills))
    whole = random.choice(moments) if everything and moments else None
    plan: list[Kill] = []
    for moment in moments:
        victim = EVERYTHING if moment == whole else _victim(random, plan, moment, day_seconds)
        plan.append(Kill(moment, victim))
    return plan


def _victim(random: Random, plan: list[Kill], moment: float, day_seconds: float) -> str:
    """A child that was not killed too often just before."""
    recent = Counter(kill.victim for kill in plan if (moment - kill.at_day) * day_seconds < WINDOW_SECONDS)
    possible = [name for name in PROGRAMS if recent[name] < MOST_KILLS_OF_ONE]
    if not possible:
        raise UnusablePlan(
            f"So many kills are too many for so short a run: the supervisor gives up when one part fails "
            f"{FAILURES_TO_GIVE_UP} times in {FAILURE_WINDOW_SECONDS:g} seconds. Use fewer --kills or more --days."
        )
    return random.choice(possible)
