"""Direct debit by bank file: creditors, bank accounts with mandates, debits and batches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def document(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), nullable=False)


def number(name: str, kind: type[sa.Integer] = sa.Integer, **options: object) -> sa.Column[int]:
    return sa.Column(name, kind(), nullable=False, **options)


def upgrade() -> None:
    op.create_table(
        "bank_creditors",
        *texts("brand"),
        number("revision", autoincrement=False),
        *texts("name", "iban", "bic", "creditor_id"),
        document("address"),
        *texts("message_version", "first_sequence"),
        *(number(name) for name in ("lead_banking_days", "cut_off_hour_local", "make_hours_before")),
        number("largest_minor", sa.BigInteger),
        *texts("delivery"),
        instant("changed_at"),
        *texts("author", "reason"),
        sa.PrimaryKeyConstraint("brand", "revision", name=op.f("pk_bank_creditors")),
    )
    op.create_table(
        "bank_accounts",
        *(number(name, sa.BigInteger, autoincrement=False) for name in ("account_id", "method_id")),
        *texts("holder_name"),
        sa.Column("iban_sealed", sa.LargeBinary(), nullable=False),
        *texts("bic"),
        document("address"),
        *texts("mandate_reference"),
        sa.Column("signed_on", sa.Date(), nullable=False),
        *texts("scheme"),
        sa.Column("one_off", sa.Boolean(), nullable=False),
        document("evidence"),
        instant("created_at"),
        sa.PrimaryKeyConstraint("account_id", "method_id", name=op.f("pk_bank_accounts")),
    )
    _create_debits()
    _create_batches()


def _create_debits() -> None:
    op.create_table(
        "bank_debits",
        number("account_id", sa.BigInteger, autoincrement=False),
        *texts("attempt_id", "end_to_end_id", "brand"),
        *(number(name, sa.BigInteger) for name in ("method_id", "amount_minor")),
        *texts("currency", "description", "mandate_reference"),
        sa.Column("signed_on", sa.Date(), nullable=False),
        *texts("scheme", "sequence"),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("collect_on", sa.Date(), nullable=True),
        *texts("status", "reason_code", "reason_text", "held_field", "held_value", "held_remedy"),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        *(instant(name, nullable=True) for name in ("settled_at", "returned_at")),
        number("returned_minor", sa.BigInteger, server_default="0"),
        *(sa.Column(name, sa.Text(), server_default="", nullable=False) for name in ("bank_reference",)),
        *(sa.Column(name, sa.Text(), server_default="", nullable=False) for name in ("return_reference",)),
        *(instant(name) for name in ("created_at", "changed_at")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_bank_debits_amount_minor")),
        sa.CheckConstraint(
            "(status IN ('batched', 'sent')) <= (batch_id IS NOT NULL)", name=op.f("ck_bank_debits_batch")
        ),
        sa.PrimaryKeyConstraint("account_id", "attempt_id", name=op.f("pk_bank_debits")),
    )
    op.create_table(
        "bank_batch_debits",
        number("account_id", sa.BigInteger, autoincrement=False),
        *texts("attempt_id"),
        *(number(name, sa.BigInteger, autoincrement=False) for name in ("batch_id", "amount_minor")),
        sa.Column("void", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "attempt_id", "batch_id", name=op.f("pk_bank_batch_debits")),
    )
    op.create_index("ix_bank_batch_debits_batch", "bank_batch_debits", ["batch_id"])
    op.create_index(
        "ix_bank_debits_to_go",
        "bank_debits",
        ["brand", "due_on"],
        postgresql_where=sa.text("status IN ('waiting', 'held')"),
    )
    op.create_index(
        "ix_bank_debits_batch", "bank_debits", ["batch_id"], postgresql_where=sa.text("batch_id IS NOT NULL")
    )


def _create_batches() -> None:
    op.create_table(
        "bank_batches",
        sa.Column("batch_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        *texts("brand"),
        sa.Column("collect_on", sa.Date(), nullable=False),
        *texts("sequence", "scheme", "version", "message_id"),
        number("count"),
        number("control_sum_minor", sa.BigInteger),
        *texts("file_hash"),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        document("creditor"),
        *texts("status", "reason"),
        *(instant(name) for name in ("made_at", "deliver_by")),
        *(instant(name, nullable=True) for name in ("downloaded_at", "delivered_at")),
        *texts("delivered_how", "author"),
        sa.CheckConstraint("count > 0", name=op.f("ck_bank_batches_count")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_bank_batches")),
        sa.UniqueConstraint("message_id", name=op.f("uq_bank_batches_message_id")),
    )
    op.create_index(
        "ix_bank_batches_to_deliver",
        "bank_batches",
        ["batch_id"],
        postgresql_where=sa.text("status IN ('made', 'held', 'staged')"),
    )


def downgrade() -> None:
    for table in ("bank_batches", "bank_batch_debits", "bank_debits", "bank_accounts", "bank_creditors"):
        op.drop_table(table)
