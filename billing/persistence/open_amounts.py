"""What is open of every invoice now, with the day it falls due now: the rows behind lists, totals and ages."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Date, Text, column, text
from sqlalchemy.sql.selectable import NamedFromClause

from billing.domain import identity
from billing.persistence.columns import PrefixedId
from billing.persistence.overview_statements import OPEN_WITH_DUE

_COLUMNS = (
    column("account_id", PrefixedId(identity.ACCOUNT)),
    column("invoice_id", PrefixedId(identity.INVOICE)),
    column("number", Text),
    column("invoice_date", Date),
    column("due_on", Date),
    column("today", Date),
    column("currency", Text),
    column("total_minor", BigInteger),
    column("open_minor", BigInteger),
    column("brand", Text),
    column("account_number", Text),
    column("customer_name", Text),
    column("is_overdue", Boolean),
)


def open_now(now: datetime, name: str = "owed") -> NamedFromClause:
    """One row per invoice that is open at ``now``; ``is_overdue`` once its day has passed where the account is."""
    inner = f"SELECT owed_now.*, due_on < today AS is_overdue FROM ({OPEN_WITH_DUE}) AS owed_now"
    return text(inner).bindparams(now=now).columns(*_COLUMNS).subquery(name)
