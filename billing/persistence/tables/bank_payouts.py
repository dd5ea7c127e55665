"""Money that goes back to customers by bank file: what is ordered, and which file carried it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from billing.domain import identity
from billing.persistence.columns import Instant, PrefixedId, account_key, document, generated_key, metadata, reference

bank_payouts = Table(
    "bank_payouts",
    metadata,
    account_key(),
    generated_key("payout_id", identity.PAYOUT),
    Column("command_id", Text, nullable=False),  # the refund it carries out, or the command that ordered it
    Column("end_to_end_id", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("attempt_id", Text, nullable=False),  # the payment that is refunded; empty: credit is paid out
    Column("holder_name", Text, nullable=False),
    Column("last_four", Text, nullable=False),
    Column("bic", Text, nullable=False),
    Column("iban_sealed", LargeBinary, nullable=False),
    document("address"),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason_code", Text, nullable=False),  # the bank's, of a refusal or return
    Column("reason_text", Text, nullable=False),
    Column("held_field", Text, nullable=False),
    Column("held_value", Text, nullable=False),
    Column("held_remedy", Text, nullable=False),
    reference("batch_id", identity.BATCH, nullable=True),
    Column("pay_on", Date),  # the date in the file
    Column("paid_at", Instant),
    Column("returned_at", Instant),
    Column("bank_reference", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    UniqueConstraint("account_id", "command_id"),
    CheckConstraint("amount_minor > 0", name="amount_minor"),
    CheckConstraint("(status IN ('batched', 'sent')) <= (batch_id IS NOT NULL)", name="batch"),
)
Index(
    "ix_bank_payouts_to_go",
    bank_payouts.c.brand,
    bank_payouts.c.payout_id,
    postgresql_where=text("status IN ('waiting', 'held')"),
)
Index("ix_bank_payouts_batch", bank_payouts.c.batch_id, postgresql_where=text("batch_id IS NOT NULL"))

# Which payouts went into which file, for ever: one that the bank refused for our mistake goes into another one.
bank_batch_payouts = Table(
    "bank_batch_payouts",
    metadata,
    account_key(),
    Column("payout_id", PrefixedId(identity.PAYOUT), primary_key=True),
    Column("batch_id", PrefixedId(identity.BATCH), primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("void", Boolean, nullable=False),  # the file never left, or the bank refused it: it went again
    Index("ix_bank_batch_payouts_batch", "batch_id"),
)
