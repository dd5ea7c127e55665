"""What customers agreed to when they left a method: the text they saw, when, from where."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from billing.domain import identity
from billing.persistence.columns import Instant, account_key, generated_key, metadata, reference

mandate_acceptances = Table(
    "mandate_acceptances",
    metadata,
    account_key(),
    generated_key("acceptance_id", identity.ACCEPTANCE),
    Column("kind", Text, nullable=False),  # card | sepa_debit | bacs_debit
    Column("text_version", Integer, nullable=False),
    Column("language", Text, nullable=False),
    Column("text_shown", Text, nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),  # real time
    # Personal data, in columns of its own.
    Column("ip_address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("setup_reference", Text, nullable=False, server_default=""),  # the provider's page
    reference("method_id", identity.METHOD, nullable=True),  # once it was stored
    Column("mandate_reference", Text, nullable=False, server_default=""),
)
