"""Usage in a database that is full and busy: files with many rows stored, and balances read while a file is imported.

Files are measured as in ``usage_import``, beside COPY in the same round, first with nothing stored and then with
millions of rows on the same days. Balances are read over HTTP, one after the other with a pause, as a page does.
"""

from __future__ import annotations

import asyncio
import http.client
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import psycopg

from benchmarks import usage_import
from benchmarks.figures import Figure, percentile
from benchmarks.options import Options
from benchmarks.usage_door_server import DATABASE, KEY, serving
from benchmarks.usage_world import DAY, database, seed
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from evenflow.stack.ports import LOOPBACK
from evenflow.stack.postgres import PostgresServer

AT_ONCE, DAYS, FILLERS = 500_000, 5, 2
# A stored row with its place in the index and in the log, and what accounts, files and rounds need beside them.
BYTES_PER_ROW, OTHER_BYTES = 900, 8 * 10**9
ACCOUNTS = usage_import.ACCOUNTS
READS, PAUSE_SECONDS = 500, 0.02
RAW = usage_import.RAW
EMPTY, FULL = "file, one process, nothing stored before", "file, one process, {rows:,} rows stored"
BALANCE = "balance while a file is imported"
# Rows as they are stored, drawn evenly from accounts and from the days up to that of the files.
_FILL = """
INSERT INTO usage_events (started_at, key_hash, account_id, part, service_id, cycle_number, late, source, record_id,
       identifier, meter, quantity, destination, visited, traffic_class, amount, attributes, plan_code, plan_version,
       price_code, band, events, billable_quantity, counted_amount, received_at, file_id)
SELECT timestamptz '2027-02-01 00:00+00' - make_interval(days => (n % {days})::int)
       + make_interval(secs => (n * 7919) % 86400), md5('stored-' || n)::uuid, n * 104729 % {accounts} + 1, 0,
       n * 104729 % {accounts} + 1, 1, false, 'csv', 'stored-' || n, '+316' || lpad((n * 104729 % {accounts} + 1)::text,
       8, '0'), 'voice', 60, '+31201234567', '', '', NULL, '{{}}', 'bench', 1, 'voice', '', 1, 60, 0,
       timestamptz '2027-02-02 00:00+00', NULL
FROM generate_series({first}::bigint, {last}::bigint) n
"""


@dataclass
class _Found:
    rates: usage_import.Rates = field(default_factory=usage_import.Rates)
    raw: dict[str, list[float]] = field(default_factory=dict)
    reads: dict[int, list[float]] = field(default_factory=lambda: {50: [], 99: []})


def measure(options: Options) -> list[Figure]:
    """Nothing stored, balances beside an import, then all of it stored."""
    found, full = _Found(), FULL.format(rows=options.stored)
    with database() as server, ProcessPoolExecutor(1, get_context("spawn")) as worker:
        _check_room(server.cluster.parent, options.stored)
        options.say(f"seeding {ACCOUNTS:,} accounts")
        seed(server.plain_url(), ACCOUNTS)
        asyncio.run(_make_days(server.url()))
        spool = server.cluster.parent / "spool"
        usage_import.warm_up(server, worker, spool, found.rates)
        _files(server, spool, found, EMPTY, options)
        _balances(server, worker, spool, found, options)
        _fill(server.plain_url(), options)
        # Nothing was timed before its like had run once, with nothing stored; the same holds here.
        usage_import.import_here(server, spool, usage_import.new_file(server, spool, found.rates))
        _files(server, spool, found, full, options)
    return [*_rates(found, full), *_reads(found)]


def _check_room(directory: Path, rows: int) -> None:
    """Better refused at once than with a full disk. Raises RuntimeError."""
    needed, free = rows * BYTES_PER_ROW + OTHER_BYTES, shutil.disk_usage(directory).free
    if free < needed:
        raise RuntimeError(
            f"{rows:,} rows need {needed / 1e9:.0f} GB below {directory}, where {free / 1e9:.0f} GB are free. "
            "Ask for fewer with --stored, or set TMPDIR to a larger disk."
        )


async def _make_days(url: str) -> None:
    """The days' partitions, as upkeep makes them ahead."""
    engine = make_engine(url)
    async with SqlUnitOfWork(engine) as work:
        await work.usage.ensure_days([(DAY - timedelta(days=ago)).date() for ago in range(DAYS)])
        await work.commit()
    await engine.dispose()


def _files(server: PostgresServer, spool: Path, found: _Found, what: str, options: Options) -> None:
    for number in range(options.rounds):
        options.say(f"{what}, round {number + 1}")
        found.raw.setdefault(what, []).append(usage_import.RECORDS / usage_import.raw_seconds(server.plain_url()))
        acknowledged, _ = usage_import.import_here(server, spool, usage_import.new_file(server, spool, found.rates))
        found.rates.note(what, usage_import.RECORDS, acknowledged)


def _fill(url: str, options: Options) -> None:
    """Parts of the rows by several connections at once, in no order of time, as files of many switches come."""

    def store(first: int) -> None:
        options.say(f"storing rows, from {first - 1:,} of {options.stored:,}")
        last = min(first + AT_ONCE - 1, options.stored)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_FILL.format(days=DAYS, accounts=ACCOUNTS, first=first, last=last).encode())

    began = time.perf_counter()
    with ThreadPoolExecutor(FILLERS) as fillers:
        list(fillers.map(store, range(1, options.stored + 1, AT_ONCE)))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE usage_events")
        connection.execute("CHECKPOINT")
    options.say(f"stored {options.stored:,} rows in {time.perf_counter() - began:.0f} s")


def _balances(
    server: PostgresServer, worker: ProcessPoolExecutor, spool: Path, found: _Found, options: Options
) -> None:
    with serving("doors", server.cluster.parent, {DATABASE: server.url()}) as port:
        for number in range(options.rounds):
            options.say(f"{BALANCE}, round {number + 1}")
            file_id = usage_import.new_file(server, spool, found.rates)
            importing = worker.submit(usage_import.import_file, server.url(), spool, file_id)
            taken = list(_read_while(port, importing))
            importing.result()
            for percent, values in found.reads.items():
                values.append(percentile(taken, percent))


def _read_while(port: int, importing: Future[None]) -> Iterator[float]:
    """Milliseconds of reads until the import has ended, which begins with its process: half a second is not counted."""
    connection = http.client.HTTPConnection(LOOPBACK, port)
    begins = time.perf_counter() + 0.5
    for number in range(READS * 10):
        began = time.perf_counter()
        connection.request(
            "GET", f"/v1/accounts/acc_{number * 7919 % ACCOUNTS + 1}/balance", headers={"X-API-Key": KEY}
        )
        answer = connection.getresponse()
        body = answer.read()
        taken = (time.perf_counter() - began) * 1000
        if answer.status != 200 or b'"charges"' not in body:
            raise RuntimeError(f"A balance was answered {answer.status}: {body[:300]!r}")
        if importing.done():
            break
        if began >= begins:
            yield taken
        time.sleep(PAUSE_SECONDS)
    connection.close()


def _rates(found: _Found, full: str) -> list[Figure]:
    figures = []
    for what in (EMPTY, full):
        values, bare = found.rates.found[what], found.raw[what]
        ratios = tuple(value / raw for value, raw in zip(values, bare, strict=True))
        figures += [Figure(f"{RAW}, then", "events/s", tuple(bare)), Figure(what, "events/s", tuple(values), ratios)]
    return figures


def _reads(found: _Found) -> list[Figure]:
    return [Figure(f"{BALANCE}, p{percent}", "ms", tuple(values)) for percent, values in found.reads.items()]
