"""What became of stored events that were taken back or guided anew: appended, never changed."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, Uuid

from billing.domain import identity
from billing.persistence.columns import Instant, account_key, document, generated_key, metadata, reference

CORRECTION = "cor"

usage_corrections = Table(
    "usage_corrections",
    metadata,
    account_key(),
    generated_key("correction_id", CORRECTION),
    Column("kind", Text, nullable=False),  # cancelled | moved | rerated | resent
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("key_hash", Uuid, nullable=False),
    Column("part", Integer, nullable=False),
    Column("cycle_number", Integer, nullable=False),
    document("event"),  # the row as it was
    Column("became", Text, nullable=False),  # what it is now, empty when it is gone
    reference("file_id", identity.FILE, nullable=True),
    Index("ix_usage_corrections_event", "account_id", "started_at", "key_hash"),
)
