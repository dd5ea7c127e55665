"""Payment methods, mandates, attempts with their allocations, refunds, pay links and the webhook inbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paylinks",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_paylinks")),
    )
    op.create_table(
        "payment_allocations",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_allocations_amount_minor")),
        sa.PrimaryKeyConstraint("account_id", "attempt_id", "invoice_id", name=op.f("pk_payment_allocations")),
    )
    op.create_index(
        "uq_payment_allocations_live",
        "payment_allocations",
        ["account_id", "invoice_id"],
        unique=True,
        postgresql_where=sa.text("live"),
    )
    op.create_table(
        "payment_attempts",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("method_id", sa.BigInteger(), nullable=True),
        sa.Column("provider_customer", sa.Text(), nullable=False),
        sa.Column("provider_method", sa.Text(), nullable=False),
        sa.Column("provider_payment", sa.Text(), nullable=False),
        sa.Column("provider_session", sa.Text(), nullable=False),
        sa.Column("session_url", sa.Text(), nullable=False),
        sa.Column("expected_minor", sa.BigInteger(), nullable=False),
        sa.Column("received_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("debit_on", sa.Date(), nullable=True),
        sa.Column("submitted_on", sa.Date(), nullable=True),
        sa.Column("expected_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("call_number", sa.Integer(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("expected_minor > 0", name=op.f("ck_payment_attempts_expected_minor")),
        sa.PrimaryKeyConstraint("account_id", "attempt_id", name=op.f("pk_payment_attempts")),
    )
    op.create_index(
        "ix_payment_attempts_to_ask",
        "payment_attempts",
        ["expected_by"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_table(
        "payment_customers",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_customer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "provider", name=op.f("pk_payment_customers")),
    )
    op.create_table(
        "payment_mandates",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("method_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_mandate", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "method_id", name=op.f("pk_payment_mandates")),
    )
    op.create_table(
        "payment_methods",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("method_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_customer", sa.Text(), nullable=False),
        sa.Column("provider_method", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("last_four", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("blocked_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(last_four) <= 4", name=op.f("ck_payment_methods_last_four")),
        sa.PrimaryKeyConstraint("account_id", "method_id", name=op.f("pk_payment_methods")),
    )
    op.create_index(
        "uq_payment_methods_default",
        "payment_methods",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_index(
        "uq_payment_methods_provider_method",
        "payment_methods",
        ["account_id", "provider", "provider_method"],
        unique=True,
    )
    op.create_table(
        "payment_refunds",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("refund_id", sa.Text(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("provider_refund", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_refunds_amount_minor")),
        sa.PrimaryKeyConstraint("account_id", "refund_id", name=op.f("pk_payment_refunds")),
    )
    op.create_table(
        "provider_references",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "reference", name=op.f("pk_provider_references")),
    )
    op.create_table(
        "webhook_inbox",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("references", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "event_id", name=op.f("pk_webhook_inbox")),
    )
    op.create_index(
        "ix_webhook_inbox_received",
        "webhook_inbox",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("status = 'received'"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_webhook_inbox_received", table_name="webhook_inbox", postgresql_where=sa.text("status = 'received'")
    )
    op.drop_table("webhook_inbox")
    op.drop_table("provider_references")
    op.drop_table("payment_refunds")
    op.drop_index("uq_payment_methods_provider_method", table_name="payment_methods")
    op.drop_index("uq_payment_methods_default", table_name="payment_methods", postgresql_where=sa.text("is_default"))
    op.drop_table("payment_methods")
    op.drop_table("payment_mandates")
    op.drop_table("payment_customers")
    op.drop_index(
        "ix_payment_attempts_to_ask", table_name="payment_attempts", postgresql_where=sa.text("settled_at IS NULL")
    )
    op.drop_table("payment_attempts")
    op.drop_index("uq_payment_allocations_live", table_name="payment_allocations", postgresql_where=sa.text("live"))
    op.drop_table("payment_allocations")
    op.drop_table("paylinks")
