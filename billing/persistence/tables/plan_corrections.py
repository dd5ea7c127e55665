"""Corrections of published prices, and what they changed in each cycle."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, Integer, Table, Text

from billing.domain import identity
from billing.persistence.columns import Instant, PrefixedId, account_key, document, metadata, reference

plan_corrections = Table(
    "plan_corrections",
    metadata,
    Column("correction_id", PrefixedId(identity.CORRECTION), Identity(start=1001), primary_key=True),
    Column("plan_code", Text, nullable=False),
    Column("plan_version", Integer, nullable=False),
    Column("corrected_version", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("finished_at", Instant),
    reference("last_account_id", identity.ACCOUNT, nullable=True),
    *[
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in ("accounts", "events", "waiting", "difference_minor")
    ],
)
# One at a time of a plan, so that versions never count in a circle.
Index(
    "uq_plan_corrections_unfinished",
    plan_corrections.c.plan_code,
    unique=True,
    postgresql_where=plan_corrections.c.finished_at.is_(None),
)

plan_correction_differences = Table(
    "plan_correction_differences",
    metadata,
    account_key(),
    Column("correction_id", PrefixedId(identity.CORRECTION), primary_key=True),
    Column("cycle_number", Integer, primary_key=True, autoincrement=False),
    Column("billed", Boolean, nullable=False),
    Column("before_minor", BigInteger, nullable=False),
    Column("after_minor", BigInteger, nullable=False),
    document("lines"),
    Index("ix_plan_correction_differences_correction", "correction_id", "account_id", "cycle_number"),
)
