"""All tables, one module per area. Importing this package makes the metadata complete."""

from billing.persistence.columns import metadata
from billing.persistence.tables import (
    accounts,
    bank_files,
    bank_statements,
    barring,
    dunning,
    grants,
    invoicing,
    limits,
    notices,
    payments,
    plan_corrections,
    usage,
    usage_archives,
    usage_corrections,
    usage_sessions,
)

__all__ = [
    "accounts",
    "bank_files",
    "bank_statements",
    "barring",
    "dunning",
    "grants",
    "invoicing",
    "limits",
    "metadata",
    "notices",
    "payments",
    "plan_corrections",
    "usage",
    "usage_archives",
    "usage_corrections",
    "usage_sessions",
]
