"""How far streams are taken, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.statements import as_record, fetch_all
from billing.persistence.tables import usage as t
from billing.ports.usage_streams import StreamPosition

_OFFSETS = t.usage_stream_offsets
_KEY = ("consumer_group", "topic", "partition")


class SqlUsageStreams:
    """Positions by group, topic and partition."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock_position(self, group: str, topic: str, partition: int, at: datetime) -> StreamPosition:
        values = dict(zip(_KEY, (group, topic, partition), strict=True))
        new = insert(_OFFSETS).values(**values, next_offset=0, end_offset=0, seen_at=at).on_conflict_do_nothing()
        await self._connection.execute(new)
        query = select(_OFFSETS).where(*_is(values)).with_for_update()
        return as_record(StreamPosition, (await self._connection.execute(query)).one())

    async def positions(self, group: str = "") -> Sequence[StreamPosition]:
        query = select(_OFFSETS).order_by(*_OFFSETS.primary_key.columns)
        if group:
            query = query.where(_OFFSETS.c.consumer_group == group)
        return await fetch_all(self._connection, StreamPosition, query)

    async def move_position(self, position: StreamPosition, values: Mapping[str, Any]) -> None:
        key = {name: getattr(position, name) for name in _KEY}
        await self._connection.execute(update(_OFFSETS).where(*_is(key)).values(**values))


def _is(key: Mapping[str, Any]) -> list[Any]:
    return [_OFFSETS.c[name] == value for name, value in key.items()]
