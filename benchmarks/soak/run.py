"""One run: let the demonstration live, kill what the plan says, and see how it ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks.soak.books import Books, read_books
from benchmarks.soak.demonstration import Demonstration, Size
from benchmarks.soak.plan import EVERYTHING, Kill
from evenflow.stack.errors import StackError

LOOK_EVERY_SECONDS = 0.2
# Loading, restarts, summing up, and a machine that is busy.
PATIENCE_SECONDS = 600.0
PATIENCE_FACTOR = 3.0
Say = Callable[[str], None]


@dataclass
class Ending:
    """How a run ended: ``exit_code`` is None when it did not end in time, ``books`` when they cannot be read."""

    exit_code: int | None = None
    killed: list[str] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)
    checks: list[str] = field(default_factory=list)
    last_lines: list[str] = field(default_factory=list)
    books: Books | None = None

    @property
    def is_well(self) -> bool:
        """The demonstration found everything as expected, and the rules of the books hold."""
        return self.exit_code == 0 and self.books is not None and not self.books.broken


def run(directory: Path, size: Size, plan: Sequence[Kill], say: Say) -> Ending:
    """Run a demonstration below ``directory`` to its end; nothing of it is left running."""
    demonstration, ending = Demonstration(directory, size), Ending()
    deadline = time.monotonic() + PATIENCE_SECONDS + PATIENCE_FACTOR * size.days * size.day_seconds
    demonstration.start()
    try:
        for kill in plan:
            if not _live_until(demonstration, kill.at_day, deadline):
                break
            ending.killed.append(_carry_out(demonstration, kill))
            say(f"  {ending.killed[-1]}")
        _live_until(demonstration, float("inf"), deadline)
        ending.exit_code = demonstration.exit_code()
    finally:
        demonstration.stop()
    ending.deaths, ending.checks = demonstration.deaths(), demonstration.checks()
    ending.last_lines = demonstration.last_lines(40)
    try:
        ending.books = read_books(demonstration.data_dir)
    except (StackError, psycopg.Error) as error:
        say(f"The books cannot be read: {error}")
    return ending


def _live_until(demonstration: Demonstration, day: float, deadline: float) -> bool:
    """Wait for a business moment; False when the demonstration ended before, or it takes too long."""
    while demonstration.exit_code() is None and time.monotonic() < deadline:
        if day != float("inf"):
            today = demonstration.day()
            if today is not None and today >= day:
                return True
        time.sleep(LOOK_EVERY_SECONDS)
    return False


def _carry_out(demonstration: Demonstration, kill: Kill) -> str:
    """Kill, and say in words what was killed."""
    when = f"day {kill.at_day:5.2f}"
    if kill.victim == EVERYTHING:
        demonstration.kill_everything()
        demonstration.start()
        return f"{when}: kill -9 of everything, the supervisor too; started again by the same command"
    was_there = demonstration.kill(kill.victim)
    return f"{when}: kill -9 of the {kill.victim}" + ("" if was_there else ", which was down already")
