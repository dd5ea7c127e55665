"""What is open now per invoice, and the indexes by which people find accounts and read overviews."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Index, Table, Text, func, text

from billing.domain import identity
from billing.persistence.columns import account_key, metadata, reference
from billing.persistence.tables.accounts import accounts, cycles, services
from billing.persistence.tables.invoicing import invoices, issued_numbers
from billing.persistence.tables.payments import payment_attempts, payment_mandates, payment_methods

# The receivable postings of each invoice, added up by a trigger of ledger_postings; no row where they are zero.
open_invoices = Table(
    "open_invoices",
    metadata,
    account_key(),
    Column("invoice_id", reference("invoice_id", identity.INVOICE).type, primary_key=True, autoincrement=False),
    Column("currency", Text, nullable=False),
    Column("open_minor", BigInteger, nullable=False),
    Column("due_on", Date),  # as the invoice was issued; a debit that moved makes it later (cycles.debit_on)
    Index("ix_open_invoices_due_on", "due_on"),
)

# Names and lines by any part of them; everything else by its beginning, or whole.
for _name in ("customer_name", "company"):
    Index(
        f"ix_accounts_{_name}_words",
        func.lower(accounts.c[_name]).label(_name),
        postgresql_using="gin",
        postgresql_ops={_name: "gin_trgm_ops"},
    )
for _name in ("number", "email"):
    Index(
        f"ix_accounts_{_name}_begins",
        func.lower(accounts.c[_name]).label(_name),
        postgresql_ops={_name: "text_pattern_ops"},
    )
Index("ix_accounts_sorted_by_name", func.lower(accounts.c.customer_name), accounts.c.account_id)
Index("ix_accounts_mobile", accounts.c.mobile)
Index(
    "ix_services_identifier",
    services.c.identifier,
    postgresql_using="gin",
    postgresql_ops={"identifier": "gin_trgm_ops"},
)
Index("ix_payment_methods_last_four", payment_methods.c.last_four)
Index("ix_issued_numbers_invoice_id", issued_numbers.c.invoice_id)
Index("ix_payment_mandates_reference", payment_mandates.c.reference)

# One day of each, over all accounts.
Index("ix_cycles_closes_at", cycles.c.closes_at)
Index("ix_cycles_debit_on", cycles.c.debit_on)
Index("ix_invoices_issued_at", invoices.c.issued_at)
Index("ix_payment_attempts_created_at", payment_attempts.c.created_at)
Index(
    "ix_payment_attempts_settled_at",
    payment_attempts.c.settled_at,
    postgresql_where=text("settled_at IS NOT NULL"),
)
Index(
    "ix_payment_attempts_taken_back_at",
    payment_attempts.c.taken_back_at,
    postgresql_where=text("taken_back_at IS NOT NULL"),
)
