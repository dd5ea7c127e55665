"""Grants: what services may draw beside their plans, and where the number directory splits for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INSTANTS = ("valid_from", "valid_to", "expires_at")
TEXTS = ("rolls_from", "from_plan_code", "author", "reason")


def upgrade() -> None:
    numbers = sa.Sequence("usage_grant_numbers", start=1001)
    op.execute(sa.schema.CreateSequence(numbers))
    op.create_table(
        "usage_grants",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("grant_id", sa.BigInteger(), server_default=numbers.next_value(), nullable=False),
        sa.Column("cycle_number", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("allowance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in INSTANTS),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in ("last_cycle", "from_cycle")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in TEXTS),
        sa.Column("from_plan_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "grant_id", "cycle_number", name=op.f("pk_usage_grants")),
        sa.UniqueConstraint("account_id", "command_id", "cycle_number", name="uq_usage_grants_command"),
    )
    op.add_column("number_directory", sa.Column("drawing_from", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("number_directory", "drawing_from")
    op.drop_table("usage_grants")
    op.execute(sa.schema.DropSequence(sa.Sequence("usage_grant_numbers")))
