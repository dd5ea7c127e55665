"""Thresholds that were passed: written once, told later; and what finding them needs to know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.persistence.service_repository import plan_periods
from billing.persistence.statements import fetch_all
from billing.persistence.tables import accounts as a
from billing.persistence.tables import usage as t
from billing.persistence.usage_intake import ACCOUNT_IDS, among
from billing.ports.usage_intake import Crossing, PendingThreshold, ServicePlan


def _account(account_id: str) -> int:
    return identity.parse(identity.ACCOUNT, account_id)


def _service(service_id: str | None) -> int | None:
    return None if service_id is None else identity.parse(identity.SERVICE, service_id)


def _arrays(columns: Mapping[str, tuple[str, Callable[[Any], Any]]], rows: Iterable[Any]) -> dict[str, list[Any]]:
    """One list per column."""
    kept = list(rows)
    return {name: [value(row) for row in kept] for name, (_, value) in columns.items()}


def _unnest(columns: Mapping[str, tuple[str, Any]]) -> str:
    arrays = ", ".join(f"CAST(CAST(:{name} AS {_sent_as(kind)}[]) AS {kind}[])" for name, (kind, _) in columns.items())
    return f"unnest({arrays}) AS batch ({', '.join(columns)})"


def _sent_as(kind: str) -> str:
    return "text" if kind == "jsonb" else kind


_CROSSING_COLUMNS: dict[str, tuple[str, Callable[[Crossing], Any]]] = {
    "account_id": ("bigint", lambda crossing: _account(crossing.account_id)),
    "cycle_number": ("integer", lambda crossing: crossing.cycle_number),
    "service_id": ("bigint", lambda crossing: _service(crossing.service_id)),
    "allowance_code": ("text", lambda crossing: crossing.allowance_code),
    "meter": ("text", lambda crossing: crossing.meter),
    "percent": ("integer", lambda crossing: crossing.percent),
    "used": ("bigint", lambda crossing: crossing.used),
    "included": ("bigint", lambda crossing: crossing.included),
    "crossed_at": ("timestamptz", lambda crossing: crossing.crossed_at),
    "limit_key": ("text", lambda crossing: crossing.limit_key),
    "notice": ("text", lambda crossing: crossing.notice),
    "currency": ("text", lambda crossing: crossing.currency),
    "stops": ("boolean", lambda crossing: crossing.stops),
    "sent_at": ("timestamptz", lambda crossing: crossing.told_at),
}
_CROSSING_NAMES = ", ".join(_CROSSING_COLUMNS)
_CROSSING_KEY = "account_id, cycle_number, service_id, allowance_code, limit_key, percent"
_IS_KNOWN = " AND ".join(
    f"known.{name} IS NOT DISTINCT FROM batch.{name}" if name == "service_id" else f"known.{name} = batch.{name}"
    for name in _CROSSING_KEY.split(", ")
)
_ADD_CROSSINGS = text(
    f"INSERT INTO usage_outbox ({_CROSSING_NAMES}) SELECT {_CROSSING_NAMES} FROM {_unnest(_CROSSING_COLUMNS)} "
    f"WHERE NOT EXISTS (SELECT FROM usage_outbox AS known WHERE {_IS_KNOWN}) "
    f"ON CONFLICT DO NOTHING RETURNING {_CROSSING_KEY}"
)


def _rest_of_key(crossing: Crossing) -> tuple[int, int | None, str, str, int]:
    _, cycle_number, service_id, allowance_code, limit_key, percent = crossing.key
    return cycle_number, _service(service_id), allowance_code, limit_key, percent


class SqlUsageOutbox:
    """Crossings, and the services of the accounts they are found in."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def service_plans(self, account_ids: Sequence[str]) -> Sequence[ServicePlan]:
        query = plan_periods().where(among(a.services.c.account_id, account_ids, ACCOUNT_IDS))
        return await fetch_all(self._connection, ServicePlan, query)

    async def add_crossings(self, crossings: Sequence[Crossing]) -> Sequence[Crossing]:
        if not crossings:
            return []
        # Told before is the usual case: it costs no identity and no write.
        rows = await self._connection.execute(_ADD_CROSSINGS, _arrays(_CROSSING_COLUMNS, crossings))
        added = {tuple(row) for row in rows}
        return [each for each in crossings if (_account(each.account_id), *_rest_of_key(each)) in added]

    async def pending_thresholds(self, account_ids: Sequence[str] = (), limit: int = 500) -> Sequence[PendingThreshold]:
        outbox = t.usage_outbox
        query = (
            select(outbox, a.accounts.c.brand, a.accounts.c.number)
            .join(a.accounts, a.accounts.c.account_id == outbox.c.account_id)
            .where(outbox.c.sent_at.is_(None))
            .order_by(outbox.c.outbox_id)
            .limit(limit)
        )
        if account_ids:
            query = query.where(among(outbox.c.account_id, account_ids, ACCOUNT_IDS))
        return await fetch_all(self._connection, PendingThreshold, query)

    async def mark_sent(self, account_id: str, outbox_id: str, at: datetime) -> None:
        outbox = t.usage_outbox.c
        await self._connection.execute(
            update(t.usage_outbox)
            .where(outbox.account_id == account_id, outbox.outbox_id == outbox_id, outbox.sent_at.is_(None))
            .values(sent_at=at)
        )
