"""A stream of NDJSON on a real port: answered while it is sent, resumed after a loss, and nothing counted twice."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.schemas.usage import StreamProgressOut
from evenflow.stack.ports import LOOPBACK
from tests.builders_usage import an_event
from tests.doors.usage_server import UsageServer, a_usage_server

STREAM = "/v1/usage/stream"
NDJSON = {"content-type": "application/x-ndjson"}
HEAD = (
    f"POST {STREAM} HTTP/1.1\r\nHost: {LOOPBACK}\r\nX-API-Key: agent\r\n"
    "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
).encode()


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[UsageServer]:
    with a_usage_server(database_url, tmp_path) as server:
        yield server


@pytest.fixture
def client(server: UsageServer) -> Iterator[httpx.Client]:
    headers = {"X-API-Key": "agent"} | NDJSON
    with httpx.Client(base_url=server.address, headers=headers, trust_env=False, timeout=60) as client:
        yield client


def a_line(number: int, **changes: Any) -> bytes:
    return json.dumps(an_event(record_id=f"r-{number:06}", meter="sms", quantity=1, **changes)).encode() + b"\n"


def told(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [StreamProgressOut.model_validate(line).model_dump(exclude_unset=True) for line in lines] == lines
    return lines


def test_a_stream_is_taken_whole_and_its_last_line_says_so(client: httpx.Client, server: UsageServer) -> None:
    answer = client.post(STREAM, content=(a_line(number) for number in range(3000)))
    lines = told(answer)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert [line["done"] for line in lines] == [*[False] * (len(lines) - 1), True]
    assert lines[-1]["counts"] == {"accepted": 3000}
    assert lines[-1]["acknowledged_line"] == 3000
    assert len(server.stored()) == 3000


def test_damaged_unknown_and_repeated_lines_are_told_by_number(client: httpx.Client, server: UsageServer) -> None:
    content = [
        a_line(1),
        b"\n",
        b'{"source":\n',
        a_line(1),
        b"[]\n",
        a_line(2, identifier="+31600000000"),
        b"x" * 70_000,
    ]
    last = told(client.post(STREAM, content=b"".join(content)))
    problems = [problem for line in last for problem in line["problems"]]
    assert last[-1]["counts"] == {"accepted": 1, "duplicate": 1, "rejected": 3, "recycled": 1}
    assert [(each["line"], each["outcome"], each["field"]) for each in problems] == [
        (3, "rejected", "line"),
        (5, "rejected", "record"),
        (6, "recycled", "identifier"),
        (7, "rejected", "line"),
    ]
    kept = server.rows("SELECT kind, line_number FROM usage_issues ORDER BY line_number")
    assert kept == [("rejected", 3), ("rejected", 5), ("recycled", 6), ("rejected", 7)]


def test_an_empty_stream_is_done_at_once(client: httpx.Client) -> None:
    (only,) = told(client.post(STREAM, content=b""))
    assert only == {
        **{"done": True, "acknowledged_line": 0, "records": 0, "counts": {}, "problems": [], "problems_left_out": 0},
    }


class Sender:
    """A client that sends chunks when it wants and reads when it wants."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), timeout=30)
        self._socket.sendall(HEAD)
        self.heard = b""

    def send(self, content: bytes) -> None:
        self._socket.sendall(b"%x\r\n%s\r\n" % (len(content), content))

    def acknowledged(self, line: int) -> None:
        """Wait until everything up to this line is."""
        while f'"acknowledged_line":{line},'.encode() not in self.heard:
            self.listen()

    def listen(self) -> None:
        """Hear what comes next."""
        received = self._socket.recv(65_536)
        assert received, self.heard
        self.heard += received

    def vanish(self) -> None:
        """Gone without a word, as a machine that loses its power."""
        if self._socket.fileno() < 0:
            return
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()


@pytest.fixture
def sender(server: UsageServer) -> Iterator[Sender]:
    """A stream that has begun."""
    sender = Sender(server.port)
    yield sender
    sender.vanish()


def test_lines_are_acknowledged_while_more_are_to_come(server: UsageServer, sender: Sender) -> None:
    for number in range(1, 4):
        sender.send(a_line(number))
        sender.acknowledged(number)
        assert len(server.stored()) == number


def test_a_client_that_vanishes_loses_nothing_acknowledged_and_counts_nothing_twice(
    client: httpx.Client, server: UsageServer, sender: Sender
) -> None:
    lines = [a_line(number) for number in range(1, 2001)]
    sender.send(b"".join(lines[:500]))
    sender.acknowledged(500)
    sender.send(b"".join(lines[500:1200]) + lines[1200][:40])
    sender.vanish()
    kept = settled(server)
    assert 500 <= len(kept) <= 1200
    assert kept == [f"r-{number:06}" for number in range(1, len(kept) + 1)]
    again = told(client.post(STREAM, content=b"".join(lines[500:])))[-1]
    assert again["counts"].get("duplicate", 0) == len(kept) - 500
    assert server.stored() == [f"r-{number:06}" for number in range(1, 2001)]
    assert server.rows("SELECT sum(quantity) FROM (TABLE usage_sums) AS x") == [(2000,)]


@pytest.fixture(autouse=True)
def usage_sums(server: UsageServer) -> None:
    """What readers see: counters and what is pending."""
    server.change(
        "CREATE VIEW usage_sums AS SELECT quantity FROM usage_counters UNION ALL SELECT quantity FROM usage_pending"
    )


def settled(server: UsageServer) -> Sequence[str]:
    """What is stored once nothing more comes."""
    before, now = None, server.stored()
    while before != now:
        time.sleep(0.5)
        before, now = now, server.stored()
    return now


def test_a_client_that_never_reads_can_still_send_everything(server: UsageServer, sender: Sender) -> None:
    for start in range(1, 4001, 100):
        sender.send(b"".join(a_line(number) for number in range(start, start + 100)))
    sender.send(b"")
    sender.acknowledged(4000)
    assert len(server.stored()) == 4000


@pytest.fixture
def faulty_server(server: UsageServer, monkeypatch: pytest.MonkeyPatch) -> UsageServer:
    """Its second batch fails. Before ``sender``: a stream that has begun keeps what it takes with."""
    service = server.worlds[0].service
    takes, batches = service.take_entries, 0

    async def take(entries: Any) -> Any:
        nonlocal batches
        batches += 1
        if batches > 1:
            raise ConnectionError("the database is away")
        return await takes(entries)

    monkeypatch.setattr(service, "take_entries", take)
    return server


def test_a_fault_in_the_middle_is_the_last_line_and_what_was_acknowledged_stays(
    faulty_server: UsageServer, sender: Sender
) -> None:
    sender.send(a_line(1))
    sender.acknowledged(1)
    sender.send(a_line(2))
    while b'"problem":' not in sender.heard:
        sender.listen()
    assert b'"title":"Fault","status":500' in sender.heard
    assert faulty_server.stored() == ["r-000001"]
