"""Server-sent events: an answer that goes on, until the reader leaves, reads too slowly, or its source ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import structlog
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

# A reader that takes nothing for so long is gone, or as good as gone.
TAKEN_WITHIN_SECONDS = 20.0
RETRY_MILLISECONDS = 2000
COMMENT = b": still here\n\n"
_log = structlog.get_logger()


def event(name: str, data: str, event_id: str) -> bytes:
    """One event. ``data`` is one line."""
    return f"id: {event_id}\nevent: {name}\ndata: {data}\n\n".encode()


class EventStream(Response):
    """Sends ``events`` as they come. ``on_end`` is called once, however it ends."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncIterator[bytes] | None = None,
        on_end: Callable[[], None] = lambda: None,
        taken_within_seconds: float = TAKEN_WITHIN_SECONDS,
        status_code: int = 200,  # the framework's description looks here for it
    ) -> None:
        super().__init__(status_code=status_code, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._on_end = on_end
        self._taken_within_seconds = taken_within_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send_all(send))
        leaving = asyncio.create_task(_until_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        except TimeoutError:
            _log.info("a reader of events was too slow", path=scope.get("path"))
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            self._on_end()

    async def _send_all(self, send: Send) -> None:
        start: Message = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await self._send(send, start)
        await self._send(send, _part(f"retry: {RETRY_MILLISECONDS}\n\n".encode()))
        if self._events is not None:
            async for each in self._events:
                await self._send(send, _part(each))
        await self._send(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, message: Message) -> None:
        """Raises TimeoutError when the reader does not take it."""
        async with asyncio.timeout(self._taken_within_seconds):
            await send(message)


def _part(content: bytes) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": True}


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
