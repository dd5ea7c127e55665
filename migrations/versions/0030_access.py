"""Operators as people: users, their links and sessions, counters of tries, and the append-only audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_users()
    _create_links()
    _create_sessions()
    op.create_table(
        "rate_counters",
        sa.Column("counter", sa.Text(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        _instant("expires_at"),
        sa.PrimaryKeyConstraint("counter", name=op.f("pk_rate_counters")),
    )
    op.create_index(op.f("ix_rate_counters_expires_at"), "rate_counters", ["expires_at"])
    _create_audit()


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("email", "name", "role", "status")),
        sa.Column("password_hash", sa.Text(), server_default="", nullable=False),
        _instant("password_set_at", nullable=True),
        sa.Column("factor_sealed", sa.LargeBinary(), nullable=True),
        _instant("factor_confirmed_at", nullable=True),
        sa.Column("factor_last_step", sa.BigInteger(), server_default="0", nullable=False),
        *(sa.Column(name, sa.Text(), server_default="", nullable=False) for name in ("issuer", "subject")),
        _instant("created_at"),
        sa.Column("created_by", sa.Text(), nullable=False),
        _instant("last_seen_at", nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_index(
        "uq_users_issuer_subject",
        "users",
        ["issuer", "subject"],
        unique=True,
        postgresql_where=sa.text("subject <> ''"),
    )


def _create_links() -> None:
    op.create_table(
        "user_recovery_codes",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        _instant("used_at", nullable=True),
        _of_user("user_recovery_codes"),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_user_recovery_codes")),
    )
    op.create_table(
        "user_links",
        sa.Column("link_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        _instant("created_at"),
        sa.Column("created_by", sa.Text(), nullable=False),
        _instant("expires_at"),
        _instant("used_at", nullable=True),
        _of_user("user_links"),
        sa.PrimaryKeyConstraint("link_hash", name=op.f("pk_user_links")),
    )
    op.create_index(op.f("ix_user_links_user_id"), "user_links", ["user_id"])


def _create_sessions() -> None:
    op.create_table(
        "user_sessions",
        sa.Column("session_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("word_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("key_hash", sa.Text(), server_default="", nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("signed_in_by", "stage")),
        *(_instant(name) for name in ("started_at", "seen_at", "expires_at")),
        _instant("ended_at", nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("address", "browser")),
        _of_user("user_sessions"),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("word_hash", name=op.f("uq_user_sessions_word_hash")),
    )
    for name in ("user_id", "expires_at"):
        op.create_index(op.f(f"ix_user_sessions_{name}"), "user_sessions", [name])


def _create_audit() -> None:
    words = ("actor", "role", "signed_in_by", "address", "action", "place", "subject", "reason", "outcome")
    op.create_table(
        "audit_events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in words),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_audit_events")),
    )
    op.create_index("ix_audit_events_at", "audit_events", ["at"])
    op.create_index("ix_audit_events_actor", "audit_events", ["actor", "event_id"])
    op.create_index("ix_audit_events_subject", "audit_events", ["subject", "event_id"])
    for trigger, moment in (
        ("append_only BEFORE UPDATE OR DELETE", "ROW"),
        ("never_emptied BEFORE TRUNCATE", "STATEMENT"),
    ):
        op.execute(f"CREATE TRIGGER {trigger} ON audit_events FOR EACH {moment} EXECUTE FUNCTION refuse_change()")


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE")


def downgrade() -> None:
    for table in (
        "audit_events",
        "rate_counters",
        "user_sessions",
        "user_links",
        "user_recovery_codes",
        "users",
    ):
        op.drop_table(table)
