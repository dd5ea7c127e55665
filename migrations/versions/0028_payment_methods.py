"""What customers agreed to, what instruments suffered, retry policies; methods know their instrument."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

EXPIRING = "is_default AND status = 'usable' AND expires_on IS NOT NULL"


def upgrade() -> None:
    op.add_column("payment_methods", sa.Column("fingerprint", sa.Text(), server_default="", nullable=False))
    op.add_column("payment_methods", sa.Column("expiry_noticed_on", sa.Date(), nullable=True))
    op.create_index(
        "ix_payment_methods_expires_on", "payment_methods", ["expires_on"], postgresql_where=sa.text(EXPIRING)
    )
    for name in ("creditor_id", "ended_by"):
        op.add_column("payment_mandates", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("payment_mandates", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    # Mandates of before are not news to anybody.
    op.execute("UPDATE payment_mandates SET confirmed_at = accepted_at")
    op.create_index(
        "ix_payment_mandates_unconfirmed",
        "payment_mandates",
        ["accepted_at"],
        postgresql_where=sa.text("confirmed_at IS NULL"),
    )
    _create_acceptances()
    _create_retries()


def _create_acceptances() -> None:
    op.create_table(
        "mandate_acceptances",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("acceptance_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("language", "text_shown")),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("accepted_at", "recorded_at")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("ip_address", "user_agent")),
        sa.Column("setup_reference", sa.Text(), server_default="", nullable=False),
        sa.Column("method_id", sa.BigInteger(), nullable=True),
        sa.Column("mandate_reference", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("account_id", "acceptance_id", name=op.f("pk_mandate_acceptances")),
    )


def _create_retries() -> None:
    op.create_table(
        "retry_policies",
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("author", "reason")),
        sa.PrimaryKeyConstraint("brand", "policy_version", name=op.f("pk_retry_policies")),
    )
    op.create_table(
        "instrument_tries",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("provider", "fingerprint", "attempt_id")),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text(), server_default="", nullable=False) for name in ("category", "code")),
        sa.Column("is_settled", sa.Boolean(), server_default="false", nullable=False),
        sa.PrimaryKeyConstraint("provider", "fingerprint", "attempt_id", name=op.f("pk_instrument_tries")),
    )


def downgrade() -> None:
    op.drop_table("instrument_tries")
    op.drop_table("retry_policies")
    op.drop_table("mandate_acceptances")
    op.drop_index("ix_payment_mandates_unconfirmed", "payment_mandates")
    for name in ("confirmed_at", "ended_by", "creditor_id"):
        op.drop_column("payment_mandates", name)
    op.drop_index("ix_payment_methods_expires_on", "payment_methods")
    for name in ("expiry_noticed_on", "fingerprint"):
        op.drop_column("payment_methods", name)
