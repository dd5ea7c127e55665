"""Money goes back to customers by bank file: payouts, the files that carry them, and what a file carries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bank_batches", sa.Column("kind", sa.Text(), server_default="debits", nullable=False))
    _create_payouts()
    op.create_table(
        "bank_batch_payouts",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("payout_id", sa.BigInteger(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("void", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "payout_id", "batch_id", name=op.f("pk_bank_batch_payouts")),
    )
    op.create_index("ix_bank_batch_payouts_batch", "bank_batch_payouts", ["batch_id"])


def _create_payouts() -> None:
    op.create_table(
        "bank_payouts",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("payout_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        *_texts("command_id", "end_to_end_id", "brand", "attempt_id", "holder_name", "last_four", "bic"),
        sa.Column("iban_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("address", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        *_texts("currency", "description", "author", "reason", "status", "reason_code", "reason_text"),
        *_texts("held_field", "held_value", "held_remedy"),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("pay_on", sa.Date(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        *_texts("bank_reference"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_bank_payouts_amount_minor")),
        sa.CheckConstraint(
            "(status IN ('batched', 'sent')) <= (batch_id IS NOT NULL)", name=op.f("ck_bank_payouts_batch")
        ),
        sa.PrimaryKeyConstraint("account_id", "payout_id", name=op.f("pk_bank_payouts")),
        sa.UniqueConstraint("account_id", "command_id", name=op.f("uq_bank_payouts_account_id_command_id")),
    )
    op.create_index(
        "ix_bank_payouts_to_go",
        "bank_payouts",
        ["brand", "payout_id"],
        postgresql_where=sa.text("status IN ('waiting', 'held')"),
    )
    op.create_index(
        "ix_bank_payouts_batch", "bank_payouts", ["batch_id"], postgresql_where=sa.text("batch_id IS NOT NULL")
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def downgrade() -> None:
    op.drop_table("bank_batch_payouts")
    op.drop_table("bank_payouts")
    # Files of payouts carry no debits, and what is before this knows no others.
    op.execute("DELETE FROM bank_batches WHERE kind <> 'debits'")
    op.drop_column("bank_batches", "kind")
