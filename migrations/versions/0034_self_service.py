"""Self-service of customers: codes to sign in, sessions, changes of contact data, and counts of tries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

EMAIL = sa.text("lower(email)")


def upgrade() -> None:
    quiet = sa.Column("quiet_notices", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False)
    op.add_column("accounts", quiet)
    op.create_index("ix_accounts_lower_email", "accounts", [EMAIL])
    _create_sign_ins()
    _create_sessions()
    _create_contact_changes()
    op.create_table(
        "customer_tries",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("scope", "subject_hash")),
        sa.Column("window_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "subject_hash", "window_from", name=op.f("pk_customer_tries")),
    )
    op.create_index("ix_customer_tries_window_from", "customer_tries", ["window_from"])


def _create_sign_ins() -> None:
    op.create_table(
        "customer_sign_ins",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("request_hash", "code_hash", "link_hash")),
        sa.Column("account_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("asked_at", "ends_at")),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("request_hash", name=op.f("pk_customer_sign_ins")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_customer_sign_ins_link_hash")),
    )
    op.create_index("ix_customer_sign_ins_ends_at", "customer_sign_ins", ["ends_at"])


def _create_sessions() -> None:
    op.create_table(
        "customer_sessions",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("session_hash", sa.Text(), nullable=False),
        sa.Column("account_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("begun_at", "seen_at", "ends_at")),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("account_id", "session_hash", name=op.f("pk_customer_sessions")),
    )
    op.create_index("ix_customer_sessions_ends_at", "customer_sessions", ["ends_at"])


def _create_contact_changes() -> None:
    op.create_table(
        "contact_changes",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("channel", "contact", "code_hash")),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("asked_at", "ends_at")),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "change_id", name=op.f("pk_contact_changes")),
    )
    op.create_index("ix_contact_changes_ends_at", "contact_changes", ["ends_at"])


def downgrade() -> None:
    for table in ("customer_tries", "contact_changes", "customer_sessions", "customer_sign_ins"):
        op.drop_table(table)
    op.drop_index("ix_accounts_lower_email", "accounts")
    op.drop_column("accounts", "quiet_notices")
