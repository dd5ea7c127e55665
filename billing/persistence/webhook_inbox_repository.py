"""The webhook inbox on PostgreSQL: stored once per provider and event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from billing.persistence.payment_method_repository import SqlMethodRepository
from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables.payments import provider_event_reads, webhook_inbox
from billing.ports.payments import InboxRow, InboxStatus


class SqlWebhookInboxRepository(SqlMethodRepository):
    """What providers told us, before and after it was passed on."""

    async def take_in(self, row: InboxRow) -> bool:
        stored = upsert(webhook_inbox).values(**asdict(row)).on_conflict_do_nothing()
        is_new = (await self._connection.execute(stored.returning(webhook_inbox.c.event_id))).first() is not None
        if not is_new and row.by_webhook:
            await self._note_that_it_was_heard(row)
        return is_new

    async def _note_that_it_was_heard(self, row: InboxRow) -> None:
        """A webhook that comes after the list told of it is no sign of silence."""
        inbox = webhook_inbox.c
        only_found = (inbox.provider == row.provider, inbox.event_id == row.event_id, ~inbox.by_webhook)
        await self._connection.execute(update(webhook_inbox).where(*only_found).values(by_webhook=True))

    async def inbox_row(self, provider: str, event_id: str) -> InboxRow | None:
        inbox = webhook_inbox.c
        query = select(webhook_inbox).where(inbox.provider == provider, inbox.event_id == event_id)
        found = await fetch_one(self._connection, InboxRow, query)
        return None if found is None else _typed(found)

    async def undelivered(self, limit: int = 200) -> Sequence[InboxRow]:
        query = select(webhook_inbox).where(webhook_inbox.c.status == InboxStatus.RECEIVED)
        oldest = query.order_by(webhook_inbox.c.received_at).limit(limit)
        return [_typed(row) for row in await fetch_all(self._connection, InboxRow, oldest)]

    async def mark(self, row: InboxRow, values: Mapping[str, Any]) -> None:
        inbox = webhook_inbox.c
        of_row = (inbox.provider == row.provider, inbox.event_id == row.event_id)
        await self._connection.execute(update(webhook_inbox).where(*of_row).values(**values))

    async def newest_event_at(self, provider: str) -> datetime | None:
        inbox = webhook_inbox.c
        newest = select(func.max(inbox.received_at)).where(inbox.provider == provider)
        found: datetime | None = await self._connection.scalar(newest)
        return found

    async def events_read_until(self, provider: str) -> datetime | None:
        reads = provider_event_reads.c
        found: datetime | None = await self._connection.scalar(
            select(reads.read_until).where(reads.provider == provider)
        )
        return found

    async def note_events_read(self, provider: str, until: datetime) -> None:
        new = upsert(provider_event_reads).values(provider=provider, read_until=until)
        later = func.greatest(provider_event_reads.c.read_until, new.excluded.read_until)
        await self._connection.execute(
            new.on_conflict_do_update(index_elements=["provider"], set_={"read_until": later})
        )

    async def count_inbox(self) -> Mapping[str, int]:
        inbox = webhook_inbox.c
        rows = await self._connection.execute(select(inbox.status, func.count()).group_by(inbox.status))
        return {status: int(count) for status, count in rows}


def _typed(row: InboxRow) -> InboxRow:
    return replace(row, status=InboxStatus(row.status), references=tuple(row.references))
