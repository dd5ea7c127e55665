"""Usual records are taken where their request is parsed, and nobody who sends them can tell."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.usage_doors import keys as key_memory
from api.usage_doors.protocol import UsageProtocol
from billing.services.usage import UsageService
from evenflow.stack.ports import LOOPBACK
from tests.builders_usage import an_event
from tests.doors.usage_server import UsageServer, a_usage_server

EVENTS = "/v1/usage/events"
SENT = {"X-API-Key": "agent", "Content-Type": "application/json"}


@pytest.fixture
def server(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UsageServer]:
    monkeypatch.setattr(key_memory, "REMEMBERED_SECONDS", 3600.0)
    with a_usage_server(database_url, tmp_path, UsageProtocol) as server:
        httpx.post(
            server.address + EVENTS, json=an_event(record_id="first"), headers=SENT, timeout=60
        )  # so that the key is known
        yield server


@pytest.fixture
def line(server: UsageServer) -> Iterator[Line]:
    with Line(server) as line:
        yield line


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The records that came the short way."""
    found: list[Any] = []
    put_one = UsageService.put_one

    def noted(service: UsageService, waiting: Any) -> None:
        found.append(waiting.item.event)
        put_one(service, waiting)

    monkeypatch.setattr(UsageService, "put_one", noted)
    return found


def request_of(record: Any, headers: Mapping[str, str] | None = None, path: str = EVENTS) -> bytes:
    body = record if isinstance(record, bytes) else json.dumps(record).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: door.test", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (SENT | dict(headers or {})).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Line:
    """One connection; answers are read one by one."""

    def __init__(self, server: UsageServer) -> None:
        self.socket = socket.create_connection((LOOPBACK, server.port), timeout=60)
        self._heard = b""

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def answer(self) -> tuple[int, Any]:
        """Status and document of the next answer."""
        while b"\r\n\r\n" not in self._heard:
            self._hear()
        head, _, rest = self._heard.partition(b"\r\n\r\n")
        names = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(names[b"content-length"])
        self._heard = rest
        while len(self._heard) < length:
            self._hear()
        body, self._heard = self._heard[:length], self._heard[length:]
        return int(head.split(b" ")[1]), json.loads(body)

    def ends(self) -> bool:
        """Whether the server hangs up now."""
        return self.socket.recv(1) == b""

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _hear(self) -> None:
        heard = self.socket.recv(65536)
        assert heard, "the server hung up"
        self._heard += heard


def test_a_usual_record_goes_the_short_way_and_is_answered_as_by_the_application(
    server: UsageServer, line: Line, put: list[Any]
) -> None:
    line.send(request_of(an_event(record_id="short")))
    short = line.answer()
    line.send(request_of(an_event(record_id="long"), {"Connection": "close"}))
    other = line.answer()
    assert [record["record_id"] for record in put] == ["short"]
    assert short == (202, other[1] | {"record_id": "short"})
    assert line.ends()
    assert server.stored() == ["first", "long", "short"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request_of(an_event(), {"X-API-Key": "unknown"}), 401),
        (request_of(an_event(), {"X-API-Key": "viewer"}), 403),
        (request_of(an_event(), {"Content-Type": "text/plain"}), 415),
        (request_of(an_event(), path=f"{EVENTS}?x=y"), 422),
        (request_of(b"[]"), 422),
        (request_of(b"{"), 422),
        (request_of(b"\xff"), 422),
        (request_of(an_event(note="x" * 70_000)), 202),
    ],
)
def test_what_is_not_usual_is_the_applications(line: Line, put: list[Any], sent: bytes, status: int) -> None:
    line.send(sent)
    assert line.answer()[0] == status
    assert put == []
    line.send(request_of(an_event(record_id="next")))
    assert (line.answer()[0], len(put)) == (202, 1), "the connection goes on, and so does the short way"


def test_a_record_that_cannot_be_used_is_answered_and_kept_the_short_way_too(
    server: UsageServer, line: Line, put: list[Any]
) -> None:
    line.send(request_of(an_event(quantity=-1)))
    status, told = line.answer()
    assert (status, told["outcome"], told["field"], len(put)) == (202, "rejected", "quantity", 1)
    assert server.rows("SELECT kind FROM usage_issues") == [("rejected",)]


def test_requests_that_are_sent_without_waiting_are_answered_in_their_order(line: Line) -> None:
    records = [an_event(record_id=f"r-{number}", meter="sms", quantity=1) for number in range(5)]
    line.send(b"".join(map(request_of, records)) + request_of(b"{") + request_of(an_event(record_id="last")))
    answers = [line.answer() for _ in range(7)]
    assert [status for status, _ in answers] == [202] * 5 + [422, 202]
    assert [told.get("record_id") for _, told in answers] == [*(f"r-{n}" for n in range(5)), None, "last"]


def test_a_body_in_pieces_is_one_record(line: Line, put: list[Any]) -> None:
    sent = request_of(an_event(record_id="pieces"))
    for begin in range(0, len(sent), 40):
        line.send(sent[begin : begin + 40])
        time.sleep(0.01)
    assert (line.answer()[0], len(put)) == (202, 1)


def test_a_record_whose_sender_is_gone_is_taken_all_the_same_and_the_next_one_too(
    server: UsageServer, line: Line
) -> None:
    with psycopg.connect(server.url.replace("+psycopg", "")) as blocking:
        blocking.execute("LOCK TABLE usage_events IN ACCESS EXCLUSIVE MODE")
        line.send(request_of(an_event(record_id="gone")))
        time.sleep(0.3)
        line.socket.close()
        time.sleep(0.2)
    with Line(server) as other:
        other.send(request_of(an_event(record_id="next")))
        assert other.answer()[0] == 202
    assert server.stored() == ["first", "gone", "next"]


def test_a_fault_is_a_problem_without_a_word_of_itself_and_nothing_is_stored(server: UsageServer, line: Line) -> None:
    server.change("ALTER TABLE usage_events ADD CONSTRAINT no_poison CHECK (record_id <> 'poison')")
    line.send(request_of(an_event(record_id="poison")))
    status, told = line.answer()
    assert (status, told["title"]) == (500, "Fault")
    assert "poison" not in json.dumps(told)
    line.send(request_of(an_event(record_id="good")))
    assert line.answer()[1]["outcome"] == "accepted"
    assert server.stored() == ["first", "good"]


def test_a_server_that_ends_answers_what_it_holds_first(database_url: str, tmp_path: Path) -> None:
    serving = a_usage_server(database_url, tmp_path, UsageProtocol)
    server = serving.__enter__()
    httpx.post(server.address + EVENTS, json=an_event(record_id="first"), headers=SENT, timeout=60)
    line, blocking = Line(server), psycopg.connect(server.url.replace("+psycopg", ""))
    blocking.execute("LOCK TABLE usage_events IN ACCESS EXCLUSIVE MODE")
    line.send(request_of(an_event(record_id="held")))
    time.sleep(0.3)
    with ThreadPoolExecutor(1) as other:
        ending = other.submit(serving.__exit__, None, None, None)
        time.sleep(0.3)
        blocking.close()
        assert line.answer()[1]["outcome"] == "accepted"
        assert line.ends()
        line.socket.close()
        ending.result()
