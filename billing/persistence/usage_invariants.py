"""What must always hold between raw events and counters: counting again gives the same."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.usage_counted import COUNTER_COLUMNS as _KEY

_SUMS = "events, quantity, amount"
# What is pending is counted for everybody who reads; an event that is taken back after its cycle was billed is counted
# down among the late usage, so all three together are what the events explain.
_HELD = " UNION ALL ".join(
    f"SELECT {_KEY}, {_SUMS} FROM {table}" for table in ("usage_counters", "usage_pending", "usage_late")
)


def _disagreement() -> str:
    """Rows where the sums of events differ from the stored sums; a counter without events is a difference too.

    In a cycle that opened before the oldest day of events that is kept, days were dropped by age: there the events may
    be fewer than what is stored, but never more. A day that was dropped counts as none that is kept, though records of
    it were counted since.
    """
    return (
        f"WITH counted AS (SELECT {_KEY}, sum(events)::bigint AS events, sum(billable_quantity)::bigint AS quantity, "
        f"sum(counted_amount) AS amount FROM usage_events GROUP BY {_KEY}), "
        f"held AS (SELECT {_KEY}, sum(events)::bigint AS events, sum(quantity)::bigint AS quantity, "
        f"sum(amount) AS amount FROM ({_HELD}) AS each GROUP BY {_KEY}), "
        "dropped AS (SELECT day FROM usage_archives WHERE dropped_at IS NOT NULL), "
        "days AS (SELECT to_date(right(relid::regclass::text, 8), 'YYYYMMDD') AS day "
        "FROM pg_partition_tree('usage_events') WHERE isleaf), "
        "kept AS (SELECT greatest((SELECT min(day) FROM days WHERE day NOT IN (SELECT day FROM dropped)), "
        "(SELECT max(day) + 1 FROM dropped))::timestamp AT TIME ZONE 'UTC' AS since) "
        f"SELECT {_KEY}, counted.events AS counted_events, held.events AS held_events, "
        "counted.quantity AS counted_quantity, held.quantity AS held_quantity, "
        "counted.amount AS counted_amount, held.amount AS held_amount "
        f"FROM counted FULL JOIN held USING ({_KEY}) LEFT JOIN cycles USING (account_id, cycle_number) CROSS JOIN kept "
        "WHERE (coalesce(counted.events, 0), coalesce(counted.quantity, 0), coalesce(counted.amount, 0)) "
        "IS DISTINCT FROM (coalesce(held.events, 0), coalesce(held.quantity, 0), coalesce(held.amount, 0)) "
        "AND (kept.since IS NULL OR cycles.opens_at IS NULL OR cycles.opens_at >= kept.since "
        "OR counted.events > coalesce(held.events, 0) OR counted.quantity > coalesce(held.quantity, 0) "
        f"OR counted.amount > coalesce(held.amount, 0)) ORDER BY {_KEY}"
    )


async def counters_disagree(connection: AsyncConnection) -> list[str]:
    """Every counter that raw events do not explain, one sentence each; empty when all is well."""
    rows = await connection.execute(text(_disagreement()))
    return [_sentence(row) for row in rows]


def _sentence(row: Row[Any]) -> str:
    return (
        f"acc_{row.account_id} cycle {row.cycle_number} svc_{row.service_id} "
        f"{row.plan_code} version {row.plan_version} {row.price_code}/{row.band}: the events give "
        f"{row.counted_events} events, quantity {row.counted_quantity}, amount {row.counted_amount}; "
        f"stored are {row.held_events}, {row.held_quantity}, {row.held_amount}"
    )
