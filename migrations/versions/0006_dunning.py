"""Dunning policies by version, cases, promises and disputes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_policies()
    _create_cases()
    _create_promises()
    _create_disputes()


def _create_policies() -> None:
    op.create_table(
        "dunning_policies",
        sa.Column("policy_code", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("policy_code", "policy_version", name=op.f("pk_dunning_policies")),
    )


def _create_cases() -> None:
    op.create_table(
        "dunning_cases",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("policy_code", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invoice_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("steps_done", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("failures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("last_failure_category", sa.Text(), server_default="", nullable=False),
        sa.Column("stage", sa.Text(), server_default="opened", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("next_action_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("account_id", "case_id", name=op.f("pk_dunning_cases")),
    )
    op.create_index(
        "uq_dunning_cases_open",
        "dunning_cases",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _create_promises() -> None:
    op.create_table(
        "promises",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("promise_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "promise_id", name=op.f("pk_promises")),
        sa.UniqueConstraint("account_id", "command_id", name=op.f("uq_promises_account_id_command_id")),
    )


def _create_disputes() -> None:
    op.create_table(
        "disputes",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("dispute_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("account_id", "dispute_id", name=op.f("pk_disputes")),
    )


def downgrade() -> None:
    op.drop_table("disputes")
    op.drop_table("promises")
    op.drop_table("dunning_cases")
    op.drop_table("dunning_policies")
