"""The stack as ``evenflow up`` runs it, under a supervisor that never gives up and lets a dead part be away a while."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks.faults.plan import KILL, Outage
from evenflow.business_clock import beat, resume_clock
from evenflow.demo.run import CLOCK_STARTS
from evenflow.stack.assembly import StackOptions, assemble
from evenflow.stack.child import ChildSpec
from evenflow.stack.directory import DataDirectory
from evenflow.stack.running import RunningStack
from evenflow.stack.supervisor import Report, SupervisedChild, Supervisor

SHORTEST_PAUSE_SECONDS = 0.1
FAULTS_DIRECTORY = "EVENFLOW_FAULTS_DIRECTORY"
Result = TypeVar("Result")


class UnweariedChild(SupervisedChild):
    """Starts again however often it died: here that is wanted."""

    def __init__(self, supervised: SupervisedChild) -> None:
        super().__init__(supervised.child)
        self.deaths = 0
        self.outage_seconds = 0.0

    def failed(self, what: str) -> float:
        """The pause before the next start."""
        self.deaths += 1
        pause, self.outage_seconds = max(self.outage_seconds, SHORTEST_PAUSE_SECONDS), 0.0
        return pause


class Victims:
    """The parts of a running stack, to be ended by name."""

    def __init__(self, children: list[UnweariedChild]) -> None:
        self._children = children

    def end(self, outage: Outage) -> bool:
        """End a part, of several workers the one that died least; False when it was not there to be ended."""
        alive = [one for one in self._children if _part(one) == outage.part and one.child.is_alive()]
        if not alive:
            return False
        victim = min(alive, key=lambda one: one.deaths)
        victim.outage_seconds = outage.seconds
        how = signal.SIGKILL if outage.how == KILL else victim.child.spec.stop_signal
        with suppress(ProcessLookupError):
            os.kill(victim.child.process_id, how)
        return True

    def process_ids(self, part: str) -> set[int]:
        """Of those that are alive."""
        return {one.child.process_id for one in self._children if _part(one) == part and one.child.is_alive()}

    def deaths(self) -> Counter[str]:
        """How often the supervisor found which part dead."""
        found: Counter[str] = Counter()
        for one in self._children:
            found[_part(one)] += one.deaths
        return found


def _part(child: UnweariedChild) -> str:
    return child.child.spec.name.partition("-")[0]


def _several(specs: list[ChildSpec], workers: int) -> list[ChildSpec]:
    """Further workers beside the first: while one starts again, others go on, and meet what it left."""
    worker = next(spec for spec in specs if spec.name == "worker")
    return [*specs, *(replace(worker, name=f"worker-{number}") for number in range(2, workers + 1))]


Main = Callable[[RunningStack, Victims], Awaitable[Result]]


async def run_mortal_stack(
    data_dir: Path,
    orders: Path,
    day_seconds: float,
    standing: timedelta,
    workers: int,
    main: Main[Result],
    report: Report,
) -> Result:
    """Run the whole stack for the length of ``main``; its workers obey the ``orders`` (``evenflow.boundaries``).

    Business time stands still for ``standing`` of real time while everything starts and is loaded.
    """
    directory = DataDirectory(data_dir)
    begin = partial(resume_clock, begins=CLOCK_STARTS, standing=standing)
    options = StackOptions(data_dir, {}, clock_rate=86_400 / day_seconds, resume_clock=begin)
    with directory.locked():
        stack, specs = assemble(directory, options, report)
        environment = stack.environment
        assert isinstance(environment, dict)
        environment[FAULTS_DIRECTORY] = str(orders)
        supervisor = Supervisor(_several(specs, workers), directory, report=_silent, heartbeat=partial(beat, stack))
        children = [UnweariedChild(one) for one in supervisor.supervised]
        supervisor.supervised = [*children]
        return await supervisor.run(partial(main, stack, Victims(children)))


def _silent(_line: str) -> None:
    """A part that died is no news here."""
