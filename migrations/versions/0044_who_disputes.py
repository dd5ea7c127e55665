"""A dispute keeps who opened it: the customer's words are shown to the customer, notes of staff are not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("disputes", sa.Column("author", sa.Text(), server_default="", nullable=False))
    # Who opened the older ones is told by the timeline: its entry begins with the dispute's name.
    op.execute(
        "UPDATE disputes SET author = 'customer' FROM timeline "
        "WHERE timeline.account_id = disputes.account_id AND timeline.kind = 'dispute_opened' "
        "AND timeline.actor = 'customer' AND timeline.summary LIKE 'Dispute dsp_' || disputes.dispute_id || ':%'"
    )


def downgrade() -> None:
    op.drop_column("disputes", "author")
