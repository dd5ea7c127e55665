"""What must always hold of money in suspense and of what banks told; rows of ``account_id`` and ``what``."""

from __future__ import annotations

SUSPENSE_WITHOUT_ITEMS = """
WITH booked AS (
    SELECT account_id, currency, -sum(amount_minor) AS amount FROM ledger_postings
    WHERE ledger_account = 'suspense' GROUP BY account_id, currency
), waiting AS (
    SELECT account_id, currency, sum(amount_minor) AS amount FROM suspense_items
    WHERE status IN ('open', 'sending_back') GROUP BY account_id, currency
)
SELECT account_id, format('the suspense ledger holds %s %s, its items are %s', coalesce(b.amount, 0), currency,
    coalesce(w.amount, 0)) AS what
FROM booked b FULL JOIN waiting w USING (account_id, currency)
WHERE coalesce(b.amount, 0) <> coalesce(w.amount, 0)
"""

# The bank may have taken its charges from an entry before it booked it. What was replaced, or came later and counts no
# more, is told beside what counts.
ENTRIES_THAT_DO_NOT_ADD_UP = """
WITH counted AS (
    SELECT entry_id, sum(amount_minor) AS amount, sum(charges_minor) AS charges FROM bank_entry_payments
    WHERE effect <> 'replaced' AND effect <> 'nothing' GROUP BY entry_id
)
SELECT NULL::bigint AS account_id, format('the entry bke_%s is of %s, what counts of it is %s', e.entry_id,
    e.amount_minor, coalesce(c.amount, 0)) AS what
FROM bank_entries e LEFT JOIN counted c USING (entry_id)
WHERE coalesce(c.amount, 0) NOT BETWEEN e.amount_minor AND e.amount_minor + coalesce(c.charges, 0)
"""
