"""What must always hold of debits by bank file; rows of ``account_id`` and ``what``."""

from __future__ import annotations

# A file that was taken apart, or that the bank refused for our mistake, carries nothing any more.
BANK_DEBITS_NOT_IN_ONE_FILE = """
WITH carried AS (
    SELECT c.account_id, c.attempt_id, count(*) AS files, min(b.status) AS status, min(b.batch_id) AS batch_id
    FROM bank_batch_debits c JOIN bank_batches b USING (batch_id)
    WHERE NOT c.void AND b.status <> 'withdrawn' GROUP BY c.account_id, c.attempt_id
)
SELECT d.account_id, format('the debit %s is %s and stands in %s files', d.attempt_id, d.status,
    coalesce(c.files, 0)) AS what
FROM bank_debits d LEFT JOIN carried c USING (account_id, attempt_id)
WHERE c.files > 1 OR (d.status IN ('batched', 'sent', 'accepted', 'settled', 'returned')
    AND (c.files IS DISTINCT FROM 1 OR c.batch_id IS DISTINCT FROM d.batch_id))
UNION ALL
SELECT d.account_id, format('the debit %s is %s, its file batch_%s is %s', d.attempt_id, d.status, c.batch_id, c.status)
FROM bank_debits d JOIN carried c USING (account_id, attempt_id)
WHERE (d.status IN ('sent', 'accepted', 'settled', 'returned') AND c.status <> 'delivered')
   OR (d.status = 'batched' AND c.status NOT IN ('made', 'held', 'staged'))
"""

BANK_FILES_THAT_DO_NOT_ADD_UP = """
WITH carried AS (
    SELECT batch_id, amount_minor FROM bank_batch_debits
    UNION ALL SELECT batch_id, amount_minor FROM bank_batch_payouts
)
SELECT NULL::bigint AS account_id, format('the file %s declares %s %s of %s, and carries %s of %s', b.message_id,
    b.count, b.kind, b.control_sum_minor, count(c.amount_minor), coalesce(sum(c.amount_minor), 0)) AS what
FROM bank_batches b LEFT JOIN carried c USING (batch_id)
GROUP BY b.batch_id HAVING b.count <> count(c.amount_minor) OR b.control_sum_minor <> coalesce(sum(c.amount_minor), 0)
"""

# A refund is booked right after its payout was written down: one that is only asked for is on its way there.
BANK_PAYOUTS_THAT_ARE_NOT_BOOKED = """
WITH carried AS (
    SELECT c.account_id, c.payout_id, count(*) AS files, min(b.batch_id) AS batch_id
    FROM bank_batch_payouts c JOIN bank_batches b USING (batch_id)
    WHERE NOT c.void AND b.status <> 'withdrawn' GROUP BY c.account_id, c.payout_id
), booked AS (
    SELECT o.account_id, o.payout_id, sum(p.amount_minor) AS minor
    FROM bank_payouts o JOIN ledger_entries e ON e.account_id = o.account_id AND e.reference = o.end_to_end_id
        AND e.provider IN ('bank_files', 'bank_transfer') AND e.kind IN ('refund_paid', 'reversal_withdrawn')
    JOIN ledger_postings p ON p.account_id = e.account_id AND p.entry_id = e.entry_id AND p.ledger_account = 'cash'
    GROUP BY o.account_id, o.payout_id
)
SELECT o.account_id, format('the payout pyo_%s is %s and stands in %s files', o.payout_id, o.status,
    coalesce(c.files, 0)) AS what
FROM bank_payouts o LEFT JOIN carried c USING (account_id, payout_id)
WHERE c.files > 1 OR (o.status IN ('batched', 'sent', 'paid')
    AND (c.files IS DISTINCT FROM 1 OR c.batch_id IS DISTINCT FROM o.batch_id))
UNION ALL
SELECT o.account_id, format('the payout pyo_%s of %s is %s, and the books say %s', o.payout_id, o.amount_minor,
    o.status, coalesce(b.minor, 0)) AS what
FROM bank_payouts o LEFT JOIN booked b USING (account_id, payout_id)
LEFT JOIN payment_refunds r ON r.account_id = o.account_id AND r.refund_id = o.command_id
WHERE r.status IS DISTINCT FROM 'requested' AND coalesce(b.minor, 0) <>
    CASE WHEN o.status IN ('rejected', 'returned', 'cancelled') THEN 0 ELSE -o.amount_minor END
"""
