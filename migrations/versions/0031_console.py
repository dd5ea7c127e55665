"""What is open per invoice, kept by a trigger of the ledger; indexes for search and overviews of the console."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

# A trigger, because an amount that was forgotten once would be wrong for ever; the account's lock orders the writers.
_FOLLOW = """
    CREATE FUNCTION open_invoices_follow_postings() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO open_invoices AS o (account_id, invoice_id, currency, open_minor)
        VALUES (NEW.account_id, NEW.invoice_id, NEW.currency, NEW.amount_minor)
        ON CONFLICT (account_id, invoice_id) DO UPDATE SET open_minor = o.open_minor + EXCLUDED.open_minor;
        DELETE FROM open_invoices
        WHERE account_id = NEW.account_id AND invoice_id = NEW.invoice_id AND open_minor = 0;
        RETURN NULL;
    END $$
"""
_INDEXES = {
    "ix_accounts_customer_name_words": "accounts USING gin (lower(customer_name) gin_trgm_ops)",
    "ix_accounts_company_words": "accounts USING gin (lower(company) gin_trgm_ops)",
    "ix_accounts_number_begins": "accounts (lower(number) text_pattern_ops)",
    "ix_accounts_email_begins": "accounts (lower(email) text_pattern_ops)",
    "ix_accounts_sorted_by_name": "accounts (lower(customer_name), account_id)",
    "ix_accounts_mobile": "accounts (mobile)",
    "ix_services_identifier": "services USING gin (identifier gin_trgm_ops)",
    "ix_payment_methods_last_four": "payment_methods (last_four)",
    "ix_issued_numbers_invoice_id": "issued_numbers (invoice_id)",
    "ix_payment_mandates_reference": "payment_mandates (reference)",
    "ix_cycles_closes_at": "cycles (closes_at)",
    "ix_cycles_debit_on": "cycles (debit_on)",
    "ix_invoices_issued_at": "invoices (issued_at)",
    "ix_payment_attempts_created_at": "payment_attempts (created_at)",
    "ix_payment_attempts_settled_at": "payment_attempts (settled_at) WHERE settled_at IS NOT NULL",
}


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "open_invoices",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("open_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "invoice_id", name=op.f("pk_open_invoices")),
    )
    op.execute(_FOLLOW)
    op.execute(
        "CREATE TRIGGER open_invoices_follow_postings AFTER INSERT ON ledger_postings FOR EACH ROW "
        "WHEN (NEW.ledger_account = 'receivable' AND NEW.invoice_id IS NOT NULL) "
        "EXECUTE FUNCTION open_invoices_follow_postings()"
    )
    op.execute(
        "INSERT INTO open_invoices SELECT account_id, invoice_id, min(currency), sum(amount_minor) "
        "FROM ledger_postings WHERE ledger_account = 'receivable' AND invoice_id IS NOT NULL "
        "GROUP BY account_id, invoice_id HAVING sum(amount_minor) <> 0"
    )
    for name, where in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {where}")


def downgrade() -> None:
    for name in reversed(_INDEXES):
        op.execute(f"DROP INDEX {name}")
    op.execute("DROP TRIGGER open_invoices_follow_postings ON ledger_postings")
    op.execute("DROP FUNCTION open_invoices_follow_postings()")
    op.drop_table("open_invoices")
    op.execute("DROP EXTENSION IF EXISTS pg_trgm")
