"""Sessions that several records describe, and their parts. Whose they are is known only when they are whole."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from billing.domain import identity
from billing.persistence.columns import Instant, document, metadata, reference

usage_sessions = Table(
    "usage_sessions",
    metadata,
    Column("session_hash", Uuid, primary_key=True),  # 128 bit of (source, session_key)
    Column("source", Text, nullable=False),
    Column("session_key", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="open"),  # open | complete | closed
    Column("opened_at", Instant, nullable=False),
    Column("event", JSONB),
    Column("raw", Text, nullable=False),
    reference("file_id", identity.FILE, nullable=True),
    Column("line_number", BigInteger),
    Column("reported_at", Instant),
    Column("settled_at", Instant),
    reference("settled_file_id", identity.FILE, nullable=True),
    Index(
        "ix_usage_sessions_waiting",
        "profile",
        "opened_at",
        postgresql_where=text("status = 'open' AND reported_at IS NULL"),
    ),
    Index("ix_usage_sessions_settled_file_id", "settled_file_id", postgresql_where=text("settled_file_id IS NOT NULL")),
    Index("ix_usage_sessions_settled", "settled_at", postgresql_where=text("status <> 'open'")),
)

usage_session_parts = Table(
    "usage_session_parts",
    metadata,
    Column("session_hash", Uuid, ForeignKey(usage_sessions.c.session_hash, ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("part_order", BigInteger, primary_key=True, autoincrement=False),
    document("fields"),
    reference("file_id", identity.FILE, nullable=True),
    Index("ix_usage_session_parts_file_id", "file_id"),
)
