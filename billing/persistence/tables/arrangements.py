"""What is arranged about a debt: payment plans, fees, hand-overs, and which policy a segment has."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, UniqueConstraint

from billing.domain import identity
from billing.persistence.columns import Instant, account_key, document, generated_key, metadata, reference

dunning_assignments = Table(
    "dunning_assignments",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("policy_code", Text, nullable=False),
    Column("policy_version", Integer),  # none: the newest when a case opens
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("assigned_at", Instant, nullable=False),
)

payment_plans = Table(
    "payment_plans",
    metadata,
    account_key(),
    generated_key("plan_id", identity.PAYMENT_PLAN),
    Column("command_id", Text, nullable=False),
    document("invoice_ids"),
    Column("total_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("paid_by", Text, nullable=False),  # debit | paylink
    document("instalments"),
    Column("status", Text, nullable=False),  # running | kept | broken | cancelled | replaced
    Column("rests_case", Boolean, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ended_at", Instant),
    Column("end_reason", Text, nullable=False, server_default=""),
    UniqueConstraint("account_id", "command_id"),
)
# At most one plan of an account runs.
Index(
    "uq_payment_plans_running",
    payment_plans.c.account_id,
    unique=True,
    postgresql_where=payment_plans.c.status == "running",
)

dunning_fees = Table(
    "dunning_fees",
    metadata,
    account_key(),
    generated_key("fee_id", identity.FEE),
    reference("case_id", identity.CASE),
    Column("kind", Text, nullable=False),  # reminder | reconnection
    Column("occasion", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("tax_code", Text, nullable=False),
    reference("adjustment_id", identity.ADJUSTMENT, nullable=True),
    Column("note", Text, nullable=False, server_default=""),
    Column("charged_at", Instant, nullable=False),
    Column("waived_at", Instant),
    Column("waived_by", Text, nullable=False, server_default=""),
    Column("waive_reason", Text, nullable=False, server_default=""),
    UniqueConstraint("account_id", "case_id", "kind", "occasion"),
)

hand_overs = Table(
    "hand_overs",
    metadata,
    account_key(),
    generated_key("hand_over_id", identity.HAND_OVER),
    Column("command_id", Text, nullable=False),
    reference("case_id", identity.CASE),
    Column("agency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    document("invoice_ids"),
    Column("handed_over_at", Instant, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("taken_back_at", Instant),
    Column("taken_back_by", Text, nullable=False, server_default=""),
    Column("take_back_reason", Text, nullable=False, server_default=""),
    UniqueConstraint("account_id", "command_id"),
)
