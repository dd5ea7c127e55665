"""Who may sign in, with what and from where, and what they did: users, sessions, counters, the audit trail."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, func, text

from billing.persistence.columns import Instant, PrefixedId, generated_key, metadata

users = Table(
    "users",
    metadata,
    generated_key("user_id", "usr"),
    Column("email", Text, nullable=False, unique=True),  # in lower case
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),  # viewer | agent | finance | admin
    Column("status", Text, nullable=False),  # invited | active | disabled
    Column("password_hash", Text, nullable=False, server_default=""),  # Argon2; empty: signs in elsewhere, or not yet
    Column("password_set_at", Instant),
    Column("factor_sealed", LargeBinary),  # the secret of the second factor, encrypted
    Column("factor_confirmed_at", Instant),
    Column("factor_last_step", BigInteger, nullable=False, server_default="0"),  # a code is taken once
    Column("issuer", Text, nullable=False, server_default=""),  # of OpenID Connect, with the subject there
    Column("subject", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("last_seen_at", Instant),
    Index("uq_users_issuer_subject", "issuer", "subject", unique=True, postgresql_where=text("subject <> ''")),
)

user_recovery_codes = Table(
    "user_recovery_codes",
    metadata,
    Column("user_id", PrefixedId("usr"), ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True),
    Column("code_hash", Text, primary_key=True),
    Column("used_at", Instant),
)

user_links = Table(
    "user_links",
    metadata,
    Column("link_hash", Text, primary_key=True),
    Column("user_id", PrefixedId("usr"), ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("purpose", Text, nullable=False),  # invitation | reset
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
)

user_sessions = Table(
    "user_sessions",
    metadata,
    generated_key("session_id", "ses"),
    Column("word_hash", Text, nullable=False, unique=True),
    Column(
        "user_id", PrefixedId("usr"), ForeignKey("users.user_id", ondelete="CASCADE"), index=True
    ),  # none: an API key
    Column("key_hash", Text, nullable=False, server_default=""),
    Column("signed_in_by", Text, nullable=False),  # password | openid | key
    Column("stage", Text, nullable=False),  # code | enrolment | open
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("ended_at", Instant),
    Column("address", Text, nullable=False),
    Column("browser", Text, nullable=False),
)

rate_counters = Table(
    "rate_counters",
    metadata,
    Column("counter", Text, primary_key=True),
    Column("hits", Integer, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)

audit_events = Table(
    "audit_events",
    metadata,
    generated_key("event_id", "aud"),
    Column("at", Instant, nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("signed_in_by", Text, nullable=False),  # key | password | openid | demo; empty for nobody
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("place", Text, nullable=False),  # method and route, such as POST /v1/accounts/{account_id}/hold
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("outcome", Text, nullable=False),  # done, or what it was refused for
    Column("status", Integer, nullable=False),
    Index("ix_audit_events_at", "at"),
    Index("ix_audit_events_actor", "actor", "event_id"),
    Index("ix_audit_events_subject", "subject", "event_id"),
)
