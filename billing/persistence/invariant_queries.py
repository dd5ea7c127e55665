"""The queries behind the book invariants; each answers rows of ``account_id`` and ``what``."""

from __future__ import annotations

from billing.ports.messenger import EMAIL
from billing.services.dunning_warnings import BOUNCE_WITHIN

UNBALANCED_ENTRIES = """
SELECT account_id, format('entry led_%s sums to %s %s, not to zero', entry_id, sum(amount_minor), currency) AS what
FROM ledger_postings GROUP BY account_id, entry_id, currency HAVING sum(amount_minor) <> 0
ORDER BY account_id, entry_id
"""

TOTALS_THAT_DO_NOT_ADD_UP = """
WITH line_sums AS (
    SELECT account_id, invoice_id, sum(amount_minor) AS net FROM invoice_lines GROUP BY account_id, invoice_id
), tax_sums AS (
    SELECT account_id, invoice_id, sum(net_minor) AS net, sum(vat_minor) AS vat
    FROM invoice_taxes GROUP BY account_id, invoice_id
)
SELECT i.account_id, format(
    '%s: total %s, net %s, VAT %s; its lines give net %s, its rates net %s and VAT %s', i.number, i.total_minor,
    i.net_minor, i.vat_minor, coalesce(l.net, 0), coalesce(x.net, 0), coalesce(x.vat, 0)) AS what
FROM invoices i
LEFT JOIN line_sums l USING (account_id, invoice_id)
LEFT JOIN tax_sums x USING (account_id, invoice_id)
WHERE i.net_minor <> coalesce(l.net, 0) OR i.net_minor <> coalesce(x.net, 0)
   OR i.vat_minor <> coalesce(x.vat, 0) OR i.total_minor <> i.net_minor + i.vat_minor
ORDER BY i.account_id, i.invoice_id
"""

# A credit note is booked on the invoice it corrects, an invoice on itself.
DOCUMENTS_AND_BOOKS_THAT_DISAGREE = """
WITH booked AS (
    SELECT e.account_id, e.reference, p.invoice_id, sum(p.amount_minor) AS amount
    FROM ledger_entries e JOIN ledger_postings p USING (account_id, entry_id)
    WHERE e.kind IN ('invoice_issued', 'credit_note') AND p.ledger_account = 'receivable'
    GROUP BY e.account_id, e.reference, p.invoice_id
), opened AS (
    SELECT account_id, invoice_id, sum(amount_minor) AS amount FROM ledger_postings
    WHERE ledger_account = 'receivable' GROUP BY account_id, invoice_id
)
SELECT i.account_id, format('%s: the document says %s, the books say %s', i.number, i.total_minor,
    coalesce(b.amount, 0)) AS what
FROM invoices i LEFT JOIN booked b ON b.account_id = i.account_id AND b.reference = 'inv_' || i.invoice_id
    AND b.invoice_id = coalesce(i.corrects_invoice_id, i.invoice_id)
WHERE coalesce(b.amount, 0) <> CASE WHEN i.kind = 'credit_note' THEN -i.total_minor ELSE i.total_minor END
UNION ALL
SELECT i.account_id, format('%s of %s has %s open', i.number, i.total_minor, o.amount)
FROM invoices i JOIN opened o USING (account_id, invoice_id)
WHERE o.amount NOT BETWEEN 0 AND greatest(i.total_minor, 0)
UNION ALL
SELECT o.account_id, format('the books name invoice inv_%s, which does not exist', o.invoice_id)
FROM opened o LEFT JOIN invoices i USING (account_id, invoice_id)
WHERE i.invoice_id IS NULL
UNION ALL
SELECT account_id, format('lists say that %s of inv_%s is open, the books say %s', coalesce(s.open_minor, 0),
    invoice_id, coalesce(o.amount, 0)) AS what
FROM (SELECT * FROM opened WHERE amount <> 0 AND invoice_id IS NOT NULL) o
FULL JOIN open_invoices s USING (account_id, invoice_id)
WHERE o.amount IS DISTINCT FROM s.open_minor
"""

