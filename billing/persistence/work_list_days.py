"""What today brings to collections, and what the work list's filter can choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.ports.work_list import DayNumbers, DueToday, WorkChoices

_WIDEST_DAY = timedelta(hours=38)  # a local today lies within this much of now, whichever the zone

_TODAY = "(:now AT TIME ZONE a.zone)::date"
# What is still open of all that an account owes, for promises of everything.
_OPEN = "(SELECT coalesce(sum(o.open_minor), 0) FROM open_invoices o WHERE o.account_id = a.account_id)"
_PROMISES = f"""
    SELECT b.currency, count(*) AS accounts,
        sum(CASE WHEN p.amount_minor = 0 THEN {_OPEN} ELSE p.amount_minor END)::bigint AS amount_minor
    FROM promises p JOIN accounts a USING (account_id) JOIN brands b USING (brand)
    WHERE p.outcome = '' AND p.until BETWEEN :from AND :to
    AND coalesce(p.pay_by, (p.until AT TIME ZONE a.zone)::date) = {_TODAY}
    GROUP BY b.currency ORDER BY b.currency
"""
_INSTALMENTS = f"""
    SELECT r.currency, count(*) AS accounts, sum((i ->> 'amount_minor')::bigint)::bigint AS amount_minor
    FROM payment_plans r JOIN accounts a USING (account_id), jsonb_array_elements(r.instalments) i
    WHERE r.status = 'running' AND (i ->> 'due_on')::date = {_TODAY}
    GROUP BY r.currency ORDER BY r.currency
"""
_HOLDS = f"""
    SELECT b.currency, count(*) AS accounts, coalesce(sum({_OPEN}), 0)::bigint AS amount_minor
    FROM accounts a JOIN brands b USING (brand)
    WHERE a.hold_until BETWEEN :from AND :to AND (a.hold_until AT TIME ZONE a.zone)::date = {_TODAY}
    GROUP BY b.currency ORDER BY b.currency
"""
# Distinct values by skipping from one to the next: not every account is read.
_SEGMENTS = "SELECT DISTINCT segment FROM accounts ORDER BY segment LIMIT 200"
_BRANDS = "SELECT brand FROM brands ORDER BY brand"
_POLICIES = "SELECT policy_code, policy_version FROM dunning_policies ORDER BY policy_code, policy_version"
_STEPS = """
    SELECT n.step ->> 'action' || '@' || (n.step ->> 'day') AS step, min((n.step ->> 'day')::integer) AS day
    FROM dunning_policies q, jsonb_array_elements(q.definition -> 'steps') n(step)
    GROUP BY 1 ORDER BY day, 1
"""


async def read_day_numbers(connection: AsyncConnection, now: datetime) -> DayNumbers:
    """Three statements, each over what lies near now."""
    values = {"now": now, "from": now - _WIDEST_DAY, "to": now + _WIDEST_DAY}
    return DayNumbers(
        promises=await _due(connection, _PROMISES, values),
        instalments=await _due(connection, _INSTALMENTS, {"now": now}),
        holds=await _due(connection, _HOLDS, values),
    )


async def _due(connection: AsyncConnection, query: str, values: Mapping[str, Any]) -> Sequence[DueToday]:
    rows = await connection.execute(text(query), values)
    return [DueToday(row.currency, row.accounts, row.amount_minor) for row in rows]


async def read_choices(connection: AsyncConnection) -> WorkChoices:
    """Four statements."""
    policies: dict[str, list[int]] = {}
    for row in await connection.execute(text(_POLICIES)):
        policies.setdefault(row.policy_code, []).append(row.policy_version)
    brands, segments, steps = [
        [row[0] for row in await connection.execute(text(query))] for query in (_BRANDS, _SEGMENTS, _STEPS)
    ]
    return WorkChoices(brands, segments, policies, steps)
