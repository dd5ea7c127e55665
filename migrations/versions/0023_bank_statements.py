"""What banks tell: files, statements, entries with their payments, statuses; and money that belongs to nobody yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLES = (
    "bank_statement_files",
    "bank_statement_places",
    "bank_entries",
    "bank_entry_payments",
    "bank_status_reports",
    "bank_news",
    "house_accounts",
    "suspense_items",
)


def texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def day(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Date(), nullable=nullable)


def big(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable, autoincrement=False) for name in names]


def small(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False, autoincrement=False) for name in names]


def generated(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False)


def upgrade() -> None:
    _create_files()
    _create_entries()
    _create_statuses_and_news()
    _create_suspense()


def _create_files() -> None:
    op.create_table(
        "bank_statement_files",
        generated("file_id"),
        *texts("content_hash", "name", "kind", "version", "message_id", "source", "author"),
        instant("received_at"),
        *texts("status"),
        sa.Column("doubts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=True),
        *small("entries", "new_entries", "not_booked"),
        *texts("decided_by", "decision_reason"),
        instant("decided_at", nullable=True),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_bank_statement_files")),
        sa.UniqueConstraint("content_hash", name=op.f("uq_bank_statement_files_content_hash")),
    )
    op.create_table(
        "bank_statement_places",
        *texts("bank_account"),
        *big("file_id"),
        *small("position"),
        *texts("statement_id"),
        *big("sequence", nullable=True),
        *small("page"),
        sa.Column("is_last_page", sa.Boolean(), nullable=False),
        *texts("currency"),
        *big("opening_minor", "closing_minor", nullable=True),
        day("closing_on", nullable=True),
        sa.PrimaryKeyConstraint("bank_account", "file_id", "position", name=op.f("pk_bank_statement_places")),
    )


def _create_entries() -> None:
    op.create_table(
        "bank_entries",
        generated("entry_id"),
        *texts("bank_account", "currency"),
        *big("amount_minor"),
        day("booked_on"),
        day("value_on", nullable=True),
        sa.Column("is_reversal", sa.Boolean(), nullable=False),
        *texts("bank_reference", "content", "transaction_code", "batch_message_id", "payment_information_id", "text"),
        *big("file_id"),
        *big("notified_in", "stated_in", nullable=True),
        sa.CheckConstraint("notified_in IS NOT NULL OR stated_in IS NOT NULL", name=op.f("ck_bank_entries_told")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_bank_entries")),
    )
    op.create_index("ix_bank_entries_booked", "bank_entries", ["bank_account", "booked_on"])
    op.create_table(
        "bank_entry_payments",
        *big("entry_id"),
        *small("position"),
        *big("amount_minor"),
        *texts("end_to_end_id", "mandate_id", "payment_information_id", "bank_reference"),
        *big("original_minor", nullable=True),
        *big("charges_minor"),
        *texts("return_code", "return_text", "counterparty_name", "counterparty_last_four", "remittance"),
        *texts("structured_reference", "effect", "explanation"),
        sa.PrimaryKeyConstraint("entry_id", "position", name=op.f("pk_bank_entry_payments")),
    )
    op.create_index(
        "ix_bank_entry_payments_waiting", "bank_entry_payments", ["entry_id"], postgresql_where=sa.text("effect = ''")
    )


def _create_statuses_and_news() -> None:
    op.create_table(
        "bank_status_reports",
        *big("file_id"),
        *small("position"),
        *texts("status", "message_id", "payment_information_id", "end_to_end_id", "reason_code", "reason_text"),
        *texts("effect", "explanation"),
        sa.PrimaryKeyConstraint("file_id", "position", name=op.f("pk_bank_status_reports")),
    )
    op.create_index(
        "ix_bank_status_reports_waiting", "bank_status_reports", ["file_id"], postgresql_where=sa.text("effect = ''")
    )
    op.create_table(
        "bank_news",
        *big("account_id"),
        *texts("attempt_id", "reference"),
        instant("created_at"),
        sa.PrimaryKeyConstraint("account_id", "attempt_id", "reference", name=op.f("pk_bank_news")),
    )
    op.create_index("ix_bank_news_created", "bank_news", ["created_at"])


def _create_suspense() -> None:
    op.create_table(
        "house_accounts",
        *texts("brand"),
        *big("account_id"),
        sa.CheckConstraint("account_id BETWEEN 1 AND 1000", name=op.f("ck_house_accounts_account_id")),
        sa.PrimaryKeyConstraint("brand", name=op.f("pk_house_accounts")),
        sa.UniqueConstraint("account_id", name=op.f("uq_house_accounts_account_id")),
    )
    op.create_table(
        "suspense_items",
        *big("account_id"),
        generated("suspense_id"),
        *texts("brand", "currency"),
        *big("amount_minor", "entry_id"),
        *small("position"),
        day("booked_on"),
        *texts("why", "explanation", "end_to_end_id", "remittance", "counterparty_name", "counterparty_last_four"),
        *texts("return_code", "status"),
        instant("opened_at"),
        instant("closed_at", nullable=True),
        *texts("author", "reason"),
        *big("to_account_id", nullable=True),
        *texts("to_attempt_id"),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_suspense_items_amount_minor")),
        sa.PrimaryKeyConstraint("account_id", "suspense_id", name=op.f("pk_suspense_items")),
        sa.UniqueConstraint(
            "account_id", "entry_id", "position", "why", name=op.f("uq_suspense_items_account_id_entry_id_position_why")
        ),
    )
    op.create_index(
        "ix_suspense_items_open",
        "suspense_items",
        ["account_id"],
        postgresql_where=sa.text("status IN ('open', 'sending_back')"),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