CYCLES_THAT_DO_NOT_JOIN = """
WITH following AS (
    SELECT account_id, cycle_number, closes_at,
        lead(cycle_number) OVER (PARTITION BY account_id ORDER BY cycle_number) AS next_number,
        lead(opens_at) OVER (PARTITION BY account_id ORDER BY cycle_number) AS next_opens_at
    FROM cycles WHERE status <> 'cancelled'
)
SELECT account_id, format('cycle %s closes at %s, cycle %s opens at %s', cycle_number, closes_at, next_number,
    next_opens_at) AS what
FROM following WHERE next_opens_at <> closes_at OR next_number <> cycle_number + 1
UNION ALL
SELECT c.account_id, format('cycle %s is %s with invoice inv_%s', c.cycle_number, c.status, i.invoice_id)
FROM cycles c LEFT JOIN invoices i
    ON i.account_id = c.account_id AND i.cycle_number = c.cycle_number AND i.kind = 'invoice'
WHERE (c.status = 'issued') <> (i.invoice_id IS NOT NULL) OR c.invoice_id IS DISTINCT FROM i.invoice_id
"""

DEBITS_WITHOUT_NOTICE = """
SELECT a.account_id, format('attempt %s took %s %s dated %s from inv_%s without a notice in time', a.attempt_id,
    a.expected_minor, a.currency, a.debit_on, l.invoice_id) AS what
FROM payment_attempts a JOIN payment_allocations l USING (account_id, attempt_id)
WHERE a.purpose = 'debit' AND NOT EXISTS (
    SELECT FROM notices n WHERE n.account_id = a.account_id AND n.kind IN ('ready', 'retry', 'instalment') AND n.in_time
        AND n.accepted_at <= a.created_at AND n.named_on = a.debit_on AND n.amount_minor >= a.expected_minor
        AND n.invoice_ids @> to_jsonb(ARRAY['inv_' || l.invoice_id]))
ORDER BY a.account_id, a.attempt_id
"""

# The newest promise counts, unless it was of a part only; a dispute of amount zero is of the whole invoice. A warning
# is delivered as dunning counts it: the vendor confirmed it, or it is a mail that had not bounced a day after the
# vendor took it.
UNFAIR_BARS = f"""
WITH bars AS (
    SELECT o.account_id, o.order_id, o.placed_at, c.case_id, c.invoice_ids
    FROM barring_orders o LEFT JOIN dunning_cases c ON c.account_id = o.account_id AND c.opened_at <= o.placed_at
        AND coalesce(c.closed_at, 'infinity') >= o.placed_at
    WHERE o.author = 'dunning' AND o.level <> 'none'
), promised AS (
    SELECT DISTINCT ON (b.account_id, b.order_id) b.account_id, b.order_id, b.placed_at, p.until
    FROM bars b JOIN promises p ON p.account_id = b.account_id AND p.made_at <= b.placed_at
        AND coalesce(p.ended_at, 'infinity') > b.placed_at
        AND (p.amount_minor = 0 OR p.amount_minor >= p.open_before_minor)
    ORDER BY b.account_id, b.order_id, p.made_at DESC
), planned AS (
    SELECT b.account_id, b.order_id, p.plan_id FROM bars b JOIN payment_plans p ON p.account_id = b.account_id
        AND p.made_at <= b.placed_at AND coalesce(p.ended_at, 'infinity') > b.placed_at
        AND p.invoice_ids @> b.invoice_ids
), disputed AS (
    SELECT account_id, 'inv_' || invoice_id AS invoice_id, opened_at, coalesce(closed_at, 'infinity') AS closed_at
    FROM disputes WHERE amount_minor = 0
)
SELECT account_id, format('order %s was placed without a delivered warning', order_id) AS what FROM bars b
WHERE NOT EXISTS (SELECT FROM notices n WHERE n.account_id = b.account_id AND n.kind = 'barring_warning'
    AND n.subject = 'case_' || b.case_id AND coalesce(n.failed_at, 'infinity') > b.placed_at
    AND (n.delivered_at <= b.placed_at OR n.channel = '{EMAIL}'
        AND n.accepted_at + interval '{BOUNCE_WITHIN.total_seconds():.0f} seconds' <= b.placed_at))
UNION ALL
SELECT account_id, format('order %s was placed while a promise ran until %s', order_id, until) FROM promised
WHERE until > placed_at
UNION ALL
SELECT account_id, format('order %s was placed while all of its case was in payment plan pln_%s', order_id, plan_id)
FROM planned
UNION ALL
SELECT account_id, format('order %s was placed while all of its case was disputed', order_id) FROM bars b
WHERE jsonb_array_length(b.invoice_ids) > 0 AND NOT EXISTS (
    SELECT FROM jsonb_array_elements_text(b.invoice_ids) AS named(invoice_id)
    WHERE NOT EXISTS (SELECT FROM disputed d WHERE d.account_id = b.account_id AND d.invoice_id = named.invoice_id
        AND b.placed_at >= d.opened_at AND b.placed_at < d.closed_at))
"""

