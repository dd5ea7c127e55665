"""Bulk actions, and what became of each account in them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from billing.domain import identity
from billing.persistence.columns import Instant, PrefixedId, account_key, document, metadata, reference

# Global: an action is about many accounts.
bulk_actions = Table(
    "bulk_actions",
    metadata,
    Column("bulk_id", PrefixedId(identity.BULK_ACTION), Identity(start=1001), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),  # previewed | running | paused | cancelled | done
    document("definition"),
    document("chosen_by"),  # the filter; of an undoing action empty
    document("totals"),  # what was previewed: amounts by currency, reasons and their counts
    Column("accounts", Integer, nullable=False),
    reference("undoes", identity.BULK_ACTION, nullable=True),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("previewed_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    Column("finished_at", Instant),
    Column("history", JSONB, nullable=False, server_default="[]"),
)
Index("ix_bulk_actions_unfinished", bulk_actions.c.bulk_id, postgresql_where=bulk_actions.c.finished_at.is_(None))

bulk_action_accounts = Table(
    "bulk_action_accounts",
    metadata,
    account_key(),
    Column("bulk_id", PrefixedId(identity.BULK_ACTION), primary_key=True),
    Column("brand", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("overdue_minor", BigInteger, nullable=False),
    Column("foreseen", Text, nullable=False, server_default=""),  # why it would be refused; empty: it would not
    Column("status", Text, nullable=False),  # chosen | asked, then done | unchanged | refused | skipped | failed | left
    Column("detail", Text, nullable=False, server_default=""),
    Column("before", JSONB(none_as_null=True)),
    Column("after", JSONB(none_as_null=True)),
    Column("finished_at", Instant),
    Index("ix_bulk_action_accounts_bulk", "bulk_id", "account_id"),
)
Index(
    "ix_bulk_action_accounts_waiting",
    bulk_action_accounts.c.bulk_id,
    bulk_action_accounts.c.account_id,
    postgresql_where=bulk_action_accounts.c.finished_at.is_(None),
)
