"""What the collections work list costs with 100,000 accounts of which 10,000 owe: pages, filters, totals, a preview.

The database is filled by statements, not by billing; nine of ten accounts have paid everything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.books import ACCOUNTS, CYCLES, IN_MILLISECONDS, fill_books
from benchmarks.figures import Figure
from benchmarks.options import Options
from benchmarks.usage_world import database
from billing.domain.dunning_ladder import STANDARD
from billing.domain.work_list import Sort, WorkFilter
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.persistence.work_list import SqlWorkList
from billing.ports.dunning import PolicyVersion

NOW = datetime(2026, 8, 10, 12, 0, tzinfo=UTC)
OWING = """
DELETE FROM ledger_postings p WHERE account_id % 10 = 0 AND entry_id % 2 = 1 AND entry_id / 2 > account_id * {cycles} +
{cycles} - 2;
INSERT INTO open_invoices SELECT p.account_id, p.invoice_id, min(p.currency), sum(p.amount_minor), min(i.due_on) FROM
ledger_postings p JOIN invoices i USING (account_id, invoice_id) WHERE p.ledger_account = 'receivable' GROUP BY 1, 2
HAVING sum(p.amount_minor) <> 0;
INSERT INTO open_invoices SELECT account_id, 10000000 + account_id, 'EUR', 3630, '2026-08-20' FROM accounts WHERE
account_id % 10 <> 0;
UPDATE payment_attempts SET status = 'failed', category = 'funds', code = 'AM04' WHERE account_id % 10 = 0 AND
created_at > '2026-06-15';
INSERT INTO payment_methods (account_id, kind, provider, provider_customer, provider_method, label, last_four, status,
is_default, created_at) SELECT account_id, 'card', 'stripe', '', 'pm_' || account_id, 'visa', '4242', 'usable', true,
'2026-01-01' FROM accounts;
INSERT INTO services (account_id, kind, identifier, plan_code, plan_version, active_from, barring_level) SELECT
account_id, 'mobile', '+31' || account_id, 'bench', 1, '2026-01-01', CASE WHEN account_id % 50 = 0 THEN 'outgoing'
ELSE 'none' END FROM accounts;
INSERT INTO dunning_cases (account_id, policy_code, policy_version, opened_at, invoice_ids, steps_done, failures, stage,
last_failure_category, next_action_at) SELECT account_id, 'default', 1, '2026-07-20', '[]', CASE WHEN account_id % 20 =
0 THEN '["failed_notice@0", "retry@3", "reminder@3"]'::jsonb ELSE '["failed_notice@0"]'::jsonb END, '[]', 'reminder@3',
'funds', timestamptz '2026-08-10 00:00+00' + account_id % 480 * interval '1 hour' FROM accounts WHERE account_id % 10 =
0;
UPDATE accounts SET segment = CASE WHEN account_id % 70 = 0 THEN 'business' ELSE 'standard' END WHERE account_id % 10 =
0;
INSERT INTO promises (account_id, command_id, until, amount_minor, made_at, author, pay_by) SELECT account_id, 'p',
timestamptz '2026-08-10 22:00+00', 0, '2026-08-01', 'clerk', '2026-08-10' FROM accounts WHERE account_id % 90 = 0;
UPDATE brands SET currency = 'EUR';
ANALYZE;
"""
FILTERS = {
    "everything": WorkFilter(),
    "segment and days": WorkFilter(segment="business", least_days=30),
    "last failure": WorkFilter(failure="funds", code="AM04"),
    "method": WorkFilter(method="card"),
    "nothing in force": WorkFilter(arrangement="nothing"),
    "barred": WorkFilter(barred="yes"),
    "next step": WorkFilter(next_step="warn@10"),
    "name": WorkFilter(text="Customer 9999"),
}
Measured = dict[str, list[float]]


def measure(options: Options) -> list[Figure]:
    """Fill the database once, then ask in every round."""
    with database() as server:
        times = asyncio.run(_measure(server.url(), options))
    return [Figure(what, "ms", tuple(values)) for what, values in times.items()]


async def _measure(url: str, options: Options) -> Measured:
    engine = make_engine(url)
    times: Measured = {}
    try:
        options.say(f"work list: filling {ACCOUNTS:,} accounts")
        await fill_books(engine)
        await _let_some_owe(engine)
        for number in range(options.rounds):
            options.say(f"work list, round {number + 1}")
            await _round(SqlWorkList(engine), times)
    finally:
        await engine.dispose()
    return times


async def _let_some_owe(engine: AsyncEngine) -> None:
    async with SqlUnitOfWork(engine) as work:
        definition = {**STANDARD.to_dict(), "code": "default"}
        await work.dunning.add_policy(PolicyVersion("default", 1, definition, NOW))
        await work.commit()
    async with engine.connect() as connection:
        for statement in OWING.replace("{cycles}", str(CYCLES)).split(";"):
            if statement.strip():
                await connection.execute(text(statement))
        await connection.commit()


async def _round(work_list: SqlWorkList, times: Measured) -> None:
    for name, wanted in FILTERS.items():
        await _timed(times, f"page of 50: {name}", lambda w=wanted: work_list.page(w, NOW, Sort.LARGEST, "", 50))
        await _timed(times, f"totals: {name}", lambda w=wanted: work_list.totals(w, NOW))
    for sort in (Sort.OLDEST, Sort.NEXT, Sort.NUMBER):
        await _timed(times, f"page of 50 by {sort}", lambda s=sort: work_list.page(WorkFilter(), NOW, s, "", 50))
    await _timed(times, "what today brings", lambda: work_list.day_numbers(NOW))
    await _timed(times, "what can be chosen", work_list.choices)
    await _timed(times, "the whole list", lambda: _everything(work_list))


async def _everything(work_list: SqlWorkList) -> None:
    number = 0
    async for _ in work_list.everything(WorkFilter(), NOW):
        number += 1
    assert number == ACCOUNTS // 10, number


async def _timed(times: Measured, what: str, ask: Callable[[], Awaitable[object]]) -> None:
    began = time.monotonic()
    await ask()
    times.setdefault(what, []).append((time.monotonic() - began) * IN_MILLISECONDS)
