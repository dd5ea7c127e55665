"""What checking the books costs: 100,000 accounts with half a year of invoices, each rule as a whole and for one slice.

A slice is what one round of the scheduled checks looks at. The database is filled by statements, not by billing.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.figures import Figure
from benchmarks.options import Options
from benchmarks.usage_world import database
from billing.domain import identity
from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.persistence.book_checks import SqlBookChecks
from billing.persistence.troubles import SqlTroubles
from billing.persistence.unit_of_work import make_engine
from billing.ports.invariants import Slice
from billing.services.case_sweep import looks_of
from billing.services.invariant_checks import SLICE

ACCOUNTS, CYCLES, LINES = 100_000, 6, 3
IN_MILLISECONDS = 1000
FILL = """
SET session_replication_role = replica;
INSERT INTO brands VALUES ('bench', 'Bench', 'EUR', 'UTC', 'NL', 'en_GB', '', '', '', 0, '{}', '{}', '{}',
'default', now());
INSERT INTO accounts (account_id, brand, number, status, customer_kind, customer_name, postal_address, country,
locale, zone, cycle_day, notice_channels, discounts, activated_at) SELECT n, 'bench', 'B' || n, 'active',
'consumer', 'Customer ' || n, '{}', 'NL', 'en_GB', 'UTC', 1 + n % 28, '{}', '[]', '2026-01-01' FROM
generate_series(1, {accounts}) n;
INSERT INTO cycles (account_id, cycle_number, cycle_day, opens_at, closes_at, debit_on, plan, status,
invoice_id) SELECT account_id, c, 1, timestamptz '2026-01-01 00:00+00' + (c - 1) * interval '1 month',
timestamptz '2026-01-01 00:00+00' + c * interval '1 month', '2026-03-01', '{}', CASE WHEN c > {cycles} THEN 'open'
ELSE 'issued' END, CASE WHEN c > {cycles} THEN NULL ELSE account_id * {cycles} + c END FROM accounts,
generate_series(1, {cycles} + 1) c;
INSERT INTO invoices (account_id, invoice_id, kind, cycle_number, brand, number, invoice_date, due_on,
period_from, period_to, issued_at, currency, net_minor, vat_minor, total_minor, method_kind, to_collect_minor,
collect_invoice_ids, explanation, author, customer) OVERRIDING SYSTEM VALUE SELECT account_id, invoice_id,
'invoice', cycle_number, 'bench', 'B-' || invoice_id, closes_at::date, closes_at::date + 15, opens_at::date,
closes_at::date, closes_at + interval '1 day', 'EUR', 3000, 630, 3630, 'card', 3630, '[]', '', 'evenflow', '{}'
FROM cycles WHERE invoice_id IS NOT NULL;
INSERT INTO invoice_lines (account_id, invoice_id, position, section, kind, price_code, band, description,
tax_code, events, quantity, allowance_drawn, chargeable_quantity, unit, unit_price, amount_minor, explanation)
SELECT account_id, invoice_id, p, 'service', 'recurring', 'fee', '', 'Fee', 'standard', 0, 0, 0, 0, '', '',
1000, '[]' FROM invoices, generate_series(1, {lines}) p;
INSERT INTO invoice_taxes SELECT account_id, invoice_id, 1, 21, 'S', 3000, 630, '', '' FROM invoices;
INSERT INTO number_series SELECT 'B-' || account_id % 1000, 0 FROM accounts GROUP BY 1;
INSERT INTO issued_numbers SELECT 'B-' || account_id % 1000, row_number() OVER (PARTITION BY account_id % 1000),
number, account_id, invoice_id FROM invoices;
UPDATE number_series s SET last_number = n.last FROM (SELECT series, count(*) AS last FROM issued_numbers GROUP
BY series) n WHERE n.series = s.series;
INSERT INTO ledger_entries (account_id, entry_id, kind, at, provider, reference, reason) OVERRIDING SYSTEM VALUE
SELECT account_id, invoice_id * 2, 'invoice_issued', issued_at, 'evenflow', 'inv_' || invoice_id, '' FROM
invoices UNION ALL SELECT account_id, invoice_id * 2 + 1, 'payment_received', issued_at + interval '15 days',
'stripe', 'pi_' || invoice_id, '' FROM invoices;
INSERT INTO ledger_postings SELECT account_id, invoice_id * 2 + e, p, a, m, 'EUR', CASE WHEN a = 'cash' THEN
NULL ELSE invoice_id END FROM invoices, (VALUES (0, 1, 'receivable', 3630), (0, 2, 'revenue', -3000), (0, 3,
'vat', -630), (1, 1, 'cash', 3630), (1, 2, 'receivable', -3630)) AS v(e, p, a, m);
INSERT INTO payment_attempts (account_id, attempt_id, purpose, provider, provider_customer, provider_method,
provider_payment, provider_session, session_url, expected_minor, received_minor, currency, status, category,
code, debit_on, created_at, call_number, settled_at) SELECT account_id, 'inv_' || invoice_id || '-1', 'debit',
'stripe', '', '', 'pi_' || invoice_id, '', '', 3630, 3630, 'EUR', 'succeeded', '', '', due_on, due_on, 1, due_on
FROM invoices;
INSERT INTO payment_allocations SELECT account_id, 'inv_' || invoice_id || '-1', invoice_id, 3630, false FROM
invoices;
INSERT INTO notices (account_id, kind, subject, occasion, channel, status, recipient, locale, amount_minor,
currency, named_on, invoice_ids, hurry, created_at, in_time, accepted_at) SELECT account_id, k, 'inv_' ||
invoice_id, '', 'email', 'delivered', 'x', 'en', 3630, 'EUR', due_on, jsonb_build_array('inv_' || invoice_id),
false, issued_at, true, issued_at FROM invoices, (VALUES ('ready'), ('reminder'), ('thank_you')) AS v(k);
SET session_replication_role = DEFAULT;
ANALYZE;
"""


class NormalClock:
    """Business time is real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def segment(self) -> ClockSegment:
        return NORMAL_TIME


