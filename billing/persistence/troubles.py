"""Looks over all accounts for what needs a person, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain import identity
from billing.domain import staff_cases as kinds
from billing.domain.money import Money
from billing.ports.staff_cases import Cause
from billing.ports.troubles import MOST_CAUSES

_Row = Any

# A debit that came back for our creditor id is one too, until the account paid in another way or is tried again.
REFUSED = """
SELECT a.provider, a.currency, count(*) AS debits, sum(a.expected_minor) AS amount, min(a.created_at) AS since,
    string_agg(DISTINCT nullif(a.code, ''), ', ') AS codes
FROM payment_attempts a
WHERE a.category = 'merchant_error' AND (a.settled_at IS NULL OR a.status = 'failed' AND NOT EXISTS (
    SELECT FROM payment_attempts later WHERE later.account_id = a.account_id AND later.created_at > a.created_at
        AND later.status IN ('succeeded', 'pending')))
GROUP BY a.provider, a.currency ORDER BY a.provider, a.currency
"""
PARKED = """
SELECT provider, object_id, min(kind) AS kind, count(*) AS events, min(received_at) AS since, max(event_id) AS event_id
FROM webhook_inbox WHERE status = 'parked' AND received_at >= :since
GROUP BY provider, object_id ORDER BY min(received_at) LIMIT :most
"""
UNCONFIRMED = """
SELECT o.account_id, o.order_id, o.level, o.reason, o.placed_at, count(s.service_id) AS services,
    string_agg(s.service_id::text, ',') AS service_ids
FROM barring_orders o
LEFT JOIN barring_order_services s ON s.account_id = o.account_id AND s.order_id = o.order_id AND s.state <> 'confirmed'
WHERE o.finished_at IS NULL AND o.placed_at < :before
GROUP BY o.account_id, o.order_id, o.level, o.reason, o.placed_at
ORDER BY o.level = 'none' DESC, o.placed_at LIMIT :most
"""
HELD = """
SELECT file_id, name, profile, hold_kind, hold_reason, registered_at FROM usage_files
WHERE status = 'held' ORDER BY file_id LIMIT :most
"""
STUCK = """
SELECT consumer_group, topic, partition, next_offset, end_offset, trouble FROM usage_stream_offsets
WHERE trouble <> '' ORDER BY topic, partition LIMIT :most
"""
# Only the list brought news since the last webhook, and the first of it had time enough to be told.
SILENT = """
WITH heard AS (
    SELECT provider, max(received_at) FILTER (WHERE by_webhook) AS last_heard FROM webhook_inbox
    WHERE received_at > CAST(:now AS timestamptz) - interval '7 days' GROUP BY provider
)
SELECT h.provider, h.last_heard, count(*) AS events, min(i.received_at) AS since
FROM heard h JOIN webhook_inbox i ON i.provider = h.provider AND NOT i.by_webhook
    AND i.received_at > coalesce(h.last_heard, CAST(:now AS timestamptz) - interval '7 days')
GROUP BY h.provider, h.last_heard
HAVING min(i.received_at) < CAST(:now AS timestamptz) - make_interval(secs => :seconds)
"""


class SqlTroubles:
    """Each look takes a connection of its own and writes nothing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def refused_by_providers(self) -> Sequence[Cause]:
        return await self._causes(REFUSED, {}, _refused)

    async def parked_webhooks(self, since: datetime) -> Sequence[Cause]:
        return await self._causes(PARKED, {"since": since, "most": MOST_CAUSES}, _parked)

    async def unconfirmed_orders(self, placed_before: datetime) -> Sequence[Cause]:
        return await self._causes(UNCONFIRMED, {"before": placed_before, "most": MOST_CAUSES}, _unconfirmed)

    async def held_files(self) -> Sequence[Cause]:
        return await self._causes(HELD, {"most": MOST_CAUSES}, _held)

    async def stuck_streams(self) -> Sequence[Cause]:
        return await self._causes(STUCK, {"most": MOST_CAUSES}, _stuck)

    async def silent_webhooks(self, now: datetime, expected_within_seconds: int) -> Sequence[Cause]:
        return await self._causes(SILENT, {"now": now, "seconds": expected_within_seconds}, _silent)

    async def _causes(
        self, statement: str, values: Mapping[str, Any], told: Callable[[_Row], Cause]
    ) -> Sequence[Cause]:
        async with self._engine.connect() as connection:
            return [told(row) for row in await connection.execute(text(statement), values)]


def _refused(row: _Row) -> Cause:
    amount = Money(int(row.amount), row.currency)
    said = f", it says {row.codes}" if row.codes else ""
    return Cause(
        kinds.CONFIGURATION_REFUSED,
        f"{row.provider}/{row.currency}",
        f"{row.provider} refuses our key, account or request{said}: {row.debits} debits of {amount} in all are held.",
        facts={"provider": row.provider, "debits": row.debits, "amount_minor": int(row.amount),
               "currency": row.currency, "since": row.since.isoformat()},
    )  # fmt: skip


def _parked(row: _Row) -> Cause:
    told = "once" if row.events == 1 else f"{row.events} times"
    return Cause(
        kinds.PARKED_WEBHOOK,
        f"{row.provider}/{row.object_id}",
        f"{row.provider} told {told} of {row.object_id} ({row.kind}), first {row.since:%Y-%m-%d %H:%M} UTC; it belongs "
        "to no attempt of ours.",
        facts={"provider": row.provider, "object_id": row.object_id, "event_kind": row.kind, "events": row.events,
               "last_event_id": row.event_id},
    )  # fmt: skip


def _unconfirmed(row: _Row) -> Cause:
    restores = row.level == "none"
    ids = [identity.show(identity.SERVICE, int(one)) for one in (row.service_ids or "").split(",") if one]
    aim = "lift all restrictions" if restores else f"set services to {row.level}"
    return Cause(
        kinds.ORDER_UNCONFIRMED,
        row.order_id,
        f"The network has not confirmed the order to {aim}, placed {row.placed_at:%Y-%m-%d %H:%M} UTC; "
        f"{row.services} services wait.",
        identity.show(identity.ACCOUNT, row.account_id),
        {"order_id": row.order_id, "level": row.level, "service_ids": ids},
        severity=kinds.Severity.URGENT.value if restores else "",
    )


def _held(row: _Row) -> Cause:
    file_id = identity.show(identity.FILE, row.file_id)
    return Cause(
        kinds.HELD_USAGE_FILE,
        file_id,
        f"{row.name} ({row.profile}) is held: {row.hold_reason}",
        facts={"file_id": file_id, "profile": row.profile, "hold_kind": row.hold_kind},
    )


def _stuck(row: _Row) -> Cause:
    return Cause(
        kinds.STUCK_STREAM,
        f"{row.consumer_group}/{row.topic}/{row.partition}",
        f"{row.topic}/{row.partition} stands at offset {row.next_offset} of {row.end_offset}: {row.trouble}",
        facts={"topic": row.topic, "partition": row.partition, "waiting": max(row.end_offset - row.next_offset, 0)},
    )


def _silent(row: _Row) -> Cause:
    last = f"the last one came for an event of {row.last_heard:%Y-%m-%d %H:%M} UTC" if row.last_heard else "none ever"
    return Cause(
        kinds.WEBHOOK_SILENCE,
        row.provider,
        f"{row.events} events of {row.provider} since {row.since:%Y-%m-%d %H:%M} UTC came by no webhook; {last}.",
        facts={"provider": row.provider, "events": row.events},
    )
