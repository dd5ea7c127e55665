"""Keeps children running: starts them in order, restarts a dead one, gives up in time, and leaves nothing behind.

A child that dies is restarted after a growing pause. Three failures of one child within a minute stop everything with
one sentence and the end of its log. Ctrl-C or SIGTERM stops everything in reverse order. When the supervisor itself is
killed, its children get a signal from the kernel, and the next start stops whatever was left (``directory``).
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from evenflow.stack.child import PROBE_INTERVAL_SECONDS, Child, ChildSpec, Hook
from evenflow.stack.directory import DataDirectory
from evenflow.stack.errors import StackError

FAILURES_TO_GIVE_UP = 3
FAILURE_WINDOW_SECONDS = 60.0
PAUSES_SECONDS = (0.2, 1.0, 3.0)
WATCH_INTERVAL_SECONDS = 0.1
HEARTBEAT_INTERVAL_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

Result = TypeVar("Result")
Report = Callable[[str], None]


class StoppedByUser(Exception):
    """Ctrl-C or SIGTERM arrived; everything has been stopped."""


class SupervisedChild:
    """A child together with its recent failures."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.failures: deque[float] = deque(maxlen=FAILURES_TO_GIVE_UP)

    def failed(self, what: str) -> float:
        """Count a failure and return the pause before the restart. Raises StackError when it is one too many."""
        now = time.monotonic()
        self.failures.append(now)
        recent = sum(1 for moment in self.failures if now - moment <= FAILURE_WINDOW_SECONDS)
        if recent >= FAILURES_TO_GIVE_UP:
            name = self.child.spec.name
            raise StackError(
                f"The {name} {what} {FAILURES_TO_GIVE_UP} times within a minute, so everything was stopped.\n"
                f"{self.child.log_tail()}"
            )
        return PAUSES_SECONDS[min(recent, len(PAUSES_SECONDS)) - 1]


class Supervisor:
    """Runs children for the length of a main coroutine.

    ``heartbeat`` is awaited about every second while everything runs; its failures are reported, never fatal.
    ``report`` is told one line per event worth knowing.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        directory: DataDirectory,
        *,
        report: Report = print,
        heartbeat: Hook | None = None,
    ) -> None:
        self.directory = directory
        self.supervised = [
            SupervisedChild(Child(spec, directory.logs / f"{spec.name}.log")) for spec in in_order(specs)
        ]
        self.ready = {one.child.spec.name: asyncio.Event() for one in self.supervised}
        self.report = report
        self.heartbeat = heartbeat

    async def run(self, main: Callable[[], Awaitable[Result]]) -> Result:
        """Start everything, await ``main``, stop everything, return its result.

        Raises StackError when a child cannot be kept alive and StoppedByUser on Ctrl-C or SIGTERM; in each case
        everything has been stopped before.
        """
        stop_wanted = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, stop_wanted.set)
        try:
            return await self._until_first(self._whole_life(main), self._wait_for_stop(stop_wanted))
        finally:
            await asyncio.to_thread(self.stop)
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)

    async def _whole_life(self, main: Callable[[], Awaitable[Result]]) -> Result:
        keepers = [self._keep(supervised) for supervised in self.supervised]
        return await self._until_first(self._when_ready(main), *keepers, self._beat())

    async def _when_ready(self, main: Callable[[], Awaitable[Result]]) -> Result:
        await self._all_ready(self.ready)
        return await main()

    async def _all_ready(self, names: Iterable[str]) -> None:
        for name in names:
            await self.ready[name].wait()

    async def _keep(self, supervised: SupervisedChild) -> None:
        """One child's life: wait for what it needs, start, then restart whenever it is dead."""
        spec = supervised.child.spec
        await self._all_ready(spec.needs)
        if spec.before_start is not None:
            await spec.before_start()
        await self._start_until_ready(supervised)
        if spec.after_ready is not None:
            await spec.after_ready()
        self.ready[spec.name].set()
        await self._guard(supervised)

    async def _until_first(self, main: Awaitable[Result], *others: Awaitable[None]) -> Result:
        """The result of ``main``, unless one of the others (which never end well) raises before."""
        main_task = asyncio.ensure_future(main)
        tasks: list[asyncio.Future[Result] | asyncio.Future[None]] = [main_task, *map(asyncio.ensure_future, others)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return main_task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait_for_stop(self, stop_wanted: asyncio.Event) -> None:
        await stop_wanted.wait()
        raise StoppedByUser

    async def _start_until_ready(self, supervised: SupervisedChild) -> None:
        """Start the child, again if it dies while starting, until it is ready or it is time to give up."""
        child = supervised.child
        while True:
            await asyncio.to_thread(child.spec.before_each_start)
            # Not in a thread: the child is told of its parent's death by the thread that started it.
            child.start()
            self._remember_children()
            if await self._becomes_ready(child):
                return
            what = "was not ready in time" if child.is_alive() else "died"
            await asyncio.to_thread(child.stop)
            await asyncio.sleep(supervised.failed(what))

    async def _becomes_ready(self, child: Child) -> bool:
        deadline = time.monotonic() + child.spec.ready_seconds
        while child.is_alive() and time.monotonic() < deadline:
            if await asyncio.to_thread(child.spec.ready):
                return child.is_alive()
            await asyncio.sleep(PROBE_INTERVAL_SECONDS)
        return False

    async def _guard(self, supervised: SupervisedChild) -> None:
        """Restart the child whenever it is dead."""
        while True:
            await asyncio.sleep(WATCH_INTERVAL_SECONDS)
            if supervised.child.is_alive():
                continue
            pause = supervised.failed("died")
            self.report(f"The {supervised.child.spec.name} died and is started again.")
            # What it started itself must not stand in the way of the new one.
            await asyncio.to_thread(supervised.child.stop)
            await asyncio.sleep(pause)
            await self._start_until_ready(supervised)

    async def _beat(self) -> None:
        silent_about = ""
        await self._all_ready(self.ready)
        while True:
            await asyncio.sleep(HEARTBEAT_INTERVAL_SECONDS)
            if self.heartbeat is None:
                continue
            try:
                await self.heartbeat()
                silent_about = ""
            except Exception as error:
                # The database may be restarting: say so once, and go on.
                if silent_about != type(error).__name__:
                    silent_about = type(error).__name__
                    self.report(f"The clock's heartbeat failed ({silent_about}) and is tried again.")

    def _remember_children(self) -> None:
        living = [one.child for one in self.supervised if one.child.is_alive()]
        self.directory.remember_children({child.process_id: child.birth or "" for child in living})

    def stop(self) -> None:
        """Stop all children, the last started first."""
        for supervised in reversed(self.supervised):
            supervised.child.stop()
        with suppress(StackError):
            self.directory.remember_children({})


def in_order(specs: Sequence[ChildSpec]) -> list[ChildSpec]:
    """The specifications sorted so that each comes after what it needs, else in the order given."""
    ordered: list[ChildSpec] = []
    waiting = list(specs)
    while waiting:
        ready_names = {spec.name for spec in ordered}
        following = next((spec for spec in waiting if ready_names.issuperset(spec.needs)), None)
        if following is None:
            raise StackError(f"The children {', '.join(spec.name for spec in waiting)} need what is not there.")
        ordered.append(following)
        waiting.remove(following)
    return ordered
