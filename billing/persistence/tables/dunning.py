"""Dunning policies, cases, promises and disputes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Index, Integer, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from billing.domain import identity
from billing.persistence.columns import Instant, account_key, document, generated_key, metadata, reference

dunning_policies = Table(
    "dunning_policies",
    metadata,
    Column("policy_code", Text, primary_key=True),
    Column("policy_version", Integer, primary_key=True, autoincrement=False),
    document("definition"),
    Column("published_at", Instant, nullable=False),
    Column("author", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
)

dunning_cases = Table(
    "dunning_cases",
    metadata,
    account_key(),
    generated_key("case_id", identity.CASE),
    Column("policy_code", Text, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    document("invoice_ids"),
    document("steps_done"),
    document("failures"),  # attempts that failed since the case opened, and what the customer was told of each
    Column("last_failure_category", Text, nullable=False, server_default=""),
    Column("stage", Text, nullable=False, server_default="opened"),
    Column("reason", Text, nullable=False, server_default=""),  # of the last decision: rule, version, inputs
    Column("next_action_at", Instant),
    Column("closed_at", Instant),
    Column("outcome", Text, nullable=False, server_default=""),  # settled | handed_over
    Column("rested_days", Integer, nullable=False, server_default="0"),  # a payment plan covered everything
)
# At most one open case per account.
Index(
    "uq_dunning_cases_open",
    dunning_cases.c.account_id,
    unique=True,
    postgresql_where=dunning_cases.c.closed_at.is_(None),
)

promises = Table(
    "promises",
    metadata,
    account_key(),
    generated_key("promise_id", identity.PROMISE),
    Column("command_id", Text, nullable=False),
    Column("until", Instant, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # zero: everything open
    Column("made_at", Instant, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("pay_by", Date),  # the local date that was promised
    reference("case_id", identity.CASE, nullable=True),
    Column("invoice_ids", JSONB, nullable=False, server_default="[]"),  # what was overdue when it was made
    Column("open_before_minor", BigInteger, nullable=False, server_default="0"),
    Column("outcome", Text, nullable=False, server_default=""),  # none yet | kept | broken | replaced
    Column("ended_at", Instant),
    Column("confirmed_at", Instant),  # to the customer
    UniqueConstraint("account_id", "command_id"),
)
Index(
    "ix_promises_unconfirmed",
    promises.c.account_id,
    postgresql_where=promises.c.confirmed_at.is_(None),
)

Index("ix_promises_running", promises.c.until, postgresql_where=promises.c.outcome == "")

disputes = Table(
    "disputes",
    metadata,
    account_key(),
    generated_key("dispute_id", identity.DISPUTE),
    reference("invoice_id", identity.INVOICE),
    Column("amount_minor", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),  # open | accepted | rejected
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("decision", Text, nullable=False, server_default=""),
    Column("line_position", Integer),  # none: the dispute is of the invoice, not of one line
    Column("line_description", Text, nullable=False, server_default=""),  # as printed
    Column("author", Text, nullable=False, server_default=""),  # customer, or who of staff; empty: not known
)
