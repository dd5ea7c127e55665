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
SELECT NULL::bigint AS account_id, format('the file %s declares %s debits of %s, and carries %s of %s', b.message_id,
    b.count, b.control_sum_minor, count(c.attempt_id), coalesce(sum(c.amount_minor), 0)) AS what
FROM bank_batches b LEFT JOIN bank_batch_debits c USING (batch_id)
GROUP BY b.batch_id HAVING b.count <> count(c.attempt_id) OR b.control_sum_minor <> coalesce(sum(c.amount_minor), 0)
"""
