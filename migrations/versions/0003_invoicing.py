"""Invoices, their numbers, corrections and the append-only ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APPEND_ONLY = ("ledger_entries", "ledger_postings", "invoice_lines", "invoice_taxes", "issued_numbers")

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: write a new row that corrects it', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$
"""

# The printed name and address can be erased; the document itself never changes.
REFUSE_DOCUMENT_CHANGE = """
CREATE FUNCTION refuse_document_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'customer' = to_jsonb(OLD) - 'customer' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an issued document never changes: issue another one that corrects it'
        USING ERRCODE = 'restrict_violation';
END $$
"""


def upgrade() -> None:
    _create_tables()
    op.execute(REFUSE_CHANGE)
    op.execute(REFUSE_DOCUMENT_CHANGE)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON invoices "
        "FOR EACH ROW EXECUTE FUNCTION refuse_document_change()"
    )


def _create_tables() -> None:
    op.create_table(
        "correction_commands",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "command_id", name=op.f("pk_correction_commands")),
    )
    op.create_table(
        "invoice_collections",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("collected_with_invoice_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "invoice_id", name=op.f("pk_invoice_collections")),
    )
    op.create_table(
        "invoices",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cycle_number", sa.Integer(), nullable=True),
        sa.Column("corrects_invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("invoice_date", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("period_from", sa.Date(), nullable=False),
        sa.Column("period_to", sa.Date(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("vat_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("method_kind", sa.Text(), nullable=False),
        sa.Column("to_collect_minor", sa.BigInteger(), nullable=False),
        sa.Column("collect_invoice_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("customer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "invoice_id", name=op.f("pk_invoices")),
        sa.UniqueConstraint(
            "account_id", "cycle_number", "kind", name=op.f("uq_invoices_account_id_cycle_number_kind")
        ),
        sa.UniqueConstraint("account_id", "number", name=op.f("uq_invoices_account_id_number")),
    )
    op.create_index("ix_invoices_brand_invoice_date", "invoices", ["brand", "invoice_date"], unique=False)
    op.create_table(
        "issued_numbers",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("sequence_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("series", "sequence_number", name=op.f("pk_issued_numbers")),
        sa.UniqueConstraint("number", name=op.f("uq_issued_numbers_number")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "entry_id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint(
            "account_id",
            "provider",
            "reference",
            "kind",
            name=op.f("uq_ledger_entries_account_id_provider_reference_kind"),
        ),
    )
    op.create_index("ix_ledger_entries_at", "ledger_entries", ["at"], unique=False)
    op.create_table(
        "number_series",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_number_series")),
    )
    op.create_table(
        "pending_adjustments",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("adjustment_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("tax_code", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "adjustment_id", name=op.f("pk_pending_adjustments")),
    )
    op.create_table(
        "invoice_lines",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("price_code", sa.Text(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tax_code", sa.Text(), nullable=False),
        sa.Column("period_from", sa.Date(), nullable=True),
        sa.Column("period_to", sa.Date(), nullable=True),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("allowance_drawn", sa.BigInteger(), nullable=False),
        sa.Column("chargeable_quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("explanation", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "invoice_id"],
            ["invoices.account_id", "invoices.invoice_id"],
            name=op.f("fk_invoice_lines_account_id_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("account_id", "invoice_id", "position", name=op.f("pk_invoice_lines")),
    )
    op.create_table(
        "invoice_taxes",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("percent", sa.Numeric(precision=6, scale=3), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("vat_minor", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "invoice_id"],
            ["invoices.account_id", "invoices.invoice_id"],
            name=op.f("fk_invoice_taxes_account_id_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("account_id", "invoice_id", "position", name=op.f("pk_invoice_taxes")),
    )
    op.create_table(
        "ledger_postings",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ledger_account", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "entry_id"],
            ["ledger_entries.account_id", "ledger_entries.entry_id"],
            name=op.f("fk_ledger_postings_account_id_entry_id"),
        ),
        sa.PrimaryKeyConstraint("account_id", "entry_id", "position", name=op.f("pk_ledger_postings")),
    )
    op.create_index(
        "ix_ledger_postings_account_id_invoice_id", "ledger_postings", ["account_id", "invoice_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_ledger_postings_account_id_invoice_id", table_name="ledger_postings")
    op.drop_table("ledger_postings")
    op.drop_table("invoice_taxes")
    op.drop_table("invoice_lines")
    op.drop_table("pending_adjustments")
    op.drop_table("number_series")
    op.drop_index("ix_ledger_entries_at", table_name="ledger_entries")
    op.drop_table("ledger_entries")
    op.drop_table("issued_numbers")
    op.drop_index("ix_invoices_brand_invoice_date", table_name="invoices")
    op.drop_table("invoices")
    op.drop_table("invoice_collections")
    op.drop_table("correction_commands")
    op.execute("DROP FUNCTION refuse_document_change()")
    op.execute("DROP FUNCTION refuse_change()")
