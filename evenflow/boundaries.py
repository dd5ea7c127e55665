"""Where a test ends the worker: at the boundaries of its activities, by orders that lie in a directory.

For the fault harness (``python -m benchmarks.faults``), which proves that a process killed between any two commits does
no harm. Nothing of this is installed unless ``EVENFLOW_FAULTS_DIRECTORY`` is set, and settings refuse that with any
vendor but the simulator. An order is a file ``armed/ACTIVITY.BOUNDARY.NUMBER``; who reaches that boundary first moves
it to ``struck/``, writes down which activity it was, and kills its own process.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import signal
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from evenflow.settings import Settings

_log = logging.getLogger(__name__)

ARMED, STRUCK = "armed", "struck"
Port = TypeVar("Port")


class Boundary(StrEnum):
    """A moment in an activity at which nothing of what follows has happened yet."""

    BEFORE_CALL = "before_call"  # it was handed to this process, and nothing was done
    AFTER_VENDOR = "after_vendor"  # a vendor answered, and nothing of the answer is written down
    AFTER_COMMIT = "after_commit"  # all is written down, and Temporal does not know


class Boundaries:
    """The orders of one directory. ``end`` ends the process and does not return."""

    def __init__(self, directory: Path, end: Callable[[], NoReturn] | None = None) -> None:
        self._armed, self._struck = directory / ARMED, directory / STRUCK
        self._end = end or _kill_ourselves
        for place in (self._armed, self._struck):
            place.mkdir(parents=True, exist_ok=True)

    def reached(self, name: str, boundary: Boundary, about: Callable[[], Mapping[str, Any]]) -> None:
        """End the process when an order says so; ``about`` is written down first."""
        for order in sorted(self._armed.glob(f"{name}.{boundary}.*")):
            taken = self._struck / order.name
            try:
                order.rename(taken)
            except FileNotFoundError:
                continue  # another process took it
            _write_down(taken, about())
            self._end()


_reached: ContextVar[Callable[[Boundary], None] | None] = ContextVar("reached", default=None)


class BoundaryInterceptor(Interceptor):
    """Tells the boundaries of every activity."""

    def __init__(self, boundaries: Boundaries) -> None:
        self._boundaries = boundaries

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inbound(next, self._boundaries)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, boundaries: Boundaries) -> None:
        super().__init__(next)
        self._boundaries = boundaries

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        name = activity.info().activity_type

        def reached(boundary: Boundary) -> None:
            self._boundaries.reached(name, boundary, _activity)

        token = _reached.set(reached)
        try:
            reached(Boundary.BEFORE_CALL)
            answer = await super().execute_activity(input)
            reached(Boundary.AFTER_COMMIT)
        finally:
            _reached.reset(token)
        return answer


def interceptors(settings: Settings) -> list[Interceptor]:
    """What a worker needs for the orders of its settings; nothing without a directory."""
    directory = settings.faults.directory
    if directory is None:
        return []
    _log.warning("orders in %s end this worker: this is a test of Evenflow itself", directory)
    return [BoundaryInterceptor(Boundaries(directory))]


def watched(settings: Settings, port: Port) -> Port:
    """A vendor whose answers are boundaries, while an activity runs; the vendor itself without a directory."""
    return port if settings.faults.directory is None else cast(Port, _Watched(port))


class _Watched:
    def __init__(self, port: object) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return _telling(found) if inspect.iscoroutinefunction(found) else found


def _telling(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    async def told(*args: Any, **more: Any) -> Any:
        answer = await call(*args, **more)
        reached = _reached.get()
        if reached is not None:
            reached(Boundary.AFTER_VENDOR)
        return answer

    return told


def _activity() -> dict[str, Any]:
    """Which activity it was, as Temporal names it."""
    info = activity.info()
    return {
        "workflow_id": info.workflow_id,
        "run_id": info.workflow_run_id,
        "activity_id": info.activity_id,
        "attempt": info.attempt,
    }


def _write_down(path: Path, about: Mapping[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as opened:
        json.dump(about, opened)
        opened.flush()
        os.fsync(opened.fileno())


def _kill_ourselves() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process does not go on")
