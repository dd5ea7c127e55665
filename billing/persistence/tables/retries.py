"""Retry policies, and what each card or bank account suffered, by whichever account."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text

from billing.domain import identity
from billing.persistence.columns import Instant, document, metadata, reference

# Global: a policy is a brand's, or everybody's (empty brand).
retry_policies = Table(
    "retry_policies",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("policy_version", Integer, primary_key=True, autoincrement=False),
    document("definition"),
    Column("published_at", Instant, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# Global: schemes count tries per card, whichever of our accounts it pays for.
instrument_tries = Table(
    "instrument_tries",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("attempt_id", Text, primary_key=True),
    reference("account_id", identity.ACCOUNT),
    Column("tried_at", Instant, nullable=False),
    Column("category", Text, nullable=False, server_default=""),
    Column("code", Text, nullable=False, server_default=""),
    Column("is_settled", Boolean, nullable=False, server_default="false"),
)
Index("ix_instrument_tries_tried_at", instrument_tries.c.tried_at)  # for upkeep, which drops old ones
