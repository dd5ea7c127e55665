"""What crosses between the workflow that checks the books and its side effects."""

from __future__ import annotations

from dataclasses import dataclass

from billing.domain.clock import NORMAL_TIME, ClockSegment


@dataclass(frozen=True)
class InvariantsState:
    """The single input of a run. ``interval_seconds`` is business time between two rounds."""

    interval_seconds: int = 900
    clock: ClockSegment = NORMAL_TIME
    rounds_done: int = 0
    schema_version: int = 1


@dataclass(frozen=True)
class RulesRequest:
    """Which rules are there now?"""

    rounds_done: int = 0


@dataclass(frozen=True)
class Rules:
    """Their names, in order."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class CheckRequest:
    """Check one rule once, as far as its turn goes."""

    rule: str


@dataclass(frozen=True)
class CheckReport:
    """What a check found. ``failure`` says why it could not be made; ``ends_pass``: all accounts were looked at."""

    rule: str
    violations: int = 0
    duration_ms: int = 0
    ends_pass: bool = True
    failure: str = ""
