"""Records as a stream of NDJSON, answered by a stream of NDJSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from api.errors import Problem, problem_of
from api.usage_doors.call import Call, CallerGone, refuse_media_type, refuse_query
from billing.services.usage import UsageService
from billing.services.usage_grouping import Turnstile
from billing.services.usage_streaming import Progress, StreamIntake

NDJSON = "application/x-ndjson"
TAKEN = (NDJSON, "application/ndjson", "application/jsonl")
STREAMS_AT_ONCE = 16
QUIET_SECONDS = 300.0


class StreamDoor:
    """``POST /v1/usage/stream``: of any length, read no faster than it is committed."""

    def __init__(self, usage: UsageService) -> None:
        self._usage = usage
        self._streams = Turnstile("streams", at_once=STREAMS_AT_ONCE, most_waiting=0)

    async def take_stream(self, call: Call) -> None:
        """Answers while it takes. What fails later is the last line, for the status was sent by then."""
        refuse_query(call)
        if call.media_type not in TAKEN:
            refuse_media_type(call, NDJSON)
        async with self._streams:
            answer = _Answer(call)
            intake = StreamIntake(self._usage.take_entries)
            try:
                last = await intake.run(_chunks(call), answer.tell)
            except CallerGone:
                return
            except Exception as error:
                if not call.has_begun:
                    raise
                problem = problem_of(error)
                await answer.end(intake.acknowledged, {"problem": problem.body()})
                if problem.status >= 500:
                    raise
                return
            await answer.end(last, {})


class _Answer:
    """The lines of the answer; its head goes out with the first one."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def tell(self, progress: Progress) -> None:
        await self._begin()
        await self._call.part(_line(progress, is_done=False))

    async def end(self, progress: Progress, more: dict[str, Any]) -> None:
        await self._begin()
        await self._call.part(_line(progress, is_done=not more) | more, is_last=True)

    async def _begin(self) -> None:
        if not self._call.has_begun:
            await self._call.begin(200, {"content-type": NDJSON})


def _line(progress: Progress, *, is_done: bool) -> dict[str, Any]:
    return {"done": is_done, **asdict(progress)}


async def _chunks(call: Call) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises CallerGone, and Problem 408 when nothing comes for five minutes."""
    has_more = True
    while has_more:
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                chunk, has_more = await call.chunk()
        except TimeoutError:
            raise Problem(
                408,
                "StreamWasQuiet",
                f"Nothing came for {QUIET_SECONDS:.0f} seconds.",
                field="body",
                remedy="Send what follows acknowledged_line as a new stream.",
            ) from None
        yield chunk
