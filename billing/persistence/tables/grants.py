"""Grants: quantities that services may draw beside their plans."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Sequence, Table, Text, UniqueConstraint

from billing.domain import identity
from billing.persistence.columns import Instant, PrefixedId, document, metadata, reference

grant_numbers = Sequence("usage_grant_numbers", start=1001, metadata=metadata)

# A grant has a row for every cycle it reaches, with what that cycle began with.
usage_grants = Table(
    "usage_grants",
    metadata,
    Column("account_id", PrefixedId(identity.ACCOUNT), nullable=False),
    Column("grant_id", PrefixedId(identity.GRANT), nullable=False, server_default=grant_numbers.next_value()),
    Column("cycle_number", Integer, nullable=False),
    reference("service_id", identity.SERVICE),
    Column("origin", Text, nullable=False),  # rollover | add_on
    document("allowance"),
    Column("quantity", BigInteger, nullable=False),
    Column("command_id", Text, nullable=False),
    Column("granted_at", Instant, nullable=False),
    Column("valid_from", Instant),
    Column("valid_to", Instant),
    Column("last_cycle", Integer),
    Column("expires_at", Instant),
    Column("rolls_from", Text, nullable=False),
    Column("from_cycle", Integer),
    Column("from_plan_code", Text, nullable=False),
    Column("from_plan_version", Integer, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("account_id", "grant_id", "cycle_number"),
    UniqueConstraint("account_id", "command_id", "cycle_number", name="uq_usage_grants_command"),
)
