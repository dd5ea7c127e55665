"""The audit trail on PostgreSQL; a trigger refuses every change of what is written."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, literal, select
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.statements import fetch_all
from billing.persistence.tables.access import audit_events
from billing.ports.audit import AuditEvent, AuditFilter, NewEvent


class SqlAuditStore:
    """Each call is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, event: NewEvent) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(insert(audit_events).values(**vars(event)))

    async def find(self, wanted: AuditFilter) -> Sequence[AuditEvent]:
        events = audit_events.c
        order = events.event_id if wanted.oldest_first else events.event_id.desc()
        statement = select(audit_events).order_by(order).limit(wanted.limit)
        exact = ((events.actor, wanted.actor), (events.subject, wanted.subject), (events.action, wanted.action))
        for column, value in exact:
            if value:
                statement = statement.where(column == value)
        if wanted.refused:
            statement = statement.where(events.outcome != "done")
        if wanted.since:
            statement = statement.where(events.at >= wanted.since)
        if wanted.until:
            statement = statement.where(events.at < wanted.until)
        if wanted.before:
            last = literal(wanted.before, events.event_id.type)
            statement = statement.where(events.event_id > last if wanted.oldest_first else events.event_id < last)
        async with self._engine.connect() as connection:
            return await fetch_all(connection, AuditEvent, statement)
