"""Counters as everybody reads them: what is added up already, and what is pending."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import CompoundSelect, FromClause, Select, Subquery, func, select, union_all

from billing.persistence.tables import usage as t

# What one counter is for, in the order in which counters are locked; and the same for statements in text.
COUNTER_KEY = ("account_id", "cycle_number", "service_id", "plan_code", "plan_version", "price_code", "band")
COUNTER_COLUMNS = ", ".join(COUNTER_KEY)
Condition = Callable[[Any], list[Any]]


def counted(condition: Condition) -> Select[Any]:
    """One row per counter that meets ``condition`` (a function of a table's columns), in order of the key.

    One statement reads both tables, so a count that is just being moved is seen once, never twice and never not.
    """
    both = _both(condition)
    keys = [both.c[name] for name in COUNTER_KEY]
    return (
        select(
            *keys,
            func.sum(both.c.events).cast(t.usage_counters.c.events.type).label("events"),
            func.sum(both.c.quantity).cast(t.usage_counters.c.quantity.type).label("quantity"),
            func.sum(both.c.amount).label("amount"),
            func.max(both.c.counted_at).label("counted_at"),
        )
        .group_by(*keys)
        .order_by(*keys)
    )


def _both(condition: Condition) -> Subquery:
    halves: CompoundSelect[Any] = union_all(*(_half(table, condition) for table in (t.usage_counters, t.usage_pending)))
    return halves.subquery("both")


def _half(table: FromClause, condition: Condition) -> Select[Any]:
    names = (*COUNTER_KEY, "events", "quantity", "amount", "counted_at")
    return select(*[table.c[name] for name in names]).where(*condition(table.c))
