"""Streams of usage: how far each partition is taken, and what became of its messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

COUNTS = ("read", "accepted", "duplicates", "conflicts", "recycled", "rejected", "late")


def upgrade() -> None:
    op.create_table(
        "usage_stream_offsets",
        sa.Column("consumer_group", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("end_offset", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        *[sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in COUNTS],
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("consumer_group", "topic", "partition", name=op.f("pk_usage_stream_offsets")),
    )


def downgrade() -> None:
    op.drop_table("usage_stream_offsets")
