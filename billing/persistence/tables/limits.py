"""Limits on usage, and the customer's word to go on beyond one."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Integer, Table, Text

from billing.domain import identity
from billing.persistence.columns import Instant, PrefixedId, account_key, generated_key, metadata, reference

LIMIT_CHANGE = "lim"

# Append-only: the newest change of a limit whose cycle has begun is in force.
usage_limit_changes = Table(
    "usage_limit_changes",
    metadata,
    account_key(),
    generated_key("change_id", LIMIT_CHANGE),
    Column("kind", Text, nullable=False),  # soft | hard
    Column("measure", Text, nullable=False),  # amount | quantity
    reference("service_id", identity.SERVICE, nullable=True),
    Column("meter", Text, nullable=False),
    Column("roaming", Boolean, nullable=False),
    Column("value", BigInteger),
    Column("from_cycle", Integer, nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("asked_by", Text, nullable=False),  # customer | operator
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    CheckConstraint("value >= 0", name="value"),
)

usage_agreements = Table(
    "usage_agreements",
    metadata,
    account_key(),
    Column("cycle_number", Integer, primary_key=True, autoincrement=False),
    Column("service_id", PrefixedId(identity.SERVICE), primary_key=True, autoincrement=False),
    Column("agreed_at", Instant, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
