"""What is open knows when it fell due, so that overdue accounts are found at once; bulk actions; assignees of cases.

Triggers keep it, because a list that was forgotten once would show paid accounts as owing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

# An invoice is booked before its row is written, in one transaction: whichever comes second brings the due date.
_POSTED = """
    CREATE OR REPLACE FUNCTION open_invoices_follow_postings() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO open_invoices AS known (account_id, invoice_id, currency, open_minor, due_on)
        VALUES (NEW.account_id, NEW.invoice_id, NEW.currency, NEW.amount_minor, (
            SELECT due_on FROM invoices
            WHERE invoices.account_id = NEW.account_id AND invoices.invoice_id = NEW.invoice_id))
        ON CONFLICT (account_id, invoice_id) DO UPDATE SET open_minor = known.open_minor + excluded.open_minor;
        DELETE FROM open_invoices
        WHERE account_id = NEW.account_id AND invoice_id = NEW.invoice_id AND open_minor = 0;
        RETURN NULL;
    END $$
"""
_DATED = """
    CREATE FUNCTION open_invoices_take_the_due_date() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE open_invoices SET due_on = NEW.due_on
        WHERE account_id = NEW.account_id AND invoice_id = NEW.invoice_id;
        RETURN NULL;
    END $$
"""
# As it was before.
_POSTED_UNDATED = """
    CREATE OR REPLACE FUNCTION open_invoices_follow_postings() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO open_invoices AS o (account_id, invoice_id, currency, open_minor)
        VALUES (NEW.account_id, NEW.invoice_id, NEW.currency, NEW.amount_minor)
        ON CONFLICT (account_id, invoice_id) DO UPDATE SET open_minor = o.open_minor + EXCLUDED.open_minor;
        DELETE FROM open_invoices
        WHERE account_id = NEW.account_id AND invoice_id = NEW.invoice_id AND open_minor = 0;
        RETURN NULL;
    END $$
"""
_FILL = """
    UPDATE open_invoices o SET due_on = i.due_on FROM invoices i
    WHERE i.account_id = o.account_id AND i.invoice_id = o.invoice_id
"""


def upgrade() -> None:
    _date_open_invoices()
    _create_bulk_actions()
    for table in ("staff_cases", "account_staff_cases"):
        op.add_column(table, sa.Column("assignee", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_promises_running", "promises", ["until"], postgresql_where=sa.text("outcome = ''"))
    op.create_index(
        "ix_accounts_hold_until", "accounts", ["hold_until"], postgresql_where=sa.text("hold_until IS NOT NULL")
    )


def _date_open_invoices() -> None:
    op.add_column("open_invoices", sa.Column("due_on", sa.Date(), nullable=True))
    op.create_index("ix_open_invoices_due_on", "open_invoices", ["due_on"])
    op.execute(_POSTED)
    op.execute(_DATED)
    # From here on no invoice is written until this migration is committed, and none is missed.
    op.execute(
        "CREATE TRIGGER open_invoices_take_the_due_date AFTER INSERT ON invoices FOR EACH ROW "
        "EXECUTE FUNCTION open_invoices_take_the_due_date()"
    )
    op.execute(_FILL)


def _create_bulk_actions() -> None:
    document = postgresql.JSONB(astext_type=sa.Text())
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "bulk_actions",
        sa.Column("bulk_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("definition", document, nullable=False),
        sa.Column("chosen_by", document, nullable=False),
        sa.Column("totals", document, nullable=False),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("previewed_at", instant, nullable=False),
        sa.Column("confirmed_at", instant, nullable=True),
        sa.Column("finished_at", instant, nullable=True),
        sa.Column("history", document, server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("bulk_id", name=op.f("pk_bulk_actions")),
    )
    op.create_index(
        "ix_bulk_actions_unfinished", "bulk_actions", ["bulk_id"], postgresql_where=sa.text("finished_at IS NULL")
    )
    op.create_table(
        "bulk_action_accounts",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("bulk_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("brand", "number", "currency")),
        sa.Column("overdue_minor", sa.BigInteger(), nullable=False),
        sa.Column("foreseen", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("before", document, nullable=True),
        sa.Column("after", document, nullable=True),
        sa.Column("finished_at", instant, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "bulk_id", name=op.f("pk_bulk_action_accounts")),
    )
    op.create_index("ix_bulk_action_accounts_bulk", "bulk_action_accounts", ["bulk_id", "account_id"])
    op.create_index(
        "ix_bulk_action_accounts_waiting",
        "bulk_action_accounts",
        ["bulk_id", "account_id"],
        postgresql_where=sa.text("finished_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_accounts_hold_until", "accounts")
    op.drop_index("ix_promises_running", "promises")
    for table in ("account_staff_cases", "staff_cases"):
        op.drop_column(table, "assignee")
    op.drop_table("bulk_action_accounts")
    op.drop_table("bulk_actions")
    op.execute("DROP TRIGGER open_invoices_take_the_due_date ON invoices")
    op.execute("DROP FUNCTION open_invoices_take_the_due_date()")
    op.execute(_POSTED_UNDATED)
    op.drop_index("ix_open_invoices_due_on", "open_invoices")
    op.drop_column("open_invoices", "due_on")
