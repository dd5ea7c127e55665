"""Events that were taken back, and files that may come again after they were cancelled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "usage_corrections",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("correction_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_hash", sa.Uuid(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("cycle_number", sa.Integer(), nullable=False),
        sa.Column("event", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("became", sa.Text(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "correction_id", name=op.f("pk_usage_corrections")),
    )
    op.create_index(
        "ix_usage_corrections_event", "usage_corrections", ["account_id", "started_at", "key_hash"], unique=False
    )
    op.drop_constraint("uq_usage_files_sha256_profile", "usage_files", type_="unique")
    op.create_index(
        "uq_usage_files_content",
        "usage_files",
        ["sha256", "profile"],
        unique=True,
        postgresql_where=sa.text("status <> 'cancelled'"),
    )


def downgrade() -> None:
    op.drop_index("uq_usage_files_content", "usage_files", postgresql_where=sa.text("status <> 'cancelled'"))
    op.create_unique_constraint(op.f("uq_usage_files_sha256_profile"), "usage_files", ["sha256", "profile"])
    op.drop_index("ix_usage_corrections_event", table_name="usage_corrections")
    op.drop_table("usage_corrections")
