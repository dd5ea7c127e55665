"""Figures over all accounts that cost more than a page may take: counted now and then, and shown with their age.

What is counted quickly is counted for every reader, so small installations always see the present. What takes longer
is kept; a reader gets what is kept, and once it is so old that counting takes no more than a twentieth of the time,
it is counted again beside the reader. Only the very first reader may find nothing yet.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

QUICK_SECONDS = 0.1
REST_FACTOR = 20
PATIENCE_SECONDS = 0.5

_log = logging.getLogger(__name__)
Figure = TypeVar("Figure")


@dataclass(frozen=True)
class Counted(Generic[Figure]):
    """A figure, when it was counted (business time) and how long that took (real seconds)."""

    value: Figure
    counted_at: datetime
    seconds: float


class KeptFigure(Generic[Figure]):
    """One figure of one process. ``count`` reads it; ``now`` is business time; ``timer`` real seconds."""

    def __init__(
        self,
        count: Callable[[], Awaitable[Figure]],
        now: Callable[[], datetime],
        timer: Callable[[], float] = time.monotonic,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._count = count
        self._now = now
        self._timer = timer
        self._patience_seconds = patience_seconds
        self._kept: Counted[Figure] | None = None
        self._finished_at = 0.0
        self._counting: asyncio.Task[None] | None = None

    async def read(self) -> Counted[Figure] | None:
        """The figure; None while it is counted for the first time and that takes its time."""
        kept = self._kept
        if kept is not None and kept.seconds > QUICK_SECONDS:
            if self._timer() - self._finished_at >= REST_FACTOR * kept.seconds:
                self._start()
            return kept
        counting = self._start()
        await asyncio.wait({counting}, timeout=self._patience_seconds)
        if counting.done() and self._kept is None:
            counting.result()  # raises what went wrong
        return self._kept

    def _start(self) -> asyncio.Task[None]:
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._count_once())
            self._counting.add_done_callback(_tell_failure)
        return self._counting

    async def _count_once(self) -> None:
        began, at = self._timer(), self._now()
        value = await self._count()
        self._finished_at = self._timer()
        self._kept = Counted(value, at, self._finished_at - began)


def _tell_failure(counting: asyncio.Task[None]) -> None:
    if not counting.cancelled() and counting.exception() is not None:
        _log.warning("a figure could not be counted: %r", counting.exception())
