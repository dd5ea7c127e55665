"""One interruptible timer on the business clock.

It stays set while messages come and go, so that a message costs no timer events; it is replaced only when the instant
or the clock changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow

from billing.domain.clock import ClockSegment

# A timer must be positive; anything shorter is due already.
_LEAST = timedelta(milliseconds=1)


class Deadline:
    """Wait until a business instant or until something else is true, whichever comes first."""

    def __init__(self, clock: ClockSegment) -> None:
        self.clock = clock
        self._at: datetime | None = None
        self._timer: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        """Business time, as of this workflow task."""
        return self.clock.business(workflow.now())

    def change_clock(self, clock: ClockSegment) -> None:
        """Go on by another segment of business time; a running timer is set anew at the next wait."""
        self.clock = clock
        self.clear()

    async def wait(self, at: datetime | None, interrupted: Callable[[], bool], summary: str) -> None:
        """Return when ``at`` is reached (never, when None), ``interrupted()`` is true, or the clock changed."""
        self._set(at, summary)
        timer = self._timer
        if timer is None and at is not None:
            return
        await workflow.wait_condition(
            lambda: interrupted() or (timer is not None and (timer.done() or timer is not self._timer))
        )

    def clear(self) -> None:
        """Cancel the timer, if one runs."""
        if self._timer is not None and not self._timer.done():
            self._timer.cancel()
        self._at = None
        self._timer = None

    def _set(self, at: datetime | None, summary: str) -> None:
        if at == self._at and self._timer is not None and not self._timer.done():
            return
        self.clear()
        if at is None:
            return
        delay = self.clock.real(at) - workflow.now()
        if delay < _LEAST:
            return
        self._at = at
        self._timer = asyncio.create_task(_sleep(delay, summary))


async def _sleep(delay: timedelta, summary: str) -> None:
    with suppress(asyncio.CancelledError):
        await workflow.sleep(delay, summary=summary)
