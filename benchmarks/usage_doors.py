"""How fast the doors of usage are: one record per request beside a bare server, batches and streams beside COPY.

The bare server is the same uvicorn, loop and parser with an application that reads the body and keeps nothing. The
database is durable (fsync on); after each measurement the stored rows are counted, for an answer alone proves nothing.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context

import httpx
import psycopg

from benchmarks.fast_load import Sent, send_fast
from benchmarks.figures import Figure, percentile
from benchmarks.load import Load, request_of
from benchmarks.options import Options
from benchmarks.usage_door_server import DATABASE, KEY, serving
from benchmarks.usage_world import DAY, database, seed
from evenflow.stack.ports import LOOPBACK
from evenflow.stack.postgres import PostgresServer

ACCOUNTS = 100_000
CONNECTIONS = 32
SINGLES = 30_000
WARM_UP = 2_000
BATCH, BATCHES, STREAMED = 1_000, 30, 50_000
BARE, DOOR = "one record per POST, bare server", "one record per POST, stored"
BARE_P99, DOOR_P99 = f"{BARE}, p99", f"{DOOR}, p99"
RAW, BATCHED, STREAM = (
    "COPY into a table without index",
    f"batches of {BATCH:,}, two connections",
    "NDJSON stream, one connection",
)
# What each figure is divided by: the bare server, or COPY.
BESIDE = {DOOR: BARE, DOOR_P99: BARE_P99, BATCHED: RAW, STREAM: RAW}
HEADERS = {"X-API-Key": KEY}


@dataclass
class Doors:
    """The doors of one database. ``sent`` counts the records, of which each has to be stored."""

    port: int
    bare_port: int
    server: PostgresServer
    client: ProcessPoolExecutor
    sent: int = 0
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def record(self) -> dict[str, object]:
        """A call of an account, drawn evenly from all."""
        number = next(self.numbers)
        self.sent += 1
        return {
            "source": "benchmark",
            "record_id": f"r-{number}",
            "identifier": f"+316{number * 7919 % ACCOUNTS + 1:08}",
            "meter": "voice",
            "quantity": number % 600 + 1,
            "started_at": (DAY + timedelta(seconds=number * 31 % 86_400)).isoformat(),
            "destination": f"+31{number * 104_729 % 10**9:09}",
        }

    def send(self, port: int, requests: list[bytes], connections: int, warm_up: int, mark: bytes) -> Sent:
        """From a process of its own."""
        return self.client.submit(send_fast, Load(port, connections, requests, b"202", mark, warm_up)).result()


def measure(options: Options) -> list[Figure]:
    """Rates and p99 in turn, round by round, each beside its own measure."""
    found: dict[str, list[float]] = {}
    with _doors(options) as doors:
        for number in range(options.rounds):
            options.say(f"usage doors, round {number + 1}")
            for what, value in _round(doors).items():
                found.setdefault(what, []).append(value)
            _check_stored(doors)
    return [_figure(what, values, found) for what, values in found.items()]


def _figure(what: str, values: list[float], found: dict[str, list[float]]) -> Figure:
    unit = "ms" if what.endswith("p99") else "requests/s" if "POST" in what else "records/s"
    beside = found.get(BESIDE.get(what, ""), [])
    return Figure(what, unit, tuple(values), tuple(value / bare for value, bare in zip(values, beside, strict=False)))


@contextmanager
def _doors(options: Options) -> Iterator[Doors]:
    with database() as server, ProcessPoolExecutor(1, get_context("spawn")) as client:
        options.say(f"seeding {ACCOUNTS:,} accounts")
        seed(server.plain_url(), ACCOUNTS)
        directory = server.cluster.parent
        with (
            serving("doors", directory, {DATABASE: server.url()}) as port,
            serving("bare", directory, {}) as bare_port,
        ):
            doors = Doors(port, bare_port, server, client)
            _singles(doors, port, WARM_UP + CONNECTIONS)
            _prepare_raw(server.plain_url())
            yield doors


def _round(doors: Doors) -> dict[str, float]:
    before, sent = doors.sent, _singles(doors, doors.bare_port, SINGLES)
    doors.sent = before  # those were not to be stored
    stored = _singles(doors, doors.port, SINGLES)
    return {
        BARE: len(sent.milliseconds) / sent.seconds,
        DOOR: len(stored.milliseconds) / stored.seconds,
        BARE_P99: percentile(sent.milliseconds, 99),
        DOOR_P99: percentile(stored.milliseconds, 99),
        RAW: _raw(doors.server.plain_url()),
        BATCHED: _batches(doors),
        STREAM: _stream(doors),
    }


def _singles(doors: Doors, port: int, count: int) -> Sent:
    requests = [_request("/v1/usage/events", doors.record()) for _ in range(count + WARM_UP)]
    return doors.send(port, requests, CONNECTIONS, WARM_UP, b'"accepted"')


def _request(path: str, body: object) -> bytes:
    return request_of("POST", path, HEADERS, json.dumps(body).encode())


def _batches(doors: Doors) -> float:
    requests = [_request("/v1/usage/events/batch", [doors.record() for _ in range(BATCH)]) for _ in range(BATCHES + 2)]
    sent = doors.send(doors.port, requests, 2, 2, b'"counts":{"accepted":%d}' % BATCH)
    return BATCH * BATCHES / sent.seconds


def _stream(doors: Doors) -> float:
    lines = [json.dumps(doors.record()).encode() + b"\n" for _ in range(STREAMED)]
    chunks = [b"".join(lines[start : start + 200]) for start in range(0, STREAMED, 200)]
    headers = HEADERS | {"content-type": "application/x-ndjson"}
    began = time.perf_counter()
    answer = httpx.post(
        f"http://{LOOPBACK}:{doors.port}/v1/usage/stream", content=iter(chunks), headers=headers, timeout=600
    )
    seconds = time.perf_counter() - began
    last = json.loads(answer.text.splitlines()[-1])
    if last["counts"] != {"accepted": STREAMED}:
        raise RuntimeError(f"The stream was answered {last}.")
    return STREAMED / seconds


def _prepare_raw(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE raw_of_doors (LIKE usage_events)")


def _raw(url: str) -> float:
    """COPY of stored rows as they are, by 10,000, each in its own transaction."""
    with psycopg.connect(url) as connection:
        with connection.cursor().copy("COPY (SELECT * FROM usage_events LIMIT 10000) TO STDOUT") as stored:
            rows = b"".join(bytes(part) for part in stored)
        connection.execute("TRUNCATE raw_of_doors")
        connection.commit()
        began = time.perf_counter()
        for _ in range(20):
            with connection.cursor().copy("COPY raw_of_doors FROM STDIN") as target:
                target.write(rows)
            connection.commit()
        return 20 * rows.count(b"\n") / (time.perf_counter() - began)


def _check_stored(doors: Doors) -> None:
    """A fast door that keeps nothing would be the fastest: every record is stored, and counted once."""
    counted = "SELECT sum(events) FROM (SELECT events FROM usage_counters UNION ALL SELECT events FROM usage_pending) c"
    with psycopg.connect(doors.server.plain_url()) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM usage_events").fetchone() or (0,)
        (events,) = connection.execute(counted.encode()).fetchone() or (0,)
    if stored != doors.sent or events != doors.sent + ACCOUNTS:
        raise RuntimeError(f"{doors.sent} records were acknowledged, {stored} are stored, {events - ACCOUNTS} counted.")
