"""Runs what is due: jobs of real time and of business time, one transaction each, resumed from the file after a stop.

A job of the kind ``deliver`` goes over the network and is handled by ``Deliveries``; every other kind is a function
of the transaction, so its effect and its removal are committed together.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from simulator.business_time import segment_as_json
from simulator.deliveries import Deliveries
from simulator.store import Json, Store, Transaction

JobWork = Callable[[Transaction, Json], None]

IDLE_SECONDS = 1.0
BATCH = 50

log = logging.getLogger(__name__)


class Scheduler:
    """The loop behind every asynchronous fact."""

    def __init__(self, store: Store, deliveries: Deliveries, work: Mapping[str, JobWork]) -> None:
        self._store = store
        self._deliveries = deliveries
        self._work = work
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._store.wake.clear()
                wait = await self._start_due_jobs()
                # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the event.
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._store.wake.wait()
        finally:
            for task in list(self._under_way.values()):
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _start_due_jobs(self) -> float:
        under_way = frozenset(self._under_way)
        due, wait = await self._store.run(lambda tx: _due_jobs(tx, under_way))
        for identity, kind, body, attempts in due:
            if kind == "deliver":
                task = asyncio.create_task(self._deliver(identity, body, attempts))
                self._under_way[identity] = task
                task.add_done_callback(partial(self._finished, identity))
            else:
                await self._do(identity, kind, body)
        return 0.0 if len(due) == BATCH else wait

    def _finished(self, identity: int, task: asyncio.Task[None]) -> None:
        self._under_way.pop(identity, None)
        self._store.wake.set()

    async def _do(self, identity: int, kind: str, body: Json) -> None:
        def work(tx: Transaction) -> None:
            tx.execute("DELETE FROM jobs WHERE id = ?", (identity,))
            self._work[kind](tx, body)

        try:
            await self._store.run(work)
        except Exception:
            log.exception("job %s of kind %s failed and is put aside", identity, kind)
            await self._store.run(lambda tx: tx.execute("DELETE FROM jobs WHERE id = ?", (identity,)).close())

    async def _deliver(self, identity: int, body: Json, attempts: int) -> None:
        try:
            await self._deliveries.attempt(identity, body["delivery"], attempts)
        except Exception:
            log.exception("delivery %s could not be attempted", body["delivery"])
            await asyncio.sleep(IDLE_SECONDS)


def _due_jobs(tx: Transaction, under_way: frozenset[int]) -> tuple[list[tuple[int, str, Json, int]], float]:
    real, business = tx.real_now.timestamp(), tx.business_now.timestamp()
    rows = tx.execute(
        "SELECT id, kind, body, attempts FROM jobs WHERE clock = 'real' AND due <= ? "
        "UNION ALL SELECT id, kind, body, attempts FROM jobs WHERE clock = 'business' AND due <= ? "
        "ORDER BY id LIMIT ?",
        (real, business, BATCH + len(under_way)),
    ).fetchall()
    due = [(row[0], row[1], json.loads(row[2]), row[3]) for row in rows if row[0] not in under_way][:BATCH]
    if not tx.business_time.segment.is_normal_time:
        tx.keep("last_seen", real)
        tx.keep("clock", segment_as_json(tx.business_time.segment))
    return due, _seconds_until_next(tx, real, business)


def _seconds_until_next(tx: Transaction, real: float, business: float) -> float:
    next_real = tx.execute("SELECT min(due) FROM jobs WHERE clock = 'real' AND due > ?", (real,)).fetchone()[0]
    next_business = tx.execute(
        "SELECT min(due) FROM jobs WHERE clock = 'business' AND due > ?", (business,)
    ).fetchone()[0]
    waits = [IDLE_SECONDS]
    if next_real is not None:
        waits.append(next_real - real)
    if next_business is not None:
        waits.append((next_business - business) / tx.business_time.segment.rate)
    return max(0.005, min(waits))


def last_seen(tx: Transaction) -> datetime | None:
    """When the loop last ran, in real time."""
    seen = tx.setting("last_seen")
    return None if seen is None else datetime.fromtimestamp(seen, UTC)
