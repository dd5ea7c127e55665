"""Corrections of published prices and what they changed; kept records are found by their file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

COUNTS = ("accounts", "events", "waiting", "difference_minor")


def upgrade() -> None:
    op.create_table(
        "plan_corrections",
        sa.Column("correction_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("plan_code", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("plan_version", "corrected_version")),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("reason", "author", "currency")),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_account_id", sa.BigInteger(), nullable=True),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_plan_corrections")),
    )
    op.create_index(
        "uq_plan_corrections_unfinished",
        "plan_corrections",
        ["plan_code"],
        unique=True,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "plan_correction_differences",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("correction_id", sa.BigInteger(), nullable=False),
        sa.Column("cycle_number", sa.Integer(), nullable=False),
        sa.Column("billed", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("before_minor", "after_minor")),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id", "correction_id", "cycle_number", name=op.f("pk_plan_correction_differences")
        ),
    )
    op.create_index(
        "ix_plan_correction_differences_correction",
        "plan_correction_differences",
        ["correction_id", "account_id", "cycle_number"],
    )
    op.create_index(
        "ix_usage_issues_file_id", "usage_issues", ["file_id"], postgresql_where=sa.text("file_id IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_usage_issues_file_id", "usage_issues")
    op.drop_table("plan_correction_differences")
    op.drop_table("plan_corrections")
