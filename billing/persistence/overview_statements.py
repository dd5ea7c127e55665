"""The statements behind the console's first page. Each is one pass over all accounts; ``:now`` is business time."""

from __future__ import annotations

# An invoice falls due with the debit of the cycle it is collected with, which may have moved; one that was carried over
# and is collected with none yet, with the debit of the open cycle (as ``ledger_repository._due_on`` has it).
OPEN_WITH_DUE = """
SELECT o.account_id, o.invoice_id, o.currency, o.open_minor, i.number, i.invoice_date, i.total_minor, i.kind,
    coalesce(c.debit_on, (
        SELECT min(n.debit_on) FROM cycles n
        WHERE n.account_id = o.account_id AND n.status = 'open' AND i.total_minor > 0 AND ic.invoice_id IS NULL
    ), i.due_on) AS due_on,
    a.brand, a.number AS account_number, a.customer_name, a.zone,
    (CAST(:now AS timestamptz) AT TIME ZONE a.zone)::date AS today
FROM open_invoices o
JOIN invoices i ON i.account_id = o.account_id AND i.invoice_id = o.invoice_id
JOIN accounts a ON a.account_id = o.account_id
LEFT JOIN invoice_collections ic ON ic.account_id = o.account_id AND ic.invoice_id = o.invoice_id
LEFT JOIN cycles c ON c.account_id = ic.account_id AND c.invoice_id = ic.collected_with_invoice_id
WHERE o.open_minor > 0
"""
BUCKET = """
CASE WHEN today <= due_on THEN 'not due' WHEN today - due_on <= 30 THEN '1-30 days'
    WHEN today - due_on <= 60 THEN '31-60 days' WHEN today - due_on <= 90 THEN '61-90 days' ELSE 'over 90 days' END
"""
AGING = f"""
SELECT currency, {BUCKET} AS bucket, count(*) AS count, sum(open_minor)::bigint AS amount_minor
FROM ({OPEN_WITH_DUE}) AS owed GROUP BY 1, 2 ORDER BY 1, 2
"""

_TODAY = "(CAST(:now AS timestamptz) AT TIME ZONE a.zone)::date"


def _near(column: str) -> str:
    """Within two days of now, for the index; which local day it is, is asked of the account's zone beside it."""
    instant = "CAST(:now AS timestamptz)"
    return f"{column} > {instant} - interval '2 days' AND {column} < {instant} + interval '2 days'"


def _local(column: str) -> str:
    return f"({column} AT TIME ZONE a.zone)::date"


TODAY = f"""
SELECT 'closed' AS what, '' AS currency, count(*) AS count, 0::bigint AS amount_minor
FROM cycles x JOIN accounts a USING (account_id)
WHERE {_near("x.closes_at")} AND {_local("x.closes_at")} = {_TODAY} AND x.status <> 'cancelled'
UNION ALL
SELECT 'closing_next', '', count(*), 0
FROM cycles x JOIN accounts a USING (account_id)
WHERE {_near("x.closes_at")} AND {_local("x.closes_at")} = {_TODAY} + 1 AND x.status <> 'cancelled'
UNION ALL
SELECT 'issued', x.currency, count(*), sum(x.total_minor)::bigint
FROM invoices x JOIN accounts a USING (account_id)
WHERE x.kind = 'invoice' AND {_near("x.issued_at")} AND {_local("x.issued_at")} = {_TODAY} GROUP BY x.currency
UNION ALL
SELECT 'due', i.currency, count(*), sum(i.to_collect_minor)::bigint
FROM cycles x JOIN accounts a USING (account_id) JOIN invoices i USING (account_id, invoice_id)
WHERE x.debit_on BETWEEN CAST(:now AS timestamptz)::date - 2 AND CAST(:now AS timestamptz)::date + 2
    AND x.debit_on = {_TODAY} AND x.status = 'issued' AND i.to_collect_minor > 0 GROUP BY i.currency
UNION ALL
SELECT 'submitted', x.currency, count(*), sum(x.expected_minor)::bigint
FROM payment_attempts x JOIN accounts a USING (account_id)
WHERE x.purpose = 'debit' AND {_near("x.created_at")} AND {_local("x.created_at")} = {_TODAY} GROUP BY x.currency
UNION ALL
SELECT 'failed', x.currency, count(*), sum(x.expected_minor)::bigint
FROM payment_attempts x JOIN accounts a USING (account_id)
WHERE x.status = 'failed' AND {_near("x.settled_at")} AND {_local("x.settled_at")} = {_TODAY} GROUP BY x.currency
UNION ALL
SELECT CASE WHEN x.kind = 'payment_received' THEN 'received' ELSE 'reversed' END, p.currency, count(*),
    sum(p.amount_minor)::bigint
FROM ledger_entries x JOIN accounts a USING (account_id) JOIN ledger_postings p USING (account_id, entry_id)
WHERE x.kind IN ('payment_received', 'payment_reversed') AND p.ledger_account = 'cash'
    AND {_near("x.at")} AND {_local("x.at")} = {_TODAY} GROUP BY 1, p.currency
"""

