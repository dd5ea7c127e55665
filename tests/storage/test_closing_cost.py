"""Closing a cycle costs the same whatever was used in it: an invoice is a function of counters, never of events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from billing.adapters.usage_formats import standard_formats
from billing.services.usage import UsageService
from tests.builders_invoicing import Office, an_office
from tests.builders_usage import RecordingProcess

FEW, MANY, BATCH = 100, 100_000, 10_000
# What is read of a table by whatever way, as the server itself counts it.
READ = text(
    "SELECT relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables "
    "WHERE schemaname = 'public' AND (relname LIKE 'usage_events%' OR relname IN ('usage_counters', 'usage_pending'))"
)


@dataclass
class Asked:
    """The statements that were sent, without their values, and how many rows each answered or changed."""

    statements: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


@contextmanager
def watched(office: Office) -> Iterator[Asked]:
    """Everything the engine is asked meanwhile."""
    asked = Asked()

    def note(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        asked.statements.append(statement)
        asked.rows.append(cursor.rowcount)

    event.listen(office.engine.sync_engine, "after_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(office.engine.sync_engine, "after_cursor_execute", note)


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


def calls(number: str, opens_at: datetime, first: int, count: int) -> list[dict[str, object]]:
    """Calls of a minute, one every second."""
    return [
        {
            "source": "switch",
            "record_id": f"{number}-{place}",
            "identifier": f"+3161{number[1:]:0>7}",
            "meter": "voice_seconds",
            "quantity": 60,
            "started_at": (opens_at + timedelta(hours=1, seconds=place)).isoformat(),
            "destination": "+31201234567",
        }
        for place in range(first, first + count)
    ]


async def rows_read(office: Office) -> dict[str, int]:
    """Rows the server has read so far, by table; the partitions of events together."""
    async with office.work() as work:
        await work.connection.execute(text("SELECT pg_stat_force_next_flush()"))
        await work.commit()
        found = (await work.connection.execute(READ)).all()
    read: dict[str, int] = {}
    for name, rows in found:
        table = "usage_events" if name.startswith("usage_events") else name
        read[table] = read.get(table, 0) + int(rows)
    return read


async def closed(office: Office, spool: Path, number: str, events: int) -> tuple[Asked, dict[str, int], int]:
    """Take the events of a new account and issue its cycle: what was asked, what was read, and the billed events."""
    account, _ = await office.open_account(number=number)
    usage = UsageService(office.work, office.clock, RecordingProcess(), standard_formats(), spool)
    plan = await office.plan_of(account.account_id)
    office.clock.at = plan.closes_at - timedelta(hours=1)
    for first in range(0, events, BATCH):
        await usage.take(calls(number, plan.opens_at, first, min(BATCH, events - first)))
    await usage.counting.count_all()
    before = await rows_read(office)
    with watched(office) as asked:
        await office.issue(account.account_id)
    after = await rows_read(office)
    async with office.work() as work:
        [invoice] = await work.invoices.of_account(account.account_id)
        lines = await work.invoices.lines(account.account_id, invoice.invoice_id)
    return asked, {name: after[name] - before[name] for name in after}, sum(line.events for line in lines)


async def test_a_hundred_thousand_events_are_billed_by_the_statements_and_rows_of_a_hundred(
    office: Office, tmp_path: Path
) -> None:
    await closed(office, tmp_path, "A100000", 1)  # plans are read once per process
    few, few_read, few_billed = await closed(office, tmp_path, "A100001", FEW)
    many, many_read, many_billed = await closed(office, tmp_path, "A100002", MANY)
    assert (few_billed, many_billed) == (FEW, MANY)
    assert many.statements == few.statements
    assert many.rows == few.rows
    assert len(few.statements) < 60
    assert many_read["usage_events"] == few_read["usage_events"] == 0
    assert many_read["usage_counters"] <= few_read["usage_counters"] + 2  # the scan of a tiny table sees both accounts
