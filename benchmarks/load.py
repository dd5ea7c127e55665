"""A small closed-loop HTTP client: each connection sends its next request when the last one was answered.

It runs in a process of its own and writes bytes made beforehand, so that what it measures is the server.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from evenflow.stack.ports import LOOPBACK

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """What to send over so many connections.

    Each answer has to begin with ``status`` and hold ``mark``. The first ``warm_up`` answers are not measured.
    """

    port: int
    connections: int
    requests: Sequence[bytes]
    status: bytes
    mark: bytes = b""
    warm_up: int = 0


def request_of(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """The bytes of an HTTP/1.1 request on a connection that stays open."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {LOOPBACK}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def send(load: Load) -> list[float]:
    """The milliseconds of each measured request. Raises RuntimeError at an answer that is not as it has to be."""
    try:
        return asyncio.run(_send(load))
    except ExceptionGroup as group:
        raise RuntimeError(str(group.exceptions[0])) from group


async def _send(load: Load) -> list[float]:
    waiting = iter(load.requests)
    taken: list[float] = []
    async with asyncio.TaskGroup() as together:
        for _ in range(load.connections):
            together.create_task(_converse(load, waiting, taken))
    return taken[load.warm_up :]


async def _converse(load: Load, waiting: Iterator[bytes], taken: list[float]) -> None:
    """One connection takes requests from the common supply until it is empty."""
    reader, writer = await asyncio.open_connection(LOOPBACK, load.port)
    try:
        for request in waiting:
            began = perf_counter()
            writer.write(request)
            head, body = await _answer(reader)
            taken.append((perf_counter() - began) * 1000)
            if not head.startswith(b"HTTP/1.1 " + load.status) or load.mark not in body:
                raise RuntimeError(f"{request.splitlines()[0]!r} was answered {head.splitlines()[0]!r}: {body[:300]!r}")
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length is None:
        raise RuntimeError(f"An answer of unknown length: {head!r}")
    return head, await reader.readexactly(int(length.group(1)))
