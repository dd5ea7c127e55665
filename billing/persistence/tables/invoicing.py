"""Invoices, their lines and numbers, pending adjustments, corrections, and the ledger."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from billing.domain import identity
from billing.persistence.columns import Instant, account_key, document, generated_key, metadata, reference

invoices = Table(
    "invoices",
    metadata,
    account_key(),
    generated_key("invoice_id", identity.INVOICE),
    Column("kind", Text, nullable=False),  # invoice | credit_note
    Column("cycle_number", Integer),  # the cycle an invoice bills; none for a credit note
    reference("corrects_invoice_id", identity.INVOICE, nullable=True),
    Column("brand", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("invoice_date", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("period_from", Date, nullable=False),  # local dates, half-open
    Column("period_to", Date, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("currency", Text, nullable=False),
    Column("net_minor", BigInteger, nullable=False),
    Column("vat_minor", BigInteger, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("method_kind", Text, nullable=False),
    Column("to_collect_minor", BigInteger, nullable=False),  # what the ready notice announced
    document("collect_invoice_ids"),
    Column("explanation", Text, nullable=False),
    Column("author", Text, nullable=False),
    document("customer"),  # personal data as printed; the only column that may change (erasure)
    UniqueConstraint("account_id", "cycle_number", "kind"),
    UniqueConstraint("account_id", "number"),
)
Index("ix_invoices_brand_invoice_date", invoices.c.brand, invoices.c.invoice_date)

invoice_lines = Table(
    "invoice_lines",
    metadata,
    account_key(),
    Column("invoice_id", invoices.c.invoice_id.type, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("section", Text, nullable=False),  # service | adjustment | discount
    reference("service_id", identity.SERVICE, nullable=True),
    Column("kind", Text, nullable=False),
    Column("price_code", Text, nullable=False),
    Column("band", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("tax_code", Text, nullable=False),
    Column("period_from", Date),  # for a line of another period than the invoice's
    Column("period_to", Date),
    Column("events", BigInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("allowance_drawn", BigInteger, nullable=False),
    Column("chargeable_quantity", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("unit_price", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    document("explanation"),
    ForeignKeyConstraint(
        ["account_id", "invoice_id"],
        ["invoices.account_id", "invoices.invoice_id"],
        deferrable=True,
        initially="DEFERRED",  # so that the number series is locked last
    ),
)

invoice_taxes = Table(
    "invoice_taxes",
    metadata,
    account_key(),
    Column("invoice_id", invoices.c.invoice_id.type, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("percent", Numeric(6, 3), nullable=False),
    Column("category", Text, nullable=False),  # EN 16931: S standard, Z zero, AE reverse charge
    Column("net_minor", BigInteger, nullable=False),
    Column("vat_minor", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("tax_codes", JSONB, nullable=False, server_default="[]"),  # of the lines that are taxed so
    ForeignKeyConstraint(
        ["account_id", "invoice_id"],
        ["invoices.account_id", "invoices.invoice_id"],
        deferrable=True,
        initially="DEFERRED",  # so that the number series is locked last
    ),
)

# With which invoice's debit an invoice is collected: itself, or a later one when its amount was carried over.
invoice_collections = Table(
    "invoice_collections",
    metadata,
    account_key(),
    Column("invoice_id", invoices.c.invoice_id.type, primary_key=True),
    reference("collected_with_invoice_id", identity.INVOICE),
)

# Global: a series is shared by the accounts of one brand and billing day.
number_series = Table(
    "number_series",
    metadata,
    Column("series", Text, primary_key=True),
    Column("last_number", BigInteger, nullable=False),
)

issued_numbers = Table(
    "issued_numbers",
    metadata,
    Column("series", Text, primary_key=True),
    Column("sequence_number", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Text, nullable=False),
    reference("account_id", identity.ACCOUNT),
    reference("invoice_id", identity.INVOICE),
    UniqueConstraint("number"),
)

pending_adjustments = Table(
    "pending_adjustments",
    metadata,
    account_key(),
    generated_key("adjustment_id", identity.ADJUSTMENT),
    Column("amount_minor", BigInteger, nullable=False),  # net; a credit is negative
    Column("currency", Text, nullable=False),
    Column("tax_code", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    reference("invoice_id", identity.INVOICE, nullable=True),  # the invoice it went on
)

# What a correction answered, so that the same command again answers the same and changes nothing.
correction_commands = Table(
    "correction_commands",
    metadata,
    account_key(),
    Column("command_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    document("result"),
    Column("at", Instant, nullable=False),
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    account_key(),
    generated_key("entry_id", identity.ENTRY),
    Column("kind", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("provider", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False, server_default=func.now()),
    UniqueConstraint("account_id", "provider", "reference", "kind"),
)
Index("ix_ledger_entries_at", ledger_entries.c.at)
# Entries are appended as they are recorded: a few pages of index find a day among years.
Index("ix_ledger_entries_recorded_at", ledger_entries.c.recorded_at, postgresql_using="brin")

ledger_postings = Table(
    "ledger_postings",
    metadata,
    account_key(),
    Column("entry_id", ledger_entries.c.entry_id.type, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("ledger_account", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # debit positive, credit negative
    Column("currency", Text, nullable=False),
    reference("invoice_id", identity.INVOICE, nullable=True),
    ForeignKeyConstraint(["account_id", "entry_id"], ["ledger_entries.account_id", "ledger_entries.entry_id"]),
)
Index("ix_ledger_postings_account_id_invoice_id", ledger_postings.c.account_id, ledger_postings.c.invoice_id)
