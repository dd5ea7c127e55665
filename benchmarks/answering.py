"""How fast the API answers: a live balance and one usage event, beside the bare endpoint of the same server.

The bare endpoint (``/health/live``) does nothing, so it costs what server, framework and client cost on this machine;
a time divided by it says what our own work costs, on any machine.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import psycopg

from benchmarks.administrator import Administrator, line_of
from benchmarks.figures import Figure, percentile
from benchmarks.load import Load, request_of, send
from benchmarks.options import Options
from benchmarks.places import data_directory
from benchmarks.stack import with_stack
from evenflow.stack.running import RunningStack

ACCOUNTS = 25
CONNECTIONS = (1, 8)
PERCENTILES = (50, 95, 99)
WARM_UP = 50
BARE, BALANCE, EVENT = "GET /health/live", "GET /v1/accounts/{id}/balance", "POST /v1/usage/events"
USES: tuple[Mapping[str, Any], ...] = (
    {"meter": "voice", "quantity": 75, "destination": "+31201234567"},
    {"meter": "sms", "quantity": 1, "destination": "+31612345678"},
    {"meter": "data", "quantity": 7_340_032},
    {"meter": "voice", "quantity": 130, "destination": "+3222345678"},
)
# Per endpoint and number of connections: the percentiles of each round.
Times = dict[tuple[str, int], list[list[float]]]


@dataclass
class Door:
    """An endpoint: how its next request is made, and what an answer has to look like."""

    name: str
    next_request: Callable[[], bytes]
    status: bytes = b"200"
    mark: bytes = b""


@dataclass
class Doors:
    """The endpoints of one stack. ``sent`` counts the usage events, of which each has to be stored."""

    account_ids: list[str]
    key: str
    sent: int = 0
    places: itertools.count[int] = field(default_factory=itertools.count)

    def all(self) -> tuple[Door, ...]:
        """The bare one first: the others are divided by it."""
        return (
            Door(BARE, lambda: request_of("GET", "/health/live", {})),
            Door(BALANCE, self._balance, mark=b'"charges"'),
            Door(EVENT, self._event, b"202", b'"accepted"'),
        )

    def _balance(self) -> bytes:
        account_id = self.account_ids[next(self.places) % len(self.account_ids)]
        return request_of("GET", f"/v1/accounts/{account_id}/balance", {"X-API-Key": self.key})

    def _event(self) -> bytes:
        self.sent += 1
        event = {
            "source": "benchmark",
            "record_id": f"event-{self.sent}",
            "identifier": line_of(self.sent % len(self.account_ids)),
            "started_at": datetime.now(UTC).isoformat(),
            **USES[self.sent // len(self.account_ids) % len(USES)],
        }
        return request_of("POST", "/v1/usage/events", {"X-API-Key": self.key}, json.dumps(event).encode())


def measure(options: Options) -> list[Figure]:
    """The percentiles of every endpoint at every number of connections."""
    with data_directory() as data_dir:
        times = with_stack(options, data_dir, lambda stack: asyncio.to_thread(_measure, stack, options))
    return [
        figure
        for connections in CONNECTIONS
        for name in (BARE, BALANCE, EVENT)
        for figure in _figures(times, name, connections)
    ]


def _measure(stack: RunningStack, options: Options) -> Times:
    administrator = Administrator(stack.environment)
    administrator.load_catalogue()
    activated_at = datetime.now(UTC) - timedelta(days=3)
    doors = Doors([administrator.open_account(place, activated_at) for place in range(ACCOUNTS)], administrator.key)
    administrator.wait_for_process(doors.account_ids[-1])
    times: Times = {(door.name, connections): [] for door in doors.all() for connections in CONNECTIONS}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as client:
        for number in range(options.rounds):
            options.say(f"answering: round {number + 1} of {options.rounds}")
            for connections, door in itertools.product(CONNECTIONS, doors.all()):
                load = _load(stack, door, connections, options.requests)
                taken = client.submit(send, load).result()
                times[door.name, connections].append([percentile(taken, percent) for percent in PERCENTILES])
    _check_stored(stack, doors.sent)
    return times


def _load(stack: RunningStack, door: Door, connections: int, requests: int) -> Load:
    made = [door.next_request() for _ in range(requests + WARM_UP)]
    return Load(stack.ports["api"], connections, made, door.status, door.mark, WARM_UP)


def _check_stored(stack: RunningStack, sent: int) -> None:
    """A fast door that keeps nothing would be the fastest: every event has to be there."""
    with psycopg.connect(stack.postgres.plain_url()) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM usage_events").fetchone() or (0,)
    if stored != sent:
        raise RuntimeError(f"{sent} usage events were acknowledged, and {stored} are stored.")


def _figures(times: Times, name: str, connections: int) -> list[Figure]:
    """One figure per percentile; each round is divided by the bare endpoint's in the same round."""
    return [
        Figure(
            f"{name}, {connections} at once, p{percent}",
            "ms",
            tuple(taken[place] for taken in times[name, connections]),
            tuple(
                taken[place] / bare[place]
                for taken, bare in zip(times[name, connections], times[BARE, connections], strict=True)
                if name != BARE
            ),
        )
        for place, percent in enumerate(PERCENTILES)
    ]
