"""A database of 100,000 accounts with half a year of invoices, payments, notices, cases and reasons, by statements."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

ACCOUNTS = 100_000
NOW = datetime(2027, 7, 10, 10, tzinfo=UTC)
PLAN = """{"code": "bench", "name": "Bench", "currency": "EUR", "prices": [
 {"code": "fee", "name": "Fee", "model": "recurring", "fee": "25.00"},
 {"code": "voice", "name": "Calls", "model": "per_unit", "meter": "voice", "unit_size": 60, "rate": "0.10"}],
 "allowances": [{"code": "minutes", "name": "Minutes", "meter": "voice", "quantity": 60000}]}"""
# Of 100 invoices by their own number: 92 are paid by the first debit, 4 by a second, 2 by paylink, 2 stay open.
WAY = "(i.invoice_id * 7919 % 100)"
DUE = "i.due_on < '2027-07-10'"
FILL = (
    "SET session_replication_role = replica",
    "INSERT INTO brands VALUES ('bench', 'Bench', 'EUR', 'Europe/Amsterdam', 'NL', 'en_GB', '', '', '', 0, '{}', '{}', "
    "'{}', 'default', now())",
    f"INSERT INTO plans VALUES ('bench', 1, 'bench', 'Bench', '{PLAN}', now())",
    "INSERT INTO accounts (account_id, brand, number, status, customer_kind, customer_name, company, email, mobile, "
    "postal_address, country, locale, zone, cycle_day, notice_channels, discounts, activated_at, segment) SELECT n, "
    "'bench', 'B' || n, 'active', 'consumer', (ARRAY['Sanne','Jo','Fatima','Pieter','Li','Anna','Mehmet'])[1 + n % 7] "
    "|| ' ' || (ARRAY['de Vries','Smit','el Amrani','van den Berg','Wei','Jansen'])[1 + n / 7 % 6] || ' ' || n, CASE "
    "WHEN n % 20 = 0 THEN 'Fietsen ' || n || ' BV' ELSE '' END, 'mail' || n || '@example.com', '+316' || lpad(n::text, "
    "8, '0'), '{}', 'NL', 'en_GB', 'Europe/Amsterdam', 1 + n % 28, '{}', '[]', '2027-01-01', CASE WHEN n % 10 = 0 THEN "
    "'gold' ELSE 'standard' END FROM generate_series(1, :accounts) n",
    "INSERT INTO services (account_id, service_id, kind, identifier, plan_code, plan_version, active_from, "
    "barring_level) SELECT n, n, 'mobile', '+316' || lpad(n::text, 8, '0'), 'bench', 1, '2027-01-01', CASE WHEN n % 97 "
    "= 0 THEN 'outgoing' ELSE 'none' END FROM generate_series(1, :accounts) n",
    "INSERT INTO service_plans SELECT account_id, service_id, active_from, plan_code, plan_version FROM services",
    "INSERT INTO payment_methods (account_id, method_id, kind, provider, provider_customer, provider_method, label, "
    "last_four, status, is_default, created_at) OVERRIDING SYSTEM VALUE SELECT n, n, CASE WHEN n % 3 = 0 THEN 'card' "
    "ELSE 'sepa_debit' END, 'stripe', '', 'pm' || n, '', lpad((n % 10000)::text, 4, '0'), 'usable', true, '2027-01-01' "
    "FROM generate_series(1, :accounts) n",
    "INSERT INTO payment_mandates (account_id, method_id, provider, provider_mandate, reference, status, accepted_at) "
    "SELECT account_id, method_id, 'stripe', 'm' || method_id, 'MND' || method_id, 'active', '2027-01-01' FROM "
    "payment_methods WHERE kind = 'sepa_debit'",
    "INSERT INTO cycles (account_id, cycle_number, cycle_day, opens_at, closes_at, debit_on, plan, status) SELECT "
    "account_id, c, cycle_day, timestamptz '2027-01-01' + (c - 1) * interval '1 month' + (cycle_day - 1) * interval '1 "
    "day', timestamptz '2027-01-01' + c * interval '1 month' + (cycle_day - 1) * interval '1 day', (date '2027-01-01' "
    "+ c * interval '1 month')::date + cycle_day + 14, jsonb_build_object('method_kind', CASE WHEN account_id % 3 = 0 "
    "THEN 'card' ELSE 'sepa_debit' END), 'issued' FROM accounts, generate_series(1, 7) c",
    "UPDATE cycles SET status = 'open' WHERE closes_at >= '2027-07-09'",
    "UPDATE cycles SET invoice_id = account_id * 10 + cycle_number WHERE status = 'issued'",
    "INSERT INTO invoices (account_id, invoice_id, kind, cycle_number, brand, number, invoice_date, due_on, "
    "period_from, period_to, issued_at, currency, net_minor, vat_minor, total_minor, method_kind, to_collect_minor, "
    "collect_invoice_ids, explanation, author, customer) OVERRIDING SYSTEM VALUE SELECT account_id, invoice_id, "
    "'invoice', cycle_number, 'bench', 'B-' || invoice_id, closes_at::date, debit_on, opens_at::date, closes_at::date, "
    "closes_at + interval '1 day', 'EUR', 3000, 630, 3630, 'card', 3630, '[]', '', 'evenflow', '{}' FROM cycles WHERE "
    "invoice_id IS NOT NULL",
    "INSERT INTO invoice_collections SELECT account_id, invoice_id, invoice_id FROM invoices",
    "INSERT INTO issued_numbers SELECT 'B', row_number() OVER (), number, account_id, invoice_id FROM invoices",
    "INSERT INTO payment_attempts (account_id, attempt_id, purpose, provider, method_id, provider_customer, "
    "provider_method, provider_payment, provider_session, session_url, expected_minor, received_minor, currency, "
    "status, category, code, debit_on, created_at, call_number, settled_at) SELECT account_id, 'inv_' || invoice_id || "
    f"'-1', 'debit', 'stripe', account_id, '', '', 'pi_' || invoice_id || '_1', '', '', 3630, CASE WHEN {WAY} < 92 "
    f"THEN 3630 ELSE 0 END, 'EUR', CASE WHEN {WAY} < 92 THEN 'succeeded' ELSE 'failed' END, CASE WHEN {WAY} < 92 THEN "
    "'' ELSE 'funds' END, '', due_on, due_on + interval '8 hours', 1, due_on + interval '9 hours' FROM invoices i "
    f"WHERE {DUE}",
    "INSERT INTO payment_attempts (account_id, attempt_id, purpose, provider, method_id, provider_customer, "
    "provider_method, provider_payment, provider_session, session_url, expected_minor, received_minor, currency, "
    "status, category, code, debit_on, created_at, call_number, settled_at) SELECT account_id, 'inv_' || invoice_id || "
    f"'-2', CASE WHEN {WAY} < 96 THEN 'debit' ELSE 'pay_session' END, 'stripe', account_id, '', '', 'pi_' || "
    "invoice_id || '_2', '', '', 3630, 3630, 'EUR', 'succeeded', '', '', due_on + 3, due_on + interval '3 days', 1, "
    f"due_on + interval '3 days' FROM invoices i WHERE {DUE} AND {WAY} BETWEEN 92 AND 97",
    "INSERT INTO payment_allocations SELECT account_id, attempt_id, split_part(split_part(attempt_id, '-', 1), '_', "
    "2)::bigint, 3630, false FROM payment_attempts",
    "INSERT INTO ledger_entries (account_id, entry_id, kind, at, provider, reference, reason) OVERRIDING SYSTEM VALUE "
    "SELECT account_id, invoice_id * 10, 'invoice_issued', issued_at, 'evenflow', 'inv_' || invoice_id, '' FROM "
    "invoices UNION ALL SELECT account_id, split_part(split_part(attempt_id, '-', 1), '_', 2)::bigint * 10 + 1, "
    "'payment_received', settled_at, 'stripe', provider_payment, '' FROM payment_attempts WHERE status = 'succeeded'",
    "INSERT INTO ledger_postings SELECT account_id, invoice_id * 10, p, a, m, 'EUR', invoice_id FROM invoices, (VALUES "
    "(1, 'receivable', 3630), (2, 'revenue', -3000), (3, 'vat', -630)) AS v(p, a, m)",
    "INSERT INTO ledger_postings SELECT account_id, entry_id, p, a, m, 'EUR', CASE WHEN a = 'cash' THEN NULL ELSE "
    "entry_id / 10 END FROM ledger_entries, (VALUES (1, 'cash', 3630), (2, 'receivable', -3630)) AS v(p, a, m) WHERE "
    "kind = 'payment_received'",
    "INSERT INTO open_invoices SELECT p.account_id, p.invoice_id, 'EUR', sum(p.amount_minor), min(i.due_on) FROM "
    "ledger_postings p JOIN invoices i USING (account_id, invoice_id) WHERE p.ledger_account = 'receivable' "
    "GROUP BY 1, 2 HAVING sum(p.amount_minor) <> 0",
    "INSERT INTO dunning_cases (account_id, policy_code, policy_version, opened_at, invoice_ids, steps_done, failures, "
    "stage, next_action_at) SELECT o.account_id, 'default', 1, min(i.due_on), jsonb_agg('inv_' || o.invoice_id), '[]', "
    "'[]', 'reminded', '2027-07-20' FROM open_invoices o JOIN invoices i USING (account_id, invoice_id) WHERE "
    f"{DUE} GROUP BY o.account_id",
    "INSERT INTO notices (account_id, kind, subject, occasion, channel, status, recipient, locale, amount_minor, "
    "currency, named_on, invoice_ids, hurry, created_at, accepted_at) SELECT account_id, k, 'inv_' || invoice_id, '', "
    "'email', 'delivered', 'x', 'en', 3630, 'EUR', due_on, '[]', false, issued_at, issued_at FROM invoices, (VALUES "
    "('ready'), ('reminder')) AS v(k)",
    "INSERT INTO timeline (account_id, at, kind, summary, reason, actor) SELECT account_id, issued_at + k * interval "
    "'1 day', (ARRAY['invoice_issued', 'payment_received', 'notice_sent'])[k], 'Something happened', '{\"rule\": "
    '"as the plan says", "version": 1}\', \'evenflow\' FROM invoices, generate_series(1, 2) k',
    "INSERT INTO account_staff_cases (account_id, kind, subject, severity, state, explanation, facts, opened_at, "
    "last_seen_at, history) SELECT n, 'account_stuck', 'acc_' || n, 'high', 'open', 'It stands still', '{}', "
    "'2027-07-09', '2027-07-09', '[]' FROM generate_series(1, :accounts, 500) n",
    "SET session_replication_role = DEFAULT",
    "ANALYZE",
)


async def fill(engine: AsyncEngine) -> None:
    """Everything, in one transaction; the statistics of it at the end."""
    async with engine.connect() as connection:
        for statement in FILL:
            await connection.exec_driver_sql(statement.replace(":accounts", str(ACCOUNTS)))
        await connection.commit()
