"""How far each provider's list of events was read is kept, and not taken from the newest event that came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_event_reads",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("read_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_event_reads")),
    )


def downgrade() -> None:
    op.drop_table("provider_event_reads")
