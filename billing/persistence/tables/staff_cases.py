"""Cases for people: those of an account, and those that belong to nobody. Both count their ids together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, Integer, Sequence, Table, Text, UniqueConstraint, text

from billing.domain import identity
from billing.persistence.columns import Instant, PrefixedId, account_key, document, metadata

case_numbers = Sequence("staff_case_numbers", start=1001, metadata=metadata)


def _case_id() -> Column[str]:
    kind = PrefixedId(identity.STAFF_CASE)
    return Column("case_id", kind, server_default=case_numbers.next_value(), primary_key=True)


def _facts_of_a_case() -> list[Column[Any]]:
    return [
        Column("kind", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("severity", Text, nullable=False),  # urgent | high | normal
        Column("state", Text, nullable=False),  # open | acknowledged | closed
        Column("explanation", Text, nullable=False),
        document("facts"),
        Column("opened_at", Instant, nullable=False),
        Column("last_seen_at", Instant, nullable=False),
        Column("times_opened", Integer, nullable=False, server_default="1"),
        Column("cause_gone_at", Instant),
        Column("told_at", Instant),
        Column("closed_at", Instant),
        document("history"),
        Column("assignee", Text, nullable=False, server_default=""),  # who looks after it
    ]


staff_cases = Table("staff_cases", metadata, _case_id(), *_facts_of_a_case(), UniqueConstraint("kind", "subject"))
account_staff_cases = Table(
    "account_staff_cases",
    metadata,
    account_key(),
    _case_id(),
    *_facts_of_a_case(),
    UniqueConstraint("account_id", "kind", "subject"),
)
# What upkeep holds against what it sees now, what staff look at, and one case by its id alone.
for _table in (staff_cases, account_staff_cases):
    Index(f"ix_{_table.name}_lasting", _table.c.kind, postgresql_where=text("cause_gone_at IS NULL"))
    Index(f"ix_{_table.name}_not_closed", _table.c.case_id, postgresql_where=text("state <> 'closed'"))
Index("ix_account_staff_cases_case_id", account_staff_cases.c.case_id)
