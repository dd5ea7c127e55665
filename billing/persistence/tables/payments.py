"""Payment methods, mandates, attempts, allocations, refunds, pay links and the webhook inbox."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    Table,
    Text,
    func,
    text,
)

from billing.domain import identity
from billing.persistence.columns import Instant, account_key, document, generated_key, metadata, reference

payment_customers = Table(
    "payment_customers",
    metadata,
    account_key(),
    Column("provider", Text, primary_key=True),
    Column("provider_customer", Text, nullable=False),
)

payment_methods = Table(
    "payment_methods",
    metadata,
    account_key(),
    generated_key("method_id", identity.METHOD),
    Column("kind", Text, nullable=False),  # card | sepa_debit | bacs_debit
    Column("provider", Text, nullable=False),
    Column("provider_customer", Text, nullable=False),
    Column("provider_method", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("last_four", Text, nullable=False),
    Column("expires_on", Date),
    Column("status", Text, nullable=False),
    Column("blocked_reason", Text, nullable=False, server_default=""),
    Column("is_default", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("fingerprint", Text, nullable=False, server_default=""),  # tells that two methods are one instrument
    Column("expiry_noticed_on", Date),  # the last day of the card that its customer was told of
    CheckConstraint("length(last_four) <= 4", name="last_four"),
)
# Cards in use that expire, for the notice ahead.
Index(
    "ix_payment_methods_expires_on",
    payment_methods.c.expires_on,
    postgresql_where=text("is_default AND status = 'usable' AND expires_on IS NOT NULL"),
)
Index(
    "uq_payment_methods_default",
    payment_methods.c.account_id,
    unique=True,
    postgresql_where=text("is_default"),
)
Index(
    "uq_payment_methods_provider_method",
    payment_methods.c.account_id,
    payment_methods.c.provider,
    payment_methods.c.provider_method,
    unique=True,
)

payment_mandates = Table(
    "payment_mandates",
    metadata,
    account_key(),
    Column("method_id", payment_methods.c.method_id.type, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("provider_mandate", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("status", Text, nullable=False),  # pending | active | inactive
    Column("accepted_at", Instant, nullable=False),
    Column("creditor_id", Text, nullable=False, server_default=""),  # who collects, as the scheme knows them
    Column("ended_by", Text, nullable=False, server_default=""),  # the bank's reason
    Column("confirmed_at", Instant),  # the customer was told reference, creditor and notice period
)
Index(
    "ix_payment_mandates_unconfirmed",
    payment_mandates.c.accepted_at,
    postgresql_where=text("confirmed_at IS NULL"),
)

payment_attempts = Table(
    "payment_attempts",
    metadata,
    account_key(),
    Column("attempt_id", Text, primary_key=True),
    Column("purpose", Text, nullable=False),  # debit | pay_session
    Column("provider", Text, nullable=False),
    reference("method_id", identity.METHOD, nullable=True),
    Column("provider_customer", Text, nullable=False),
    Column("provider_method", Text, nullable=False),
    Column("provider_payment", Text, nullable=False),
    Column("provider_session", Text, nullable=False),
    Column("session_url", Text, nullable=False),
    Column("expected_minor", BigInteger, nullable=False),
    Column("received_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("debit_on", Date),
    Column("submitted_on", Date),
    Column("expected_by", Instant),
    Column("created_at", Instant, nullable=False),
    Column("called_at", Instant),
    Column("call_number", Integer, nullable=False),
    Column("settled_at", Instant),
    Column("return_url", Text, nullable=False, server_default=""),  # the door that a page leads back to
    Column("taken_back_at", Instant),  # by the payer's bank, the last time
    CheckConstraint("expected_minor > 0", name="expected_minor"),
)
Index(
    "ix_payment_attempts_to_ask",
    payment_attempts.c.expected_by,
    postgresql_where=text("settled_at IS NULL"),
)
# What is our own fault, over all accounts.
Index(
    "ix_payment_attempts_merchant_error",
    payment_attempts.c.provider,
    postgresql_where=text("category = 'merchant_error'"),
)

payment_allocations = Table(
    "payment_allocations",
    metadata,
    account_key(),
    Column("attempt_id", Text, primary_key=True),
    Column("invoice_id", reference("invoice_id", identity.INVOICE).type, primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    CheckConstraint("amount_minor > 0", name="amount_minor"),
)
# One collector: no two live tries on one invoice, whoever starts them.
Index(
    "uq_payment_allocations_live",
    payment_allocations.c.account_id,
    payment_allocations.c.invoice_id,
    unique=True,
    postgresql_where=text("live"),
)

payment_refunds = Table(
    "payment_refunds",
    metadata,
    account_key(),
    Column("refund_id", Text, primary_key=True),
    Column("attempt_id", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),  # requested | succeeded | failed
    Column("provider_refund", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("call_number", Integer, nullable=False, server_default="1"),  # grows when the provider answered 5xx
    CheckConstraint("amount_minor > 0", name="amount_minor"),
)
# Asked for and not yet made, over all accounts.
Index(
    "ix_payment_refunds_requested",
    payment_refunds.c.created_at,
    postgresql_where=text("status = 'requested'"),
)

# Global: whose a provider's object is, when a webhook names only that object.
provider_references = Table(
    "provider_references",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    reference("account_id", identity.ACCOUNT),
    Column("attempt_id", Text, nullable=False),
)

paylinks = Table(
    "paylinks",
    metadata,
    Column("account_id", account_key().type, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
)

# Global: a webhook is stored before anything is known about whose it is.
webhook_inbox = Table(
    "webhook_inbox",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    reference("account_id", identity.ACCOUNT, nullable=True),
    Column("attempt_id", Text, nullable=False),
    document("references"),
    document("payload"),
    Column("received_at", Instant, nullable=False, server_default=func.now()),
    Column("status", Text, nullable=False),  # received | delivered | handled | parked
    Column("deliveries", Integer, nullable=False),
    Column("by_webhook", Boolean, nullable=False, server_default=text("true")),  # false: found in the provider's list
)
Index(
    "ix_webhook_inbox_received",
    webhook_inbox.c.received_at,
    postgresql_where=text("status = 'received'"),
)
# Those we do not know, and the newest ones, heard and found.
Index("ix_webhook_inbox_parked", webhook_inbox.c.received_at, postgresql_where=text("status = 'parked'"))
Index("ix_webhook_inbox_by_webhook", webhook_inbox.c.provider, webhook_inbox.c.by_webhook, webhook_inbox.c.received_at)

# How far a provider's own list of events was read: the instant at which the last complete read of it began.
provider_event_reads = Table(
    "provider_event_reads",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("read_until", Instant, nullable=False),
)
