"""Limits on usage, the customer's word to go on abroad, and crossed limits beside crossed allowances."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

CROSSED_ONCE = "uq_usage_outbox"


def upgrade() -> None:
    op.create_table(
        "usage_limit_changes",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=True),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("roaming", sa.Boolean(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("from_cycle", sa.Integer(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("value >= 0", name=op.f("ck_usage_limit_changes_value")),
        sa.PrimaryKeyConstraint("account_id", "change_id", name=op.f("pk_usage_limit_changes")),
    )
    op.create_table(
        "usage_agreements",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("cycle_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("service_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "cycle_number", "service_id", name=op.f("pk_usage_agreements")),
    )
    op.add_column(
        "brands",
        sa.Column("limit_policy", sa.dialects.postgresql.JSONB(), server_default="{}", nullable=False),
    )
    op.add_column("services", sa.Column("usage_stop", sa.Text(), server_default="stop:", nullable=False))
    for name in ("limit_key", "notice", "currency"):
        op.add_column("usage_outbox", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("usage_outbox", sa.Column("stops", sa.Boolean(), server_default="false", nullable=False))
    op.alter_column("usage_outbox", "service_id", nullable=True)
    _cross_once("account_id", "cycle_number", "service_id", "allowance_code", "limit_key", "percent")


def downgrade() -> None:
    op.execute("DELETE FROM usage_outbox WHERE limit_key <> ''")
    _cross_once("account_id", "cycle_number", "service_id", "allowance_code", "percent")
    op.alter_column("usage_outbox", "service_id", nullable=False)
    for name in ("stops", "currency", "notice", "limit_key"):
        op.drop_column("usage_outbox", name)
    op.drop_column("services", "usage_stop")
    op.drop_column("brands", "limit_policy")
    op.drop_table("usage_agreements")
    op.drop_table("usage_limit_changes")


def _cross_once(*columns: str) -> None:
    op.drop_constraint(CROSSED_ONCE, "usage_outbox", type_="unique")
    op.create_unique_constraint(
        CROSSED_ONCE, "usage_outbox", list(columns), postgresql_nulls_not_distinct="limit_key" in columns
    )
