"""What lets customers in: codes to sign in, sessions, changes of contact data, and counts of tries.

Everything secret is kept as its hash. Instants are real time: a code is good for ten real minutes.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from billing.persistence.columns import Instant, account_key, document, metadata

# Found before the account is known.
customer_sign_ins = Table(
    "customer_sign_ins",
    metadata,
    Column("request_hash", Text, primary_key=True),
    Column("code_hash", Text, nullable=False),
    Column("link_hash", Text, nullable=False, unique=True),
    document("account_ids"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("asked_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False, index=True),
    Column("used_at", Instant),
)

customer_sessions = Table(
    "customer_sessions",
    metadata,
    account_key(),
    Column("session_hash", Text, primary_key=True),
    document("account_ids"),  # which the same contact may look at
    Column("begun_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("user_agent", Text, nullable=False, server_default=""),
    Index("ix_customer_sessions_ends_at", "ends_at"),
)

contact_changes = Table(
    "contact_changes",
    metadata,
    account_key(),
    Column("change_id", Text, primary_key=True),
    Column("channel", Text, nullable=False),  # email | sms
    Column("contact", Text, nullable=False),
    Column("code_hash", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("asked_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_contact_changes_ends_at", "ends_at"),
)

# Of a contact, an address or an account, whichever it is: only its hash is kept.
customer_tries = Table(
    "customer_tries",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("subject_hash", Text, primary_key=True),
    Column("window_from", Instant, primary_key=True),
    Column("tries", Integer, nullable=False),
    Index("ix_customer_tries_window_from", "window_from"),
)
