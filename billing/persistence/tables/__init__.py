"""All tables, one module per area. Importing this package makes the metadata complete."""

from billing.persistence.columns import metadata
from billing.persistence.tables import (
    accounts,
    barring,
    dunning,
    grants,
    invoicing,
    limits,
    notices,
    payment_evidence,
    payments,
    plan_corrections,
    retries,
    usage,
    usage_archives,
    usage_corrections,
    usage_sessions,
)

__all__ = [
    "accounts",
    "barring",
    "dunning",
    "grants",
    "invoicing",
    "limits",
    "metadata",
    "notices",
    "payment_evidence",
    "payments",
    "plan_corrections",
    "retries",
    "usage",
    "usage_archives",
    "usage_corrections",
    "usage_sessions",
]
