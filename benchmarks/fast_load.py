"""The closed loop of ``benchmarks.load`` with as little work of its own as a client can do: sockets and one selector.

A server that answers ten thousand times a second is slowed down by a client that needs as long as the server itself.
"""

from __future__ import annotations

import re
import selectors
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

from benchmarks.load import Load
from evenflow.stack.ports import LOOPBACK

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MOST_BYTES = 262_144


@dataclass(slots=True)
class Sent:
    """Seconds from the first request to the last answer, and the milliseconds of each measured one."""

    seconds: float
    milliseconds: list[float]


@dataclass(slots=True)
class _Line:
    """One connection: when its request was sent, and what was answered so far."""

    socket: socket.socket
    began: float = 0.0
    heard: bytes = field(default=b"")


def send_fast(load: Load) -> Sent:
    """Send everything. Raises RuntimeError at an answer that is not as it has to be."""
    waiting, taken = iter(load.requests), list[float]()
    began = 0.0
    with selectors.DefaultSelector() as selector:
        open_lines = sum(_connect(selector, load, waiting) for _ in range(load.connections))
        while open_lines:
            for key, _ in selector.select():
                line: _Line = key.data
                line.heard += line.socket.recv(_MOST_BYTES)
                if not _is_whole(line.heard):
                    continue
                now = perf_counter()
                _check(load, line.heard)
                taken.append((now - line.began) * 1000)
                if len(taken) == load.warm_up:
                    began = now
                open_lines -= not _next(selector, line, waiting)
        return Sent(perf_counter() - began, taken[load.warm_up :])


def _connect(selector: selectors.BaseSelector, load: Load, waiting: Iterator[bytes]) -> bool:
    line = _Line(socket.create_connection((LOOPBACK, load.port)))
    line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(line.socket, selectors.EVENT_READ, line)
    return _next(selector, line, waiting)


def _next(selector: selectors.BaseSelector, line: _Line, waiting: Iterator[bytes]) -> bool:
    """Send the next request; without one the connection ends."""
    request = next(waiting, None)
    if request is None:
        selector.unregister(line.socket)
        line.socket.close()
        return False
    line.heard, line.began = b"", perf_counter()
    line.socket.sendall(request)
    return True


def _is_whole(heard: bytes) -> bool:
    if not heard:
        raise RuntimeError("The server hung up.")
    head, found, body = heard.partition(b"\r\n\r\n")
    length = _LENGTH.search(head) if found else None
    return length is not None and len(body) >= int(length[1])


def _check(load: Load, heard: bytes) -> None:
    if not heard.startswith(b"HTTP/1.1 " + load.status) or load.mark not in heard:
        raise RuntimeError(f"It was answered {heard[:600]!r}")
