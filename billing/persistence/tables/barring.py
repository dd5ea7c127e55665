"""Barring orders and what the network confirmed of them."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, text

from billing.domain import identity
from billing.persistence.columns import Instant, account_key, metadata, reference

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
)
