"""A mandate may go on with another account or reference; a brand may claim the VAT of bad debts back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bank_accounts", sa.Column("amends_method_id", sa.BigInteger(), nullable=True))
    op.add_column("bank_debits", sa.Column("amended", sa.Boolean(), server_default="false", nullable=False))
    op.add_column(
        "brands",
        sa.Column("bad_debt_relief", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
    )
    op.create_index(
        "ix_bank_entries_unstated",
        "bank_entries",
        ["bank_account", "booked_on"],
        postgresql_where=sa.text("stated_in IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_bank_entries_unstated", table_name="bank_entries")
    op.drop_column("brands", "bad_debt_relief")
    op.drop_column("bank_debits", "amended")
    op.drop_column("bank_accounts", "amends_method_id")