# A debit of the same invoice before this one, whatever became of it, makes this one a retry.
_AN_EARLIER_DEBIT = """
EXISTS (SELECT FROM payment_allocations q JOIN payment_attempts b USING (account_id, attempt_id)
    WHERE q.account_id = {try}.account_id AND q.invoice_id = {invoice} AND b.purpose = 'debit'
        AND b.status <> 'cancelled' AND (b.created_at, b.attempt_id) < ({try}.created_at, {try}.attempt_id))
"""


def _is_a_retry(attempt: str, invoice: str) -> str:
    return _AN_EARLIER_DEBIT.replace("{try}", attempt).replace("{invoice}", invoice)


_ENDED = "('succeeded', 'disputed', 'failed', 'action_required')"
_PAID = "('succeeded', 'disputed')"

FIRST_TRIES = f"""
SELECT t.currency, coalesce(m.kind, 'none') AS method_kind, count(*) AS ended,
    count(*) FILTER (WHERE t.status IN {_PAID}) AS paid
FROM payment_attempts t
JOIN payment_allocations p USING (account_id, attempt_id)
LEFT JOIN payment_methods m ON m.account_id = t.account_id AND m.method_id = t.method_id
WHERE t.purpose = 'debit' AND t.settled_at >= :since AND t.status IN {_ENDED}
    AND NOT {_is_a_retry("t", "p.invoice_id")}
GROUP BY 1, 2 ORDER BY 1, 2
"""

FUNNEL = f"""
WITH cohort AS (
    SELECT account_id, invoice_id, date_trunc('month', invoice_date)::date AS month, currency, total_minor
    FROM invoices WHERE kind = 'invoice' AND total_minor > 0 AND invoice_date >= :since
), money AS (
    SELECT c.month, c.currency, c.account_id, c.invoice_id, -p.amount_minor AS amount_minor, CASE
        WHEN e.kind = 'payment_received' AND t.purpose = 'debit' THEN
            CASE WHEN {_is_a_retry("t", "c.invoice_id")} THEN 'retry' ELSE 'first_try' END
        WHEN e.kind = 'payment_received' AND t.purpose = 'pay_session' THEN 'paylink'
        WHEN e.kind IN ('payment_received', 'money_assigned') THEN 'transfer'
        WHEN e.kind IN ('credit_applied', 'credit_note') THEN 'credit'
        WHEN e.kind IN ('written_off', 'write_off_reversed') THEN 'written_off'
        WHEN e.kind IN ('payment_reversed', 'reversal_withdrawn') THEN 'taken_back' ELSE 'other' END AS stage
    FROM cohort c
    JOIN ledger_postings p ON p.account_id = c.account_id AND p.invoice_id = c.invoice_id
        AND p.ledger_account = 'receivable'
    JOIN ledger_entries e ON e.account_id = p.account_id AND e.entry_id = p.entry_id AND e.kind <> 'invoice_issued'
    LEFT JOIN payment_attempts t ON e.kind = 'payment_received' AND t.account_id = e.account_id
        AND t.provider = e.provider AND t.provider_payment = e.reference
), tried AS (
    SELECT c.month, c.currency, t.status FROM cohort c
    JOIN payment_allocations p ON p.account_id = c.account_id AND p.invoice_id = c.invoice_id
    JOIN payment_attempts t ON t.account_id = p.account_id AND t.attempt_id = p.attempt_id
    WHERE t.purpose = 'debit' AND t.status IN {_ENDED} AND NOT {_is_a_retry("t", "c.invoice_id")}
)
SELECT month, currency, 'invoiced' AS stage, count(*) AS count, sum(total_minor)::bigint AS amount_minor
FROM cohort GROUP BY 1, 2
UNION ALL
SELECT c.month, c.currency, 'announced', count(*), sum(c.total_minor)::bigint FROM cohort c
WHERE EXISTS (SELECT FROM notices n WHERE n.account_id = c.account_id AND n.subject = 'inv_' || c.invoice_id
    AND n.kind IN ('ready', 'ready_to_pay', 'nothing_to_pay') AND n.accepted_at IS NOT NULL) GROUP BY 1, 2
UNION ALL
SELECT month, currency, stage, count(DISTINCT (account_id, invoice_id)), sum(amount_minor)::bigint
FROM money GROUP BY 1, 2, 3
UNION ALL
SELECT month, currency, 'tried', count(*), 0 FROM tried GROUP BY 1, 2
UNION ALL
SELECT month, currency, 'tried_paid', count(*), 0 FROM tried WHERE status IN {_PAID} GROUP BY 1, 2
UNION ALL
SELECT c.month, c.currency, CASE WHEN EXISTS (
        SELECT FROM dunning_cases d WHERE d.account_id = o.account_id AND d.closed_at IS NULL
            AND jsonb_exists(d.invoice_ids, 'inv_' || o.invoice_id)) THEN 'dunning' ELSE 'open' END,
    count(*), sum(o.open_minor)::bigint
FROM cohort c JOIN open_invoices o USING (account_id, invoice_id) GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
"""

