"""One request at a bare door: its headers, its body and its answer."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec
from starlette.types import Receive, Scope, Send

from api.errors import Problem
from api.headers import SECURITY_HEADERS
from billing.domain.errors import InvalidValue

JSON = "application/json"
_encode = msgspec.json.Encoder().encode
_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_JSON_HEADERS = [(b"content-type", b"application/json"), *_HEADERS]


class CallerGone(Exception):
    """The connection ended before the request did: there is nobody to answer."""


class Call:
    """A request of HTTP; ``headers`` by lower-case name, as bytes. ``has_begun`` to be answered, it has one answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.query: bytes = scope["query_string"]
        self.has_begun = False
        self._receive = receive
        self._send = send

    def header(self, name: bytes) -> str:
        """A header as text; empty when it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.header(b"content-type").partition(";")[0].strip().lower()

    async def body(self, most_bytes: int) -> bytes:
        """The whole body. Raises Problem 413 over the limit, and CallerGone."""
        said = self.headers.get(b"content-length", b"0")
        if not said.isdigit() or int(said) > most_bytes:
            _refuse_size(most_bytes)
        message = await self._receive()
        content: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body"):
            if len(content) > most_bytes:
                _refuse_size(most_bytes)
            return content
        return await self._rest(bytearray(content), message, most_bytes)

    async def _rest(self, content: bytearray, message: Any, most_bytes: int) -> bytes:
        while message["type"] == "http.request" and message.get("more_body"):
            message = await self._receive()
            content += message.get("body", b"")
            if len(content) > most_bytes:
                _refuse_size(most_bytes)
        if message["type"] != "http.request":
            raise CallerGone
        return bytes(content)

    async def chunk(self) -> tuple[bytes, bool]:
        """The next part of the body, and whether more follows. Raises CallerGone."""
        message = await self._receive()
        if message["type"] != "http.request":
            raise CallerGone
        return message.get("body", b""), message.get("more_body", False)

    async def answer(self, status: int, content: Any) -> None:
        """A JSON document."""
        body = _encode(content)
        headers = [*_JSON_HEADERS, (b"content-length", b"%d" % len(body))]
        self.has_begun = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def begin(self, status: int, headers: dict[str, str]) -> None:
        """The head of an answer whose parts follow."""
        self.has_begun = True
        own = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": [*own, *_HEADERS]})

    async def part(self, content: Any = None, *, is_last: bool = False) -> None:
        """One line of NDJSON; nothing for None."""
        body = b"" if content is None else _encode(content) + b"\n"
        await self._send({"type": "http.response.body", "body": body, "more_body": not is_last})


def _refuse_size(most_bytes: int) -> NoReturn:
    shown = f"{most_bytes // 2**20} MiB" if most_bytes >= 2**20 else f"{most_bytes // 1024} KiB"
    raise Problem(
        413,
        "BodyTooLarge",
        f"The body is larger than {shown}.",
        field="body",
        remedy="Send less at once, or as a stream: POST /v1/usage/stream has no limit.",
    )


def refuse_media_type(call: Call, *taken: str) -> NoReturn:
    """Raises Problem 415 naming those that are taken."""
    raise Problem(
        415,
        "UnsupportedMediaType",
        "This door does not read this content type.",
        field="Content-Type",
        value=call.header(b"content-type"),
        remedy=f"Send it as {' or '.join(taken)}.",
    )


def refuse_query(call: Call) -> None:
    """A query parameter must not be silently ignored. Raises InvalidValue."""
    if call.query:
        name, _, value = call.query.decode("latin-1").partition("&")[0].partition("=")
        message = "This route takes no such query parameter."
        raise InvalidValue(message, field=name or "query", value=value, remedy="Leave it out.")
