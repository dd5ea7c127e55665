"""Direct debit by bank file: creditors, bank accounts with their mandates, debits, and the batches that carry them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from billing.domain import identity
from billing.persistence.columns import Instant, PrefixedId, account_key, document, metadata, reference

# Whose money it becomes: append-only, the highest revision of a brand counts.
bank_creditors = Table(
    "bank_creditors",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("iban", Text, nullable=False),
    Column("bic", Text, nullable=False),
    Column("creditor_id", Text, nullable=False),
    document("address"),
    Column("message_version", Text, nullable=False),
    Column("first_sequence", Text, nullable=False),  # FRST | RCUR: what a new mandate's first debit is sent as
    Column("lead_banking_days", Integer, nullable=False),
    Column("cut_off_hour_local", Integer, nullable=False),
    Column("make_hours_before", Integer, nullable=False),
    Column("largest_minor", BigInteger, nullable=False),
    Column("delivery", Text, nullable=False),  # folder | manual
    Column("changed_at", Instant, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# A bank account with the mandate to debit it. Never changed: another IBAN or mandate is another method.
bank_accounts = Table(
    "bank_accounts",
    metadata,
    account_key(),
    Column("method_id", PrefixedId(identity.METHOD), primary_key=True),
    Column("holder_name", Text, nullable=False),
    Column("iban_sealed", LargeBinary, nullable=False),
    Column("bic", Text, nullable=False),
    document("address"),
    Column("mandate_reference", Text, nullable=False),
    Column("signed_on", Date, nullable=False),
    Column("scheme", Text, nullable=False),  # CORE | B2B
    Column("one_off", Boolean, nullable=False),
    document("evidence"),  # how the customer agreed: from where, when, by which document
    Column("created_at", Instant, nullable=False),
    reference("amends_method_id", identity.METHOD, nullable=True),  # the same mandate, before it was amended
)

bank_debits = Table(
    "bank_debits",
    metadata,
    account_key(),
    Column("attempt_id", Text, primary_key=True),
    Column("end_to_end_id", Text, nullable=False),
    Column("brand", Text, nullable=False),
    reference("method_id", identity.METHOD),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("mandate_reference", Text, nullable=False),
    Column("signed_on", Date, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("sequence", Text, nullable=False),  # FRST | RCUR | OOFF | FNAL; empty until it is in a file
    Column("due_on", Date, nullable=False),  # the date the customer was told
    Column("collect_on", Date),  # the date in the file: that one, or just after
    Column("status", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("reason_text", Text, nullable=False),
    Column("held_field", Text, nullable=False),
    Column("held_value", Text, nullable=False),
    Column("held_remedy", Text, nullable=False),
    reference("batch_id", identity.BATCH, nullable=True),
    Column("settled_at", Instant),
    Column("returned_at", Instant),
    Column("returned_minor", BigInteger, nullable=False, server_default="0"),
    Column("bank_reference", Text, nullable=False, server_default=""),  # the bank's own reference of the credit
    Column("return_reference", Text, nullable=False, server_default=""),  # and of the return
    Column("amended", Boolean, nullable=False, server_default="false"),  # its file tells the bank of an amendment
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    CheckConstraint("amount_minor > 0", name="amount_minor"),
    CheckConstraint("(status IN ('batched', 'sent')) <= (batch_id IS NOT NULL)", name="batch"),
)
Index(
    "ix_bank_debits_to_go",
    bank_debits.c.brand,
    bank_debits.c.due_on,
    postgresql_where=text("status IN ('waiting', 'held')"),
)
Index("ix_bank_debits_batch", bank_debits.c.batch_id, postgresql_where=text("batch_id IS NOT NULL"))

# Which debits went into which file, for ever: a debit that the bank refused for our mistake goes into another one.
bank_batch_debits = Table(
    "bank_batch_debits",
    metadata,
    account_key(),
    Column("attempt_id", Text, primary_key=True),
    Column("batch_id", PrefixedId(identity.BATCH), primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("void", Boolean, nullable=False),  # the bank refused it, or the file never left: it went again
    Index("ix_bank_batch_debits_batch", "batch_id"),
)

# Global: one file to the bank carries the debits of many accounts.
bank_batches = Table(
    "bank_batches",
    metadata,
    Column("batch_id", PrefixedId(identity.BATCH), Identity(start=1001), primary_key=True),
    Column("brand", Text, nullable=False),
    Column("collect_on", Date, nullable=False),
    Column("sequence", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("control_sum_minor", BigInteger, nullable=False),
    Column("file_hash", Text, nullable=False),  # SHA-256 of the file's bytes
    Column("content_sealed", LargeBinary, nullable=False),  # the file, compressed and encrypted
    document("creditor"),  # the creditor as it was then
    Column("status", Text, nullable=False),  # made | held | staged | delivered | rejected | withdrawn
    Column("reason", Text, nullable=False),  # why it is held, rejected or withdrawn
    Column("made_at", Instant, nullable=False),
    Column("deliver_by", Instant, nullable=False),  # the bank's cut-off
    Column("downloaded_at", Instant),
    Column("delivered_at", Instant),
    Column("delivered_how", Text, nullable=False),
    Column("author", Text, nullable=False),  # who changed it last
    Column("kind", Text, nullable=False, server_default="debits"),  # debits | payouts
    UniqueConstraint("message_id"),
    CheckConstraint("count > 0", name="count"),
)
Index(
    "ix_bank_batches_to_deliver",
    bank_batches.c.batch_id,
    postgresql_where=text("status IN ('made', 'held', 'staged')"),
)
