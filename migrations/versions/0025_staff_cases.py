"""Cases for people, alerts that went out, checks of the books, and the providers' daily totals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

NUMBERS = sa.Sequence("staff_case_numbers", start=1001)
AMOUNTS = (
    "charged_count",
    *(f"{name}_minor" for name in ("charged", "refunded", "disputed", "fees", "foreign")),
    *(f"booked_{name}_minor" for name in ("charged", "refunded", "disputed")),
    "only_in_books_minor",
)


def _text(name: str, *, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _document(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), nullable=False)


def _case_columns() -> list[sa.Column[object]]:
    columns: list[sa.Column[object]] = [
        sa.Column("case_id", sa.BigInteger(), server_default=NUMBERS.next_value(), nullable=False),
        *map(_text, ("kind", "subject", "severity", "state", "explanation")),
        _document("facts"),
        *map(_instant, ("opened_at", "last_seen_at")),
        sa.Column("times_opened", sa.Integer(), server_default="1", nullable=False),
        *(_instant(name, nullable=True) for name in ("cause_gone_at", "told_at", "closed_at")),
        _document("history"),
    ]
    return columns


def _index_cases(table: str) -> None:
    op.create_index(f"ix_{table}_lasting", table, ["kind"], postgresql_where=sa.text("cause_gone_at IS NULL"))
    op.create_index(f"ix_{table}_not_closed", table, ["case_id"], postgresql_where=sa.text("state <> 'closed'"))


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(NUMBERS))
    op.create_table(
        "staff_cases",
        *_case_columns(),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_staff_cases")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_staff_cases_kind_subject")),
    )
    op.create_table(
        "account_staff_cases",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        *_case_columns(),
        sa.PrimaryKeyConstraint("account_id", "case_id", name=op.f("pk_account_staff_cases")),
        sa.UniqueConstraint(
            "account_id", "kind", "subject", name=op.f("uq_account_staff_cases_account_id_kind_subject")
        ),
    )
    for table in ("staff_cases", "account_staff_cases"):
        _index_cases(table)
    op.create_index("ix_account_staff_cases_case_id", "account_staff_cases", ["case_id"])
    _create_what_upkeep_keeps()
    op.add_column(
        "webhook_inbox", sa.Column("by_webhook", sa.Boolean(), server_default=sa.text("true"), nullable=False)
    )
    op.create_index(
        "ix_webhook_inbox_parked", "webhook_inbox", ["received_at"], postgresql_where=sa.text("status = 'parked'")
    )
    op.create_index("ix_webhook_inbox_by_webhook", "webhook_inbox", ["provider", "by_webhook", "received_at"])
    op.create_index(
        "ix_barring_orders_unfinished", "barring_orders", ["placed_at"], postgresql_where=sa.text("finished_at IS NULL")
    )
    op.create_index(
        "ix_payment_attempts_merchant_error",
        "payment_attempts",
        ["provider"],
        postgresql_where=sa.text("category = 'merchant_error'"),
    )
    op.create_index("ix_ledger_entries_recorded_at", "ledger_entries", ["recorded_at"], postgresql_using="brin")


def _create_what_upkeep_keeps() -> None:
    op.create_table(
        "staff_alerts",
        *map(_text, ("alert", "address", "status")),
        *(_text(name, default="") for name in ("reference", "explanation")),
        _document("message"),
        _instant("created_at"),
        *(_instant(name, nullable=True) for name in ("claimed_at", "finished_at")),
        sa.PrimaryKeyConstraint("alert", "address", name=op.f("pk_staff_alerts")),
    )
    op.create_table(
        "invariant_runs",
        _text("rule"),
        _instant("started_at"),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        _text("scope"),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("first_account_id", "last_account_id")),
        _instant("pass_began_at"),
        sa.Column("ends_pass", sa.Boolean(), nullable=False),
        sa.Column("violations", sa.Integer(), nullable=False),
        _document("examples"),
        _text("failure", default=""),
        sa.PrimaryKeyConstraint("rule", "started_at", name=op.f("pk_invariant_runs")),
    )
    op.create_index("ix_invariant_runs_started_at", "invariant_runs", ["started_at"])
    op.create_table(
        "provider_totals",
        _text("provider"),
        sa.Column("day", sa.Date(), nullable=False),
        _text("currency"),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in AMOUNTS),
        _document("differences"),
        _instant("compared_at"),
        sa.PrimaryKeyConstraint("provider", "day", "currency", name=op.f("pk_provider_totals")),
    )


def downgrade() -> None:
    op.drop_index("ix_ledger_entries_recorded_at", "ledger_entries")
    op.drop_index("ix_payment_attempts_merchant_error", "payment_attempts")
    op.drop_index("ix_barring_orders_unfinished", "barring_orders")
    op.drop_index("ix_webhook_inbox_by_webhook", "webhook_inbox")
    op.drop_index("ix_webhook_inbox_parked", "webhook_inbox")
    op.drop_column("webhook_inbox", "by_webhook")
    for table in ("provider_totals", "invariant_runs", "staff_alerts", "account_staff_cases", "staff_cases"):
        op.drop_table(table)
    op.execute(sa.schema.DropSequence(NUMBERS))
