"""Numbers that moved, so that the usage which was there can follow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "number_moves",
        sa.Column("move_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_account_id", sa.BigInteger(), nullable=True),
        sa.Column("to_account_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reguided_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("move_id", name=op.f("pk_number_moves")),
    )
    op.create_index(
        "ix_number_moves_waiting",
        "number_moves",
        ["move_id"],
        unique=False,
        postgresql_where=sa.text("reguided_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("number_moves")