# Announced: what is open of the invoices collected on that day. Planned: the account's last invoice again, or, before
# there is one, the recurring fees of its lines, which are net. Retries and instalments are dated by themselves.
EXPECTED = """
WITH ahead AS (
    SELECT CAST(:now AS timestamptz)::date AS first, CAST(:now AS timestamptz)::date + CAST(:days AS integer) AS until
)
SELECT c.debit_on, o.currency, coalesce(c.plan ->> 'method_kind', 'none') AS method_kind, 'announced' AS source,
    count(DISTINCT c.account_id) AS count, sum(o.open_minor)::bigint AS amount_minor, 0::numeric AS fees
FROM ahead JOIN cycles c ON c.debit_on >= ahead.first AND c.debit_on < ahead.until AND c.status = 'issued'
JOIN invoice_collections ic ON ic.account_id = c.account_id AND ic.collected_with_invoice_id = c.invoice_id
JOIN open_invoices o ON o.account_id = ic.account_id AND o.invoice_id = ic.invoice_id AND o.open_minor > 0
GROUP BY 1, 2, 3
UNION ALL
SELECT c.debit_on, b.currency, coalesce(c.plan ->> 'method_kind', 'none'), 'planned', count(*),
    coalesce(sum(last.total_minor), 0)::bigint, coalesce(sum(fees.fees), 0)
FROM ahead JOIN cycles c ON c.debit_on >= ahead.first AND c.debit_on < ahead.until AND c.status = 'open'
JOIN accounts a ON a.account_id = c.account_id AND a.status = 'active'
JOIN brands b ON b.brand = a.brand
LEFT JOIN LATERAL (
    SELECT i.total_minor FROM invoices i WHERE i.account_id = c.account_id AND i.kind = 'invoice'
    ORDER BY i.invoice_id DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT sum((price ->> 'fee')::numeric) AS fees
    FROM services s JOIN plans q ON q.plan_code = s.plan_code AND q.plan_version = s.plan_version
    CROSS JOIN LATERAL jsonb_array_elements(q.definition -> 'prices') AS price
    WHERE last.total_minor IS NULL AND s.account_id = c.account_id AND s.active_to IS NULL
        AND price ->> 'model' = 'recurring'
) AS fees ON true
WHERE coalesce(last.total_minor, fees.fees, 0) > 0
GROUP BY 1, 2, 3
UNION ALL
SELECT t.debit_on, t.currency, coalesce(m.kind, 'none'), 'retry', count(*), sum(t.expected_minor)::bigint, 0
FROM ahead JOIN payment_attempts t ON t.debit_on >= ahead.first AND t.debit_on < ahead.until
LEFT JOIN payment_methods m ON m.account_id = t.account_id AND m.method_id = t.method_id
WHERE t.settled_at IS NULL AND t.purpose = 'debit' AND NOT EXISTS (
    SELECT FROM payment_allocations p
    JOIN invoice_collections ic ON ic.account_id = p.account_id AND ic.invoice_id = p.invoice_id
    JOIN cycles c ON c.account_id = ic.account_id AND c.invoice_id = ic.collected_with_invoice_id
    WHERE p.account_id = t.account_id AND p.attempt_id = t.attempt_id AND c.debit_on = t.debit_on)
GROUP BY 1, 2, 3
UNION ALL
SELECT (one ->> 'due_on')::date, p.currency, p.paid_by, 'instalment', count(*),
    sum((one ->> 'amount_minor')::bigint)::bigint, 0
FROM payment_plans p CROSS JOIN LATERAL jsonb_array_elements(p.instalments) AS one, ahead
WHERE p.status = 'running' AND one ->> 'asked_at' IS NULL
    AND (one ->> 'due_on')::date >= ahead.first AND (one ->> 'due_on')::date < ahead.until
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3, 4
"""

RESTORATIONS = """
SELECT count(*) AS count, percentile_cont(0.5) WITHIN GROUP (ORDER BY restored_real_seconds) AS median_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY restored_real_seconds) AS p95_seconds,
    max(restored_real_seconds) AS longest_seconds
FROM barring_orders WHERE restored_real_seconds IS NOT NULL AND finished_at >= :since
"""

OPEN_CASES = """
SELECT kind, severity, count(*) AS count, min(opened_at) AS oldest_at FROM (
    SELECT kind, severity, opened_at FROM staff_cases WHERE state <> 'closed'
    UNION ALL SELECT kind, severity, opened_at FROM account_staff_cases WHERE state <> 'closed'
) AS cases GROUP BY 1, 2
ORDER BY CASE severity WHEN 'urgent' THEN 1 WHEN 'high' THEN 2 ELSE 3 END, count(*) DESC, kind
"""
