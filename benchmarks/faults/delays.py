"""How late things were: the date that was planned against when it was done, in business and in real time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

# Kind, account, planned, done. A debit's date moves with a late notice, so it is held against the date it was told.
_DONE = """
SELECT 'invoice issued' AS what, a.number, CAST(c.plan ->> 'issue_at' AS timestamptz) AS planned, i.issued_at AS done
FROM cycles c JOIN invoices i USING (account_id, invoice_id) JOIN accounts a USING (account_id)
UNION ALL
SELECT 'invoice announced', a.number, CAST(c.plan ->> 'ready_notice_at' AS timestamptz), min(n.accepted_at)
FROM cycles c JOIN accounts a USING (account_id)
    JOIN notices n ON n.account_id = c.account_id AND n.subject = 'inv_' || c.invoice_id
        AND n.kind IN ('ready', 'ready_to_pay', 'nothing_to_pay')
WHERE n.accepted_at IS NOT NULL GROUP BY a.number, c.account_id, c.cycle_number, c.plan
UNION ALL
SELECT 'debit handed in', a.number, CAST(c.plan ->> 'submit_at' AS timestamptz), min(t.created_at)
FROM cycles c JOIN accounts a USING (account_id)
    JOIN payment_allocations l USING (account_id, invoice_id)
    JOIN payment_attempts t ON t.account_id = l.account_id AND t.attempt_id = l.attempt_id AND t.purpose = 'debit'
WHERE t.debit_on = CAST(c.plan ->> 'debit_on' AS date) GROUP BY a.number, c.account_id, c.cycle_number, c.plan
"""


@dataclass(frozen=True, slots=True)
class Delay:
    """The latest of its kind: ``late`` in business time, and how many were looked at."""

    what: str
    number: str
    planned: datetime
    late: timedelta
    looked_at: int
    median: timedelta

    def real(self, rate: float) -> timedelta:
        """The same in real time."""
        return self.late / rate


async def worst_delays(engine: AsyncEngine) -> list[Delay]:
    """Per kind the one that came latest after its date."""
    async with engine.connect() as connection:
        rows = [(row.what, row.number, row.planned, row.done) for row in await connection.execute(text(_DONE))]
    return worst_of(rows)


def worst_of(rows: Sequence[tuple[str, str, datetime, datetime]]) -> list[Delay]:
    """The same of rows: kind, account, planned, done."""
    found = []
    for kind in dict.fromkeys(row[0] for row in rows):
        of_kind = sorted((done - planned, planned, number) for what, number, planned, done in rows if what == kind)
        late, planned, number = of_kind[-1]
        found.append(Delay(kind, number, planned, late, len(of_kind), of_kind[len(of_kind) // 2][0]))
    return found
