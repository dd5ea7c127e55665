"""Billed cycles remember the plans they were billed by, and late usage says when it is a correction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "cycles", sa.Column("billed_periods", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    )
    op.add_column("usage_late", sa.Column("correction", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("usage_late", "correction")
    op.drop_column("cycles", "billed_periods")
