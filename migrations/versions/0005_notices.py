"""Notices with their evidence, and the operators' templates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_notices()
    _create_evidence()
    _create_templates()


def _create_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("notice_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("named_on", sa.Date(), nullable=True),
        sa.Column("invoice_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("hurry", sa.Boolean(), nullable=False),
        sa.Column("fallback_of", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("send_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("vendor", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor_reference", sa.Text(), server_default="", nullable=False),
        sa.Column("template_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("segments", sa.Integer(), server_default="0", nullable=False),
        sa.Column("possible_duplicate", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("in_time", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_on", sa.Date(), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f("ck_notices_channel")),
        sa.CheckConstraint(
            "status IN ('waiting', 'sending', 'unknown', 'accepted', 'delivered', 'failed')",
            name=op.f("ck_notices_status"),
        ),
        sa.PrimaryKeyConstraint("account_id", "notice_id", name=op.f("pk_notices")),
        sa.UniqueConstraint("account_id", "subject", "kind", "occasion", "channel", name="uq_notices_once"),
    )
    op.create_index(
        "ix_notices_unfinished",
        "notices",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('waiting', 'sending', 'unknown')"),
    )


def _create_evidence() -> None:
    op.create_table(
        "notice_evidence",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("notice_id", sa.BigInteger(), nullable=False),
        sa.Column("evidence_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("vendor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "notice_id", "evidence_id", name=op.f("pk_notice_evidence")),
        sa.UniqueConstraint("account_id", "notice_id", "vendor", "event_id", name="uq_notice_evidence_once"),
    )


def _create_templates() -> None:
    op.create_table(
        "notice_templates",
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("template_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "brand", "kind", "channel", "locale", "template_version", name=op.f("pk_notice_templates")
        ),
    )


def downgrade() -> None:
    op.drop_table("notice_templates")
    op.drop_table("notice_evidence")
    op.drop_table("notices")
