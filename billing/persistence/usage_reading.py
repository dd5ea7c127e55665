"""Counted usage on PostgreSQL, as invoicing and the live balance read it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.statements import fetch_all
from billing.persistence.tables import accounts as a
from billing.persistence.tables import usage as t
from billing.persistence.usage_counted import Condition, counted
from billing.ports.usage_records import CounterRow, EventDetail, LateUsageRow


class SqlUsageReading:
    """Counters, late usage and details of one account."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def counters_of(self, account_id: str, cycle_number: int) -> Sequence[CounterRow]:
        return await fetch_all(self._connection, CounterRow, counted(_of_cycle(account_id, cycle_number)))

    async def unbilled_late_usage(self, account_id: str) -> Sequence[LateUsageRow]:
        late = t.usage_late.c
        query = (
            select(t.usage_late)
            .where(late.account_id == account_id, late.invoice_id.is_(None))
            .order_by(late.cycle_number, late.late_id)
            .with_for_update()
        )
        return await fetch_all(self._connection, LateUsageRow, query)

    async def late_usage_of(self, account_id: str, cycle_number: int) -> Sequence[LateUsageRow]:
        late = t.usage_late.c
        query = (
            select(t.usage_late)
            .where(late.account_id == account_id, late.cycle_number == cycle_number)
            .order_by(late.late_id)
        )
        return await fetch_all(self._connection, LateUsageRow, query)

    async def mark_late_billed(self, account_id: str, late_ids: Sequence[str], invoice_id: str) -> int:
        late = t.usage_late.c
        changed = await self._connection.execute(
            update(t.usage_late)
            .where(late.account_id == account_id, late.late_id.in_(late_ids), late.invoice_id.is_(None))
            .values(invoice_id=invoice_id)
        )
        return changed.rowcount

    async def event_details(
        self, account_id: str, cycle_number: int, service_id: str, limit: int = 10_000
    ) -> Sequence[EventDetail]:
        events, cycles = t.usage_events.c, a.cycles.c
        # The bounds keep the reading to the days of the cycle.
        period = select(cycles.opens_at, cycles.closes_at).where(
            cycles.account_id == account_id, cycles.cycle_number == cycle_number
        )
        opens_at, closes_at = (period.with_only_columns(column).scalar_subquery() for column in period.selected_columns)
        query = (
            select(t.usage_events)
            .where(events.account_id == account_id, events.service_id == service_id)
            .where(events.cycle_number == cycle_number)
            .where(events.started_at >= opens_at, events.started_at < closes_at)
            .order_by(events.started_at, events.key_hash, events.part)
            .limit(limit)
        )
        return await fetch_all(self._connection, EventDetail, query)


def _of_cycle(account_id: str, cycle_number: int) -> Condition:
    return lambda columns: [columns.account_id == account_id, columns.cycle_number == cycle_number]
