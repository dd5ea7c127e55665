"""Usage events, counters, the file registry and what could not be taken."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from billing.domain import identity
from billing.persistence.columns import Instant, PrefixedId, account_key, document, generated_key, metadata, reference

LATE_USAGE = "late"
OUTBOX = "thr"


def what_a_price_counted() -> list[Column[Any]]:
    """The service, its price and band then, and what was counted with them, before it is in a counter."""
    return [
        reference("service_id", identity.SERVICE),
        Column("plan_code", Text, nullable=False),
        Column("plan_version", Integer, nullable=False),
        Column("price_code", Text, nullable=False),
        Column("band", Text, nullable=False),
        Column("events", BigInteger, nullable=False),
        Column("quantity", BigInteger, nullable=False),
        Column("amount", Numeric, nullable=False),
    ]


# Daily partitions by UTC day, made on demand and dropped by age; see usage_partitions.
usage_events = Table(
    "usage_events",
    metadata,
    Column("started_at", Instant, nullable=False),
    Column("key_hash", Uuid, nullable=False),  # 128 bit of (source, record_id)
    reference("account_id", identity.ACCOUNT),
    Column("part", SmallInteger, nullable=False),  # 0, then one row more for each time band a call ran through
    reference("service_id", identity.SERVICE),
    Column("cycle_number", Integer, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("meter", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("destination", Text, nullable=False),
    Column("visited", Text, nullable=False),
    Column("traffic_class", Text, nullable=False),
    Column("amount", Numeric),
    document("attributes"),
    Column("plan_code", Text, nullable=False),
    Column("plan_version", Integer, nullable=False),
    Column("price_code", Text, nullable=False),
    Column("band", Text, nullable=False),
    Column("events", Integer, nullable=False),
    Column("billable_quantity", BigInteger, nullable=False),
    Column("counted_amount", Numeric, nullable=False),
    Column("received_at", Instant, nullable=False),
    reference("file_id", identity.FILE, nullable=True),
    PrimaryKeyConstraint("started_at", "key_hash", "account_id", "part"),
    postgresql_partition_by="RANGE (started_at)",
)

usage_counters = Table(
    "usage_counters",
    metadata,
    account_key(),
    Column("cycle_number", Integer, primary_key=True, autoincrement=False),
    Column("service_id", PrefixedId(identity.SERVICE), primary_key=True, autoincrement=False),
    Column("plan_code", Text, primary_key=True),
    Column("plan_version", Integer, primary_key=True, autoincrement=False),
    Column("price_code", Text, primary_key=True),
    Column("band", Text, primary_key=True),
    Column("events", BigInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("counted_at", Instant, nullable=False),
    # Below this quantity no threshold can have been passed since the last look; 0: look at the next count.
    Column("watch_quantity", BigInteger, nullable=False, server_default="0"),
    # Counters are rewritten all day: room on the page keeps the rewrite beside the row.
    postgresql_with={"fillfactor": "70"},
)

# What was acknowledged and not yet added to its counter: appended, never updated. Readers add both.
usage_pending = Table(
    "usage_pending",
    metadata,
    account_key(),
    Column("batch_id", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("cycle_number", Integer, nullable=False),
    *what_a_price_counted(),
    Column("counted_at", Instant, nullable=False),
    # All of it is deleted again and again: cleaned by what was deleted, not by a share of what is there.
    postgresql_with={"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "50000"},
)

usage_batches = Sequence("usage_batches", metadata=metadata)

usage_late = Table(
    "usage_late",
    metadata,
    account_key(),
    generated_key("late_id", LATE_USAGE),
    Column("cycle_number", Integer, nullable=False),
    *what_a_price_counted(),
    Column("first_started_at", Instant, nullable=False),
    Column("last_started_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    reference("invoice_id", identity.INVOICE, nullable=True),
    Column("correction", Text, nullable=False, server_default=""),  # cancelled | moved | rerated | resent, empty: late
)

usage_outbox = Table(
    "usage_outbox",
    metadata,
    account_key(),
    generated_key("outbox_id", OUTBOX),
    Column("cycle_number", Integer, nullable=False),
    reference("service_id", identity.SERVICE, nullable=True),  # none: a limit of the whole account
    Column("allowance_code", Text, nullable=False),
    Column("meter", Text, nullable=False),
    Column("percent", Integer, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("included", BigInteger, nullable=False),
    Column("crossed_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("limit_key", Text, nullable=False, server_default=""),
    Column("notice", Text, nullable=False, server_default=""),
    Column("currency", Text, nullable=False, server_default=""),
    Column("stops", Boolean, nullable=False, server_default="false"),
    UniqueConstraint(
        "account_id",
        "cycle_number",
        "service_id",
        "allowance_code",
        "limit_key",
        "percent",
        name="uq_usage_outbox",
        postgresql_nulls_not_distinct=True,
    ),
    Index("ix_usage_outbox_pending", "outbox_id", postgresql_where=text("sent_at IS NULL")),
)

usage_files = Table(
    "usage_files",
    metadata,
    generated_key("file_id", identity.FILE),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("status", Text, nullable=False),  # registered | held | importing | done | rejected | cancelled
    Column("size_bytes", BigInteger, nullable=False),
    Column("stored_as", Text, nullable=False),
    Column("lines_done", BigInteger, nullable=False, server_default="0"),
    Column("registered_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    *[
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in ("read", "accepted", "duplicates", "conflicts", "recycled", "rejected", "late", "partial")
    ],
    Column("sequence", BigInteger),
    Column("position", BigInteger),  # the sequence, counted on where the source began anew
    Column("gap", JSONB, nullable=False, server_default="[]"),
    Column("hold_kind", Text, nullable=False, server_default=""),
    Column("hold_reason", Text, nullable=False, server_default=""),
    Column("waived", JSONB, nullable=False, server_default="[]"),
    Column("decided_at", Instant),
    Column("decided_by", Text, nullable=False, server_default=""),
    Column("decision_reason", Text, nullable=False, server_default=""),
    *[Column(name, JSONB, nullable=False, server_default="{}") for name in ("declared", "checked", "totals")],
    Column("charge", Numeric),
    Column("first_start", Instant),
    Column("last_start", Instant),
    # The same content again has no effect, unless it was cancelled before.
    Index("uq_usage_files_content", "sha256", "profile", unique=True, postgresql_where=text("status <> 'cancelled'")),
    Index("ix_usage_files_position", "profile", "position"),
    Index("ix_usage_files_waiting", "status", postgresql_where=text("status IN ('registered', 'held', 'importing')")),
)

# Offsets beside the data, so that both are committed or neither.
usage_stream_offsets = Table(
    "usage_stream_offsets",
    metadata,
    Column("consumer_group", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("end_offset", BigInteger, nullable=False),
    Column("seen_at", Instant, nullable=False),
    *[
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in ("read", "accepted", "duplicates", "conflicts", "recycled", "rejected", "late")
    ],
    Column("trouble", Text, nullable=False, server_default=""),
)

usage_issues = Table(
    "usage_issues",
    metadata,
    generated_key("issue_id", identity.LINE_ISSUE),
    Column("kind", Text, nullable=False),  # rejected | recycled | conflict
    Column("status", Text, nullable=False, server_default="open"),  # open | resolved | dismissed
    Column("source", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("identifier", Text, nullable=False),
    document("event"),
    Column("raw", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("dedup_hash", Uuid, nullable=False),
    Column("created_at", Instant, nullable=False),
    reference("file_id", identity.FILE, nullable=True),
    Column("line_number", BigInteger),
    Column("resolved_at", Instant),
    Column("resolution", Text, nullable=False, server_default=""),
    Index("uq_usage_issues_open", "dedup_hash", unique=True, postgresql_where=text("status = 'open'")),
    Index("ix_usage_issues_identifier", "identifier", postgresql_where=text("status = 'open'")),
    Index("ix_usage_issues_file_id", "file_id", postgresql_where=text("file_id IS NOT NULL")),
)
