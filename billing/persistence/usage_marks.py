"""One short text per account that changes when its balance does, for many accounts in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity

# Counting moves rows from pending to counters and changes no sum. Corrections move sums up and down, and the time.
_SUMS = (
    "SELECT sum(events) AS events, sum(quantity) AS quantity, trim_scale(sum(amount)) AS amount, max(counted_at) AS at "
    "FROM (SELECT events, quantity, amount, counted_at FROM usage_counters AS own "
    "WHERE own.account_id = asked.account_id AND own.cycle_number = running.cycle_number "
    "UNION ALL SELECT events, quantity, amount, counted_at FROM usage_pending AS own "
    "WHERE own.account_id = asked.account_id AND own.cycle_number = running.cycle_number) AS counted"
)
_RUNNING = (
    "SELECT cycle_number, opens_at, closes_at FROM cycles AS own WHERE own.account_id = asked.account_id "
    "AND own.opens_at <= :now AND own.status <> 'cancelled' ORDER BY cycle_number DESC LIMIT 1"
)
_SERVICES = (
    "SELECT string_agg(concat_ws('/', service_id, identifier, plan_code, plan_version, active_to, usage_stop), ',' "
    "ORDER BY service_id) AS lines FROM services AS own WHERE own.account_id = asked.account_id"
)
_LIMITS = "SELECT max(change_id) AS newest FROM usage_limit_changes AS own WHERE own.account_id = asked.account_id"
_GRANTS = (
    "SELECT max(grant_id) AS newest, count(*) AS number FROM usage_grants AS own "
    "WHERE own.account_id = asked.account_id AND own.cycle_number >= running.cycle_number"
)
_AGREED = "SELECT count(*) AS number FROM usage_agreements AS own WHERE own.account_id = asked.account_id"
_MARKS = text(
    "SELECT asked.account_id, md5(concat_ws('|', running.cycle_number, running.opens_at, running.closes_at, "
    "sums.events, sums.quantity, sums.amount, sums.at, services.lines, limits.newest, agreed.number, grants.newest, "
    "grants.number)) AS mark "
    "FROM unnest(CAST(:account_ids AS bigint[])) AS asked (account_id) "
    f"LEFT JOIN LATERAL ({_RUNNING}) AS running ON true LEFT JOIN LATERAL ({_SUMS}) AS sums ON true "
    f"LEFT JOIN LATERAL ({_SERVICES}) AS services ON true LEFT JOIN LATERAL ({_LIMITS}) AS limits ON true "
    f"LEFT JOIN LATERAL ({_AGREED}) AS agreed ON true LEFT JOIN LATERAL ({_GRANTS}) AS grants ON true"
)


class SqlUsageMarks:
    """Marks of balances."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def balance_marks(self, account_ids: Sequence[str], now: datetime) -> Mapping[str, str]:
        numbers = [identity.parse(identity.ACCOUNT, each) for each in account_ids]
        rows = await self._connection.execute(_MARKS, {"account_ids": numbers, "now": now})
        return {identity.show(identity.ACCOUNT, row.account_id): row.mark for row in rows}
