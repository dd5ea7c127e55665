"""Barring orders and what the network confirmed of them."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, Table, Text, text

from billing.domain import identity
from billing.persistence.columns import Instant, account_key, generated_key, metadata, reference

barring_orders = Table(
    "barring_orders",
    metadata,
    account_key(),
    Column("order_id", Text, primary_key=True),
    Column("level", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column("outcome", Text, nullable=False, server_default="placed"),  # placed | confirmed | withdrawn | failed
    Column("finished_at", Instant),
    Column("cause", Text, nullable=False, server_default=""),  # why, as billing.domain.restrictions has it
    Column("paid_at", Instant),  # of a lifting: when the money came
    Column("restored_real_seconds", Double),  # from then until the last service was free, in real time
)
# What the network has not confirmed, over all accounts.
Index("ix_barring_orders_unfinished", barring_orders.c.placed_at, postgresql_where=text("finished_at IS NULL"))

barring_order_services = Table(
    "barring_order_services",
    metadata,
    account_key(),
    Column("order_id", Text, primary_key=True),
    Column("service_id", reference("service_id", identity.SERVICE).type, primary_key=True),
    Column("identifier", Text, nullable=False),
    Column("state", Text, nullable=False),  # ordered | confirmed
    Column("times_sent", Integer, nullable=False, server_default="0"),  # each has its own correlation id
    Column("ordered_at", Instant),
    Column("confirmed_at", Instant),
    Column("level", Text, nullable=False, server_default=""),  # of this service; empty: the order's
)

# What is held on services and why: one row for each kind and cause, kept after it was lifted.
service_restrictions = Table(
    "service_restrictions",
    metadata,
    account_key(),
    generated_key("restriction_id", identity.RESTRICTION),
    reference("service_id", identity.SERVICE),
    Column("kind", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("data_kbps", Integer),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("lifted_at", Instant),
    Column("lifted_by", Text, nullable=False, server_default=""),
    Column("lift_reason", Text, nullable=False, server_default=""),
    Column("lift_order_id", Text, nullable=False, server_default=""),
)
_held = service_restrictions.c
Index(
    "uq_service_restrictions_held",
    _held.account_id,
    _held.service_id,
    _held.kind,
    _held.cause,
    unique=True,
    postgresql_where=_held.lifted_at.is_(None),
)
