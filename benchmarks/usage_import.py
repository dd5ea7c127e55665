"""How fast usage files become counted events, beside a plain COPY of the same rows into a table without any index.

End to end: decode, check, guide, rate, deduplicate, store, count; exact, durable (fsync on), batches of 10,000,
accounts drawn evenly from all there are. A ratio within one round moves far less between machines than a rate.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import psycopg

from benchmarks.figures import Figure
from benchmarks.options import Options
from benchmarks.usage_world import database, register, seed, service_over, spoiled, write_file
from evenflow.collector import calm_collector
from evenflow.stack.postgres import PostgresServer

ACCOUNTS = 3_000_000
RECORDS = 200_000
BATCH = 10_000
RAW, ONE, TWO, COUNTED, SPOILED = (
    "COPY into a table without index",
    "file, one process, acknowledged",
    "files, two processes, acknowledged",
    "file, one process, until added up",
    "file, 5 % damaged, 5 % repeated, 2 % unknown",
)


@dataclass
class Rates:
    """Events per second, one figure per round, and the number of the next file."""

    found: dict[str, list[float]] = field(default_factory=dict)
    files: int = 0

    def note(self, what: str, records: int, seconds: float) -> None:
        self.found.setdefault(what, []).append(records / seconds)


def measure(options: Options) -> list[Figure]:
    """Raw COPY, one process, two processes, and spoiled input, in turn, round by round."""
    rates = Rates()
    with database() as server, ProcessPoolExecutor(2, get_context("spawn")) as workers:
        options.say(f"seeding {ACCOUNTS:,} accounts")
        seed(server.plain_url(), ACCOUNTS)
        spool = server.cluster.parent / "spool"
        warm_up(server, workers, spool, rates)
        for number in range(options.rounds):
            options.say(f"usage files, round {number + 1}")
            _round(server, workers, spool, rates)
    raw = rates.found[RAW]
    return [
        Figure(what, "events/s", tuple(values), tuple(value / bare for value, bare in zip(values, raw, strict=True)))
        for what, values in rates.found.items()
    ]


def warm_up(server: PostgresServer, workers: ProcessPoolExecutor, spool: Path, rates: Rates) -> None:
    """Plans, partitions, connections and imports are there before anything is timed."""
    files = [new_file(server, spool, rates, records=BATCH) for _ in range(4)]
    list(workers.map(import_file, [server.url()] * 4, [spool] * 4, files))
    with psycopg.connect(server.plain_url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE raw (LIKE usage_events)")


def _round(server: PostgresServer, workers: ProcessPoolExecutor, spool: Path, rates: Rates) -> None:
    rates.note(RAW, RECORDS, raw_seconds(server.plain_url()))
    acknowledged, counted = import_here(server, spool, new_file(server, spool, rates))
    rates.note(ONE, RECORDS, acknowledged)
    rates.note(COUNTED, RECORDS, counted)
    files = [new_file(server, spool, rates) for _ in range(2)]
    seconds = _timed(lambda: list(workers.map(import_file, [server.url()] * 2, [spool] * 2, files)))
    rates.note(TWO, 2 * RECORDS, seconds)
    asyncio.run(_count(server.url(), spool))
    acknowledged, _ = import_here(server, spool, new_file(server, spool, rates, change=spoiled))
    rates.note(SPOILED, RECORDS, acknowledged)


def raw_seconds(url: str) -> float:
    """COPY of stored events as they are, by batches, each its own transaction."""
    with psycopg.connect(url) as connection:
        with connection.cursor().copy(f"COPY (SELECT * FROM usage_events LIMIT {BATCH}) TO STDOUT") as stored:
            rows = b"".join(bytes(part) for part in stored)
        connection.execute("TRUNCATE raw")
        connection.commit()

        def fill() -> None:
            for _ in range(RECORDS // BATCH):
                with connection.cursor().copy("COPY raw FROM STDIN") as target:
                    target.write(rows)
                connection.commit()

        return _timed(fill)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def new_file(
    server: PostgresServer,
    spool: Path,
    rates: Rates,
    records: int = RECORDS,
    change: Callable[[Path], Path] = lambda path: path,
) -> str:
    """A new registered file; answers its identity."""
    rates.files += 1
    path = change(write_file(spool.parent / f"usage-{rates.files}.csv", ACCOUNTS, records, 10 * rates.files))

    async def hand_in() -> str:
        async with service_over(server.url(), spool) as (service, _):
            return await register(service, path)

    return asyncio.run(hand_in())


def import_here(server: PostgresServer, spool: Path, file_id: str) -> tuple[float, float]:
    """Seconds until all is acknowledged, and until all is added up."""
    return asyncio.run(_import_and_count(server.url(), spool, file_id))


async def _import_and_count(url: str, spool: Path, file_id: str) -> tuple[float, float]:
    calm_collector()
    async with service_over(url, spool) as (service, _):
        began = time.perf_counter()
        await service.files.import_file(file_id)
        acknowledged = time.perf_counter() - began
        await service.counting.count_all()
        return acknowledged, time.perf_counter() - began


def import_file(url: str, spool: Path, file_id: str) -> None:
    """One file in a process of its own, to the acknowledgement of its last record."""
    asyncio.run(_import_only(url, spool, file_id))


async def _import_only(url: str, spool: Path, file_id: str) -> None:
    calm_collector()
    async with service_over(url, spool) as (service, _):
        await service.files.import_file(file_id)


async def _count(url: str, spool: Path) -> None:
    async with service_over(url, spool) as (service, _):
        await service.counting.count_all()
