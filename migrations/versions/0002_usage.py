"""Usage events in daily partitions, counters, late usage, thresholds, files, and records that wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_usage_counters()
    _create_usage_events()
    _create_usage_files()
    _create_usage_issues()
    _create_usage_late()
    _create_usage_outbox()


def downgrade() -> None:
    op.drop_index("ix_usage_outbox_pending", table_name="usage_outbox", postgresql_where=sa.text("sent_at IS NULL"))
    op.drop_table("usage_outbox")
    op.drop_table("usage_late")
    op.drop_index("uq_usage_issues_open", table_name="usage_issues", postgresql_where=sa.text("status = 'open'"))
    op.drop_index("ix_usage_issues_identifier", table_name="usage_issues", postgresql_where=sa.text("status = 'open'"))
    op.drop_table("usage_issues")
    op.drop_table("usage_files")
    op.drop_index("ix_usage_events_service", table_name="usage_events")
    op.drop_table("usage_events")
    op.drop_table("usage_counters")


def _create_usage_counters() -> None:
    op.create_table(
        "usage_counters",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("cycle_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("service_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("plan_code", sa.Text(), nullable=False),
        sa.Column("plan_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("price_code", sa.Text(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id",
            "cycle_number",
            "service_id",
            "plan_code",
            "plan_version",
            "price_code",
            "band",
            name=op.f("pk_usage_counters"),
        ),
        postgresql_with={"fillfactor": "70"},
    )


def _create_usage_events() -> None:
    op.create_table(
        "usage_events",
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_hash", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("cycle_number", sa.Integer(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_hash", sa.Uuid(), nullable=False),
        sa.Column("plan_code", sa.Text(), nullable=False),
        sa.Column("plan_version", sa.Integer(), nullable=False),
        sa.Column("price_code", sa.Text(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("billable_quantity", sa.BigInteger(), nullable=False),
        sa.Column("counted_amount", sa.Numeric(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("started_at", "key_hash", "account_id", name=op.f("pk_usage_events")),
        postgresql_partition_by="RANGE (started_at)",
    )
    op.create_index("ix_usage_events_service", "usage_events", ["account_id", "service_id", "started_at"], unique=False)


def _create_usage_files() -> None:
    op.create_table(
        "usage_files",
        sa.Column("file_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_as", sa.Text(), nullable=False),
        sa.Column("lines_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accepted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duplicates", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("conflicts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("recycled", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rejected", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("late", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_usage_files")),
        sa.UniqueConstraint("sha256", "profile", name=op.f("uq_usage_files_sha256_profile")),
    )


def _create_usage_issues() -> None:
    op.create_table(
        "usage_issues",
        sa.Column("issue_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("event", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("dedup_hash", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("line_number", sa.BigInteger(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("pk_usage_issues")),
    )
    op.create_index(
        "ix_usage_issues_identifier",
        "usage_issues",
        ["identifier"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "uq_usage_issues_open", "usage_issues", ["dedup_hash"], unique=True, postgresql_where=sa.text("status = 'open'")
    )


def _create_usage_late() -> None:
    op.create_table(
        "usage_late",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("late_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("cycle_number", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_code", sa.Text(), nullable=False),
        sa.Column("plan_version", sa.Integer(), nullable=False),
        sa.Column("price_code", sa.Text(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("first_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "late_id", name=op.f("pk_usage_late")),
    )


def _create_usage_outbox() -> None:
    op.create_table(
        "usage_outbox",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("outbox_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("cycle_number", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("allowance_code", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("included", sa.BigInteger(), nullable=False),
        sa.Column("crossed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "outbox_id", name=op.f("pk_usage_outbox")),
        sa.UniqueConstraint(
            "account_id", "cycle_number", "service_id", "allowance_code", "percent", name="uq_usage_outbox"
        ),
    )
    op.create_index(
        "ix_usage_outbox_pending",
        "usage_outbox",
        ["outbox_id"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL"),
    )
