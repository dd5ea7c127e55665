"""Long activities tell every second that they live, and how far they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio import activity

TELL_EVERY_SECONDS = 1.0


class Progress:
    """The newest report of an activity."""

    def __init__(self, report: Any) -> None:
        self._report = report

    def note(self, report: Any) -> None:
        """Tell this from now on, and at once."""
        self._report = report
        activity.heartbeat(report)

    async def beat(self) -> None:
        """Tell the newest report every second until cancelled."""
        while True:
            await asyncio.sleep(TELL_EVERY_SECONDS)
            activity.heartbeat(self._report)


@asynccontextmanager
async def beating(report: Any) -> AsyncIterator[Progress]:
    """Progress that is told for the length of the block: steps that take their time tell nothing themselves."""
    progress = Progress(report)
    telling = asyncio.create_task(progress.beat())
    try:
        yield progress
    finally:
        telling.cancel()
