"""What every answer carries and every request is held to: security headers, and a limit on the body."""

from __future__ import annotations

from contextlib import suppress

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import answer
from api.headers import SECURITY_HEADERS

MEBIBYTE = 1024 * 1024
BODY_LIMIT = MEBIBYTE
# Usage and catalogues come in files and batches; everything else is small.
LARGER_BODIES = {
    "/v1/usage/files": 1024 * MEBIBYTE,
    "/v1/usage/": 64 * MEBIBYTE,
    "/v1/catalogue/import": 20 * MEBIBYTE,
    "/v1/bank-statements": 64 * MEBIBYTE,
    "/console/usage/files": 65 * MEBIBYTE,
    "/console/catalogue/import": 21 * MEBIBYTE,
}


class BodyTooLarge(Exception):
    """The body went over the limit while it was being read."""


def body_limit(path: str) -> int:
    """The most bytes a request to this path may carry."""
    return next((limit for prefix, limit in LARGER_BODIES.items() if path.startswith(prefix)), BODY_LIMIT)


class SecurityHeaders:
    """Adds the headers an answer does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_hardened if scope["type"] == "http" else send)


class BodyLimit:
    """Refuses a body that says, or turns out, to be larger than the path allows, and an address no text may hold."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            await _nul_in_address(scope)(scope, receive, send)
            return
        limit = body_limit(scope["path"])
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if not said.isdigit() or int(said) > limit:
            await _too_large(scope, limit)(scope, receive, send)
            return
        guard = _Guard(limit, receive, send)
        with suppress(BodyTooLarge):
            await self._app(scope, guard.receive, guard.send)
        if guard.is_over and not guard.has_answered:
            await _too_large(scope, limit)(scope, receive, send)


class _Guard:
    """Counts what is read of one request, and knows whether an answer has begun.

    Once the body is over the limit no other answer goes out: whoever reads it may take the end of it for a mistake.
    """

    def __init__(self, limit: int, receive: Receive, send: Send) -> None:
        self._left = limit
        self._receive = receive
        self._send = send
        self.has_answered = False

    @property
    def is_over(self) -> bool:
        return self._left < 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.is_over:
            raise BodyTooLarge
        return message

    async def send(self, message: Message) -> None:
        if self.is_over and not self.has_answered:
            return
        self.has_answered = True
        await self._send(message)


def _too_large(scope: Scope, limit: int) -> ASGIApp:
    return answer(
        Request(scope),
        413,
        "BodyTooLarge",
        f"The body is larger than {limit // MEBIBYTE} MiB.",
        field="body",
        value="",
        remedy="Send less at once; usage is taken in batches and files.",
    )


def _nul_in_address(scope: Scope) -> ASGIApp:
    return answer(
        Request(scope),
        422,
        "InvalidRequest",
        "The address holds the character U+0000, which no text may hold.",
        field="path",
        value="%00",
        remedy="Leave it out.",
    )
