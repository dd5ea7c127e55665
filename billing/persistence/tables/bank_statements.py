"""What banks tell: files, statements, entries with their payments, statuses; and money that belongs to nobody yet."""

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
from billing.persistence.columns import (
    Instant,
    PrefixedId,
    account_key,
    document,
    generated_key,
    metadata,
    reference,
)

# Global: a file is known by its content before anything is known about whose payments it tells of.
bank_statement_files = Table(
    "bank_statement_files",
    metadata,
    Column("file_id", PrefixedId(identity.BANK_FILE), Identity(start=1001), primary_key=True),
    Column("content_hash", Text, nullable=False),  # SHA-256
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),  # camt.052 | camt.053 | camt.054 | pain.002
    Column("version", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("source", Text, nullable=False),  # api | folder
    Column("author", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("status", Text, nullable=False),  # held | taken | rejected
    document("doubts"),
    Column("content_sealed", LargeBinary),  # compressed and encrypted, only while it is held
    Column("entries", Integer, nullable=False),
    Column("new_entries", Integer, nullable=False),
    Column("not_booked", Integer, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decision_reason", Text, nullable=False),
    Column("decided_at", Instant),
    UniqueConstraint("content_hash"),
)

bank_statement_places = Table(
    "bank_statement_places",
    metadata,
    Column("bank_account", Text, primary_key=True),  # our IBAN
    Column("file_id", bank_statement_files.c.file_id.type, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("statement_id", Text, nullable=False),
    Column("sequence", BigInteger),
    Column("page", Integer, nullable=False),
    Column("is_last_page", Boolean, nullable=False),
    Column("currency", Text, nullable=False),
    Column("opening_minor", BigInteger),
    Column("closing_minor", BigInteger),
    Column("closing_on", Date),
)

bank_entries = Table(
    "bank_entries",
    metadata,
    Column("entry_id", PrefixedId(identity.BANK_ENTRY), Identity(start=1001), primary_key=True),
    Column("bank_account", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # signed: positive when the account has more
    Column("booked_on", Date, nullable=False),
    Column("value_on", Date),
    Column("is_reversal", Boolean, nullable=False),
    Column("bank_reference", Text, nullable=False),
    Column("content", Text, nullable=False),  # a digest of its payments; empty while none are known
    Column("transaction_code", Text, nullable=False),
    Column("batch_message_id", Text, nullable=False),
    Column("payment_information_id", Text, nullable=False),
    Column("text", Text, nullable=False),
    reference("file_id", identity.BANK_FILE),  # the file that brought it first
    reference("notified_in", identity.BANK_FILE, nullable=True),
    reference("stated_in", identity.BANK_FILE, nullable=True),
    CheckConstraint("notified_in IS NOT NULL OR stated_in IS NOT NULL", name="told"),
)
Index("ix_bank_entries_booked", bank_entries.c.bank_account, bank_entries.c.booked_on)
Index(
    "ix_bank_entries_unstated",
    bank_entries.c.bank_account,
    bank_entries.c.booked_on,
    postgresql_where=bank_entries.c.stated_in.is_(None),
)

# Position 0 stands for the whole entry, of which no single payments are known (yet).
bank_entry_payments = Table(
    "bank_entry_payments",
    metadata,
    Column("entry_id", bank_entries.c.entry_id.type, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("end_to_end_id", Text, nullable=False),
    Column("mandate_id", Text, nullable=False),
    Column("payment_information_id", Text, nullable=False),
    Column("bank_reference", Text, nullable=False),
    Column("original_minor", BigInteger),
    Column("charges_minor", BigInteger, nullable=False),
    Column("return_code", Text, nullable=False),
    Column("return_text", Text, nullable=False),
    Column("counterparty_name", Text, nullable=False),
    Column("counterparty_last_four", Text, nullable=False),  # no more of it is kept: the bank has it
    Column("remittance", Text, nullable=False),
    Column("structured_reference", Text, nullable=False),
    Column("effect", Text, nullable=False),  # empty while it waits
    Column("explanation", Text, nullable=False),
)
Index(
    "ix_bank_entry_payments_waiting",
    bank_entry_payments.c.entry_id,
    postgresql_where=text("effect = ''"),
)

bank_status_reports = Table(
    "bank_status_reports",
    metadata,
    Column("file_id", bank_statement_files.c.file_id.type, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("status", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("payment_information_id", Text, nullable=False),
    Column("end_to_end_id", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("reason_text", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("explanation", Text, nullable=False),
)
Index(
    "ix_bank_status_reports_waiting",
    bank_status_reports.c.file_id,
    postgresql_where=text("effect = ''"),
)

# What the accounts' processes have still to be told; a row goes when it was.
bank_news = Table(
    "bank_news",
    metadata,
    account_key(),
    Column("attempt_id", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("created_at", Instant, nullable=False),
)
Index("ix_bank_news_created", bank_news.c.created_at)

# Global: whose account of the books keeps a brand's money of nobody. Numbers below 1001, which no customer has.
house_accounts = Table(
    "house_accounts",
    metadata,
    Column("brand", Text, primary_key=True),
    reference("account_id", identity.ACCOUNT),
    UniqueConstraint("account_id"),
    CheckConstraint("account_id BETWEEN 1 AND 1000", name="account_id"),
)

suspense_items = Table(
    "suspense_items",
    metadata,
    account_key(),  # the house account
    generated_key("suspense_id", identity.SUSPENSE),
    Column("brand", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # negative: money that left
    reference("entry_id", identity.BANK_ENTRY),
    Column("position", Integer, nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("why", Text, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("end_to_end_id", Text, nullable=False),
    Column("remittance", Text, nullable=False),
    Column("counterparty_name", Text, nullable=False),
    Column("counterparty_last_four", Text, nullable=False),
    Column("return_code", Text, nullable=False),
    Column("status", Text, nullable=False),  # open | sending_back | assigned | sent_back | explained
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    reference("to_account_id", identity.ACCOUNT, nullable=True),
    Column("to_attempt_id", Text, nullable=False),
    UniqueConstraint("account_id", "entry_id", "position", "why"),
    CheckConstraint("amount_minor <> 0", name="amount_minor"),
)
Index(
    "ix_suspense_items_open",
    suspense_items.c.account_id,
    postgresql_where=text("status IN ('open', 'sending_back')"),
)
