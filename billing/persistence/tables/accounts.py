"""Brands, plans, accounts, services, cycles, the timeline, and the business clock."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from billing.domain import identity
from billing.persistence.columns import Instant, PrefixedId, account_key, document, generated_key, metadata, reference

brands = Table(
    "brands",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("email_sender", Text, nullable=False),
    Column("sms_sender", Text, nullable=False),
    Column("account_url", Text, nullable=False),
    Column("minimum_charge_minor", BigInteger, nullable=False),
    document("cycle_policy"),
    document("tax_table"),
    document("notice_channels"),
    Column("dunning_policy_code", Text, nullable=False),
    Column("limit_policy", JSONB, nullable=False, server_default="{}"),
    Column("barring_policy", JSONB, nullable=False, server_default="{}"),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
)

# Versions of who a brand is on its documents, and how they look; the newest one at a document's issue is printed.
letterheads = Table(
    "letterheads",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    document("definition"),
    Column("published_at", Instant, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("plan_code", Text, primary_key=True),
    Column("plan_version", Integer, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("name", Text, nullable=False),
    document("definition"),
    Column("published_at", Instant, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    generated_key("account_id", identity.ACCOUNT),
    Column("brand", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("status", Text, nullable=False),  # active | closing | closed
    Column("customer_kind", Text, nullable=False),  # consumer | business
    # Personal data, in columns of its own so that it can be erased while the books stay.
    Column("customer_name", Text, nullable=False),
    Column("company", Text, nullable=False, server_default=""),
    Column("vat_number", Text, nullable=False, server_default=""),
    Column("email", Text, nullable=False, server_default=""),
    Column("mobile", Text, nullable=False, server_default=""),
    document("postal_address"),
    Column("country", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("cycle_day", Integer, nullable=False),
    document("notice_channels"),  # what this account chose; the brand's choice otherwise
    Column("quiet_notices", JSONB, nullable=False, server_default="[]"),  # kinds the customer does not want
    document("discounts"),
    Column("segment", Text, nullable=False, server_default="standard"),
    Column("dunning_policy_code", Text),
    Column("dunning_policy_version", Integer),
    Column("paused", Boolean, nullable=False, server_default="false"),
    Column("hold_until", Instant),
    Column("activated_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("whatsapp_opted_in_at", Instant),
    Column("whatsapp_opted_out_at", Instant),
    Column("whatsapp_heard_at", Instant),  # real time: the customer's last message to us
    UniqueConstraint("brand", "number"),
    CheckConstraint("cycle_day BETWEEN 1 AND 31", name="cycle_day"),
)
Index("ix_accounts_lower_email", func.lower(accounts.c.email))
Index("ix_accounts_mobile", accounts.c.mobile)
Index("ix_accounts_whatsapp", accounts.c.mobile, postgresql_where=accounts.c.whatsapp_opted_in_at.is_not(None))

services = Table(
    "services",
    metadata,
    account_key(),
    generated_key("service_id", identity.SERVICE),
    Column("kind", Text, nullable=False),  # mobile | fixed | internet | tv
    Column("identifier", Text, nullable=False),
    Column("plan_code", Text, nullable=False),
    Column("plan_version", Integer, nullable=False),
    Column("barring_level", Text, nullable=False, server_default="none"),  # what the network confirmed
    Column("usage_stop", Text, nullable=False, server_default="stop:"),  # the same of what caps stop
    Column("active_from", Instant, nullable=False),
    Column("active_to", Instant),
)

number_directory = Table(
    "number_directory",
    metadata,
    Column("identifier", Text, primary_key=True),
    Column("active_from", Instant, primary_key=True),
    Column("active_to", Instant),
    reference("account_id", identity.ACCOUNT),
    reference("service_id", identity.SERVICE),
    # The plan of the service then: a change of plan closes the row and opens another.
    Column("plan_code", Text, nullable=False),
    Column("plan_version", Integer, nullable=False),
    # The last instant at which what the service may draw began or ended: usage from there on has counters of its own.
    Column("drawing_from", Instant),
    # The account's oldest cycle that takes usage, kept here by triggers.
    Column("cycle_number", Integer),
    Column("cycle_opens_at", Instant),
    Column("cycle_closes_at", Instant),
    Index("ix_number_directory_account", "account_id"),
)

# From when on a service had which plan; each lasts until the next, the last one until the service ends.
service_plans = Table(
    "service_plans",
    metadata,
    account_key(),
    Column("service_id", PrefixedId(identity.SERVICE), primary_key=True),
    Column("active_from", Instant, primary_key=True),
    Column("plan_code", Text, nullable=False),
    Column("plan_version", Integer, nullable=False),
)

# What happened to numbers after usage may have been guided: it follows, and then the move is marked.
number_moves = Table(
    "number_moves",
    metadata,
    Column("move_id", PrefixedId(identity.MOVE), Identity(start=1001), primary_key=True),
    Column("identifier", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("kind", Text, nullable=False),  # activated | ended | ported | plan_changed
    reference("from_account_id", identity.ACCOUNT, nullable=True),
    reference("to_account_id", identity.ACCOUNT, nullable=True),
    Column("recorded_at", Instant, nullable=False),
    Column("reguided_at", Instant),
)
Index("ix_number_moves_waiting", number_moves.c.move_id, postgresql_where=number_moves.c.reguided_at.is_(None))

cycles = Table(
    "cycles",
    metadata,
    account_key(),
    Column("cycle_number", Integer, primary_key=True, autoincrement=False),
    Column("cycle_day", Integer, nullable=False),
    Column("opens_at", Instant, nullable=False),
    Column("closes_at", Instant, nullable=False),
    Column("debit_on", Date, nullable=False),
    document("plan"),
    Column("status", Text, nullable=False),  # open | issued
    Column("fenced_at", Instant),  # from here on usage of the cycle is late: its invoice is being computed
    reference("invoice_id", identity.INVOICE, nullable=True),
    # By which plans it was billed, where they were changed afterwards.
    Column("billed_periods", JSONB(none_as_null=True)),
    CheckConstraint("opens_at < closes_at", name="period"),
)

timeline = Table(
    "timeline",
    metadata,
    account_key(),
    generated_key("entry_id", "tl"),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("summary", Text, nullable=False),
    document("reason"),
    Column("actor", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False, server_default=func.now()),
)
Index("ix_timeline_account_at", timeline.c.account_id, timeline.c.at)

clock_segments = Table(
    "clock_segments",
    metadata,
    Column("segment_id", Integer, Identity(), primary_key=True),
    Column("real_start", Instant, nullable=False),
    Column("business_start", Instant, nullable=False),
    Column("rate", Double, nullable=False),
    Column("last_seen_real", Instant, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_hash", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),  # viewer | agent | finance | admin
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("revoked_at", Instant),
)
