"""What upkeep keeps for people: alerts that went out, checks of the books, totals of the providers. All are global."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, Table, Text

from billing.domain import identity
from billing.persistence.columns import Instant, document, metadata, reference

# An alert is claimed before it is sent, so that each leaves at most once per address.
staff_alerts = Table(
    "staff_alerts",
    metadata,
    Column("alert", Text, primary_key=True),  # case/stc_1001/1, digest/2027-02-01
    Column("address", Text, primary_key=True),  # email:ops@example.com, webhook
    Column("status", Text, nullable=False),  # waiting | sending | sent | unknown | refused | nothing
    document("message"),
    Column("reference", Text, nullable=False, server_default=""),
    Column("explanation", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),  # this and all instants here: real time
    Column("claimed_at", Instant),
    Column("finished_at", Instant),
)

invariant_runs = Table(
    "invariant_runs",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("started_at", Instant, primary_key=True),  # real time
    Column("duration_ms", Integer, nullable=False),
    Column("scope", Text, nullable=False),  # everything | accounts
    reference("first_account_id", identity.ACCOUNT, nullable=True),
    reference("last_account_id", identity.ACCOUNT, nullable=True),
    Column("pass_began_at", Instant, nullable=False),
    Column("ends_pass", Boolean, nullable=False),
    Column("violations", Integer, nullable=False),
    document("examples"),
    Column("failure", Text, nullable=False, server_default=""),
)
Index("ix_invariant_runs_started_at", invariant_runs.c.started_at)

provider_totals = Table(
    "provider_totals",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("day", Date, primary_key=True),  # the provider's, in UTC
    Column("currency", Text, primary_key=True),
    *[
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in (
            "charged_count",
            "charged_minor",
            "refunded_minor",
            "disputed_minor",
            "fees_minor",
            "foreign_minor",
            "booked_charged_minor",
            "booked_refunded_minor",
            "booked_disputed_minor",
            "only_in_books_minor",
        )
    ],
    document("differences"),
    Column("compared_at", Instant, nullable=False),  # real time
)
