"""The books of a demonstration that has ended: its database is started alone, checked, and read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import class_row

from billing.persistence.invariants import broken_rules
from billing.persistence.unit_of_work import make_engine
from evenflow.stack.child import Child
from evenflow.stack.directory import DataDirectory
from evenflow.stack.postgres import PostgresServer, prepare_postgres

# What came in is what took an invoice's debt away against cash; what is open is the whole debt on it.
BILLS = """
WITH owed AS (
    SELECT p.account_id, p.invoice_id, sum(p.amount_minor) AS open_minor,
        -coalesce(sum(p.amount_minor) FILTER (WHERE EXISTS (
            SELECT 1 FROM ledger_postings c
            WHERE c.account_id = p.account_id AND c.entry_id = p.entry_id AND c.ledger_account = 'cash'
        )), 0) AS received_minor
    FROM ledger_postings p WHERE p.ledger_account = 'receivable' GROUP BY 1, 2
), used AS (
    SELECT account_id, cycle_number, count(*) AS events, count(*) FILTER (WHERE late) AS late_events
    FROM usage_events GROUP BY 1, 2
)
SELECT a.number, i.cycle_number, i.currency, i.total_minor,
    coalesce(o.received_minor, 0)::bigint AS received_minor, coalesce(o.open_minor, 0)::bigint AS open_minor,
    coalesce(u.events, 0) AS events, coalesce(u.late_events, 0) AS late_events
FROM invoices i JOIN accounts a USING (account_id)
    LEFT JOIN owed o USING (account_id, invoice_id) LEFT JOIN used u USING (account_id, cycle_number)
WHERE i.kind = 'invoice' ORDER BY a.number, i.cycle_number
"""


@dataclass(frozen=True, slots=True)
class Bill:
    """The invoice of one account's cycle, in minor units, and the usage records of that cycle.

    ``late_events`` of the ``events`` came after the invoice and are for the next one.
    """

    number: str
    cycle_number: int
    currency: str
    total_minor: int
    received_minor: int
    open_minor: int
    events: int
    late_events: int


@dataclass(frozen=True, slots=True)
class Books:
    """``broken`` holds one sentence per broken rule; ``bills`` are by account number and cycle."""

    broken: list[str]
    bills: dict[tuple[str, int], Bill]


def read_books(data_dir: Path) -> Books:
    """Check and read. Raises StackError when the database does not start."""
    with _database(data_dir) as server:
        broken = asyncio.run(_broken(server.url()))
        with (
            psycopg.connect(server.plain_url()) as connection,
            connection.cursor(row_factory=class_row(Bill)) as cursor,
        ):
            bills = cursor.execute(BILLS).fetchall()
    return Books(broken, {(bill.number, bill.cycle_number): bill for bill in bills})


@contextmanager
def _database(data_dir: Path) -> Iterator[PostgresServer]:
    directory = DataDirectory(data_dir)
    with directory.locked():
        server = prepare_postgres(directory.path, directory.ports(("postgres",), {})["postgres"], say=lambda _: None)
        child = Child(server.child(), directory.logs / "postgres.log")
        child.start()
        try:
            child.wait_until_ready()
            yield server
        finally:
            child.stop()


async def _broken(url: str) -> list[str]:
    engine = make_engine(url, pool_size=1)
    try:
        return await broken_rules(engine)
    finally:
        await engine.dispose()
