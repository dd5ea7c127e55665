"""A dispute may name a line; a promise knows when it was confirmed to the customer; old tries are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("disputes", sa.Column("line_position", sa.Integer(), nullable=True))
    op.add_column("disputes", sa.Column("line_description", sa.Text(), server_default="", nullable=False))
    op.add_column("promises", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    # Promises of before are not news to anybody.
    op.execute("UPDATE promises SET confirmed_at = made_at")
    op.create_index(
        "ix_promises_unconfirmed", "promises", ["account_id"], postgresql_where=sa.text("confirmed_at IS NULL")
    )
    op.create_index("ix_instrument_tries_tried_at", "instrument_tries", ["tried_at"])


def downgrade() -> None:
    op.drop_index("ix_instrument_tries_tried_at", table_name="instrument_tries")
    op.drop_index("ix_promises_unconfirmed", table_name="promises")
    op.drop_column("promises", "confirmed_at")
    op.drop_column("disputes", "line_description")
    op.drop_column("disputes", "line_position")
