"""A payment knows when it was taken back; an undecided dispute has a case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

# The reversals that are in the books: of this attempt's provider, since it brought its money.
TAKEN_BACK = """
UPDATE payment_attempts a SET taken_back_at = (
    SELECT max(e.at) FROM ledger_entries e
    WHERE e.account_id = a.account_id AND e.kind = 'payment_reversed' AND e.provider = a.provider
        AND e.at >= a.settled_at
)
WHERE a.status = 'disputed' OR (a.status = 'failed' AND a.received_minor > 0)
"""
CASES = """
INSERT INTO account_staff_cases (account_id, kind, subject, severity, state, explanation, facts, opened_at,
    last_seen_at, history)
SELECT account_id, 'dispute_open', 'dsp_' || dispute_id, 'normal', 'open', said,
    jsonb_build_object('dispute_id', 'dsp_' || dispute_id, 'invoice_id', 'inv_' || invoice_id,
        'amount_minor', amount_minor, 'reason', reason), opened_at, opened_at,
    jsonb_build_array(jsonb_build_object('at', to_char(opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'),
        'state', 'open', 'author', 'evenflow', 'reason', said))
FROM (SELECT d.*, 'Dispute dsp_' || dispute_id || ' of inv_' || invoice_id || ' is not decided: ' || reason AS said
    FROM disputes d WHERE status = 'open') AS undecided
"""


def upgrade() -> None:
    op.add_column("payment_attempts", sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(TAKEN_BACK)
    op.create_index(
        "ix_payment_attempts_taken_back_at",
        "payment_attempts",
        ["taken_back_at"],
        postgresql_where=sa.text("taken_back_at IS NOT NULL"),
    )
    op.execute(CASES)


def downgrade() -> None:
    op.execute("DELETE FROM account_staff_cases WHERE kind = 'dispute_open'")
    op.drop_index("ix_payment_attempts_taken_back_at", table_name="payment_attempts")
    op.drop_column("payment_attempts", "taken_back_at")
