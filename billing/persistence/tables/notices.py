"""Notices with their evidence, and templates."""

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
    UniqueConstraint,
    text,
)

from billing.domain import identity
from billing.persistence.columns import Instant, account_key, document, generated_key, metadata, reference

notices = Table(
    "notices",
    metadata,
    account_key(),
    generated_key("notice_id", identity.NOTICE),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("channel", Text, nullable=False),  # email | sms | whatsapp
    Column("status", Text, nullable=False),  # waiting | sending | unknown | accepted | delivered | failed
    Column("recipient", Text, nullable=False),  # personal data: erased with the account's
    Column("locale", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("named_on", Date),  # the debit or due date the customer reads
    document("invoice_ids"),
    Column("hurry", Boolean, nullable=False),
    reference("fallback_of", identity.NOTICE, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("send_after", Instant),  # the end of the quiet hours this notice waits for
    Column("claimed_until", Instant),  # real time: while one process talks to the vendor
    Column("first_tried_at", Instant),  # real time: where to begin in the vendor's log
    Column("vendor", Text, nullable=False, server_default=""),
    Column("vendor_reference", Text, nullable=False, server_default=""),
    Column("template_version", Integer, nullable=False, server_default="0"),
    Column("segments", Integer, nullable=False, server_default="0"),
    Column("possible_duplicate", Boolean, nullable=False, server_default="false"),
    Column("in_time", Boolean, nullable=False, server_default="false"),
    Column("accepted_at", Instant),
    Column("sent_on", Date),
    Column("delivered_at", Instant),
    Column("failed_at", Instant),
    Column("failure", Text, nullable=False, server_default=""),
    UniqueConstraint("account_id", "subject", "kind", "occasion", "channel", name="uq_notices_once"),
    CheckConstraint("channel IN ('email', 'sms', 'whatsapp')", name="channel"),
    CheckConstraint(
        "status IN ('waiting', 'sending', 'unknown', 'accepted', 'delivered', 'failed')",
        name="status",
    ),
)
Index(
    "ix_notices_unfinished",
    notices.c.created_at,
    postgresql_where=text("status IN ('waiting', 'sending', 'unknown')"),
)

notice_evidence = Table(
    "notice_evidence",
    metadata,
    account_key(),
    Column("notice_id", notices.c.notice_id.type, primary_key=True),
    generated_key("evidence_id", "evd"),
    Column("at", Instant, nullable=False),
    Column("event", Text, nullable=False),  # asked | accepted | unknown | failed | ... or the vendor's own word
    Column("vendor", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("vendor_at", Instant),
    document("detail"),
    UniqueConstraint("account_id", "notice_id", "vendor", "event_id", name="uq_notice_evidence_once"),
)

notice_templates = Table(
    "notice_templates",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("locale", Text, primary_key=True),
    Column("template_version", Integer, primary_key=True, autoincrement=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("author", Text, nullable=False),
    Column("content_sid", Text, nullable=False, server_default=""),  # of an approved WhatsApp template
    Column("reason", Text, nullable=False, server_default=""),
)