def measure(options: Options) -> list[Figure]:
    """Fill the database once, then check every rule in every round."""
    with database() as server:
        times = asyncio.run(_measure(server.url(), options))
    return [Figure(what, "ms", tuple(values)) for what, values in times.items()]


async def _measure(url: str, options: Options) -> dict[str, list[float]]:
    engine = make_engine(url)
    times: dict[str, list[float]] = {}
    try:
        options.say(f"books: filling {ACCOUNTS:,} accounts with {ACCOUNTS * CYCLES:,} invoices")
        await fill_books(engine)
        for number in range(options.rounds):
            options.say(f"books, round {number + 1}")
            await _round(engine, times)
    finally:
        await engine.dispose()
    return times


async def fill_books(engine: AsyncEngine) -> None:
    """Accounts with half a year of invoices, all of them paid."""
    async with engine.connect() as connection:
        for statement in FILL.split(";"):
            filled = statement.replace("{accounts}", str(ACCOUNTS)).replace("{cycles}", str(CYCLES))
            if filled.strip():
                await connection.execute(text(filled.replace("{lines}", str(LINES))))
        await connection.commit()


async def _round(engine: AsyncEngine, times: dict[str, list[float]]) -> None:
    books = SqlBookChecks(engine)
    middle = Slice(*(identity.show(identity.ACCOUNT, each) for each in (40_001, 40_000 + SLICE)), is_end=False)
    for rule in await books.rules():
        began = time.monotonic()
        assert not await books.find(rule.name), f"the filled books break {rule.name}"
        times.setdefault(f"{rule.name}: all", []).append((time.monotonic() - began) * IN_MILLISECONDS)
        if rule.by_accounts:
            began = time.monotonic()
            await books.find(rule.name, middle)
            times.setdefault(f"{rule.name}: {SLICE:,}", []).append((time.monotonic() - began) * IN_MILLISECONDS)
    began = time.monotonic()
    for look in looks_of(SqlTroubles(engine), NormalClock()).values():
        await look()
    times.setdefault("all looks for people", []).append((time.monotonic() - began) * IN_MILLISECONDS)