HOLES_IN_NUMBERS = """
SELECT NULL::bigint AS account_id, format('series %s ends at %s but has %s numbers, the highest %s', s.series,
    s.last_number, count(n.number), max(n.sequence_number)) AS what
FROM number_series s LEFT JOIN issued_numbers n USING (series)
GROUP BY s.series, s.last_number
HAVING count(n.number) <> s.last_number OR coalesce(max(n.sequence_number), 0) <> s.last_number
UNION ALL
SELECT n.account_id, format('number %s has no document', n.number)
FROM issued_numbers n LEFT JOIN invoices i USING (account_id, invoice_id)
WHERE i.number IS DISTINCT FROM n.number
UNION ALL
SELECT i.account_id, format('document %s took its number from no series', i.number)
FROM invoices i LEFT JOIN issued_numbers n USING (account_id, invoice_id)
WHERE n.number IS NULL
"""

INVOICES_WITH_TWO_LIVE_ATTEMPTS = """
SELECT account_id, format('inv_%s is held by %s', invoice_id, string_agg(attempt_id, ' and ')) AS what
FROM payment_allocations WHERE live GROUP BY account_id, invoice_id HAVING count(*) > 1
"""

NOTICES_TWICE = """
SELECT account_id, format('%s %s notices about %s on %s', count(*), kind, subject, channel) AS what
FROM notices GROUP BY account_id, subject, kind, occasion, channel HAVING count(*) > 1
UNION ALL
SELECT e.account_id, format('notice ntc_%s was taken %s times by %s', e.notice_id, count(*), e.vendor)
FROM notice_evidence e JOIN notices n USING (account_id, notice_id)
WHERE e.event = 'accepted' AND NOT n.possible_duplicate
GROUP BY e.account_id, e.notice_id, e.vendor HAVING count(DISTINCT e.reference) > 1
"""

# What is taken back of an invoice is the VAT within what of it is given up, and nothing where nothing is.
VAT_OF_BAD_DEBTS_TOO_HIGH = """
WITH moved AS (
    SELECT e.account_id, p.invoice_id,
        sum(CASE WHEN e.kind = 'vat_of_bad_debt' AND p.ledger_account = 'vat' THEN p.amount_minor ELSE 0 END) AS vat,
        sum(CASE WHEN e.kind <> 'vat_of_bad_debt' AND p.ledger_account = 'receivable' THEN -p.amount_minor ELSE 0 END)
            AS given_up
    FROM ledger_entries e JOIN ledger_postings p USING (account_id, entry_id)
    WHERE e.kind IN ('written_off', 'write_off_reversed', 'vat_of_bad_debt') AND p.invoice_id IS NOT NULL
    GROUP BY e.account_id, p.invoice_id
)
SELECT m.account_id, format('of inv_%s %s VAT is taken back, and %s of %s are given up', m.invoice_id, m.vat,
    m.given_up, i.total_minor) AS what
FROM moved m JOIN invoices i USING (account_id, invoice_id)
WHERE m.vat < 0 OR m.vat > i.vat_minor OR m.vat > m.given_up OR (m.given_up = 0 AND m.vat <> 0)
"""
