"""Stored events and single records on PostgreSQL, as a clerk looks them up; bounds of the start prune the days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from psycopg.errors import QueryCanceled
from sqlalchemy import Select, literal, select, text, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.errors import UnableTo
from billing.persistence.statements import fetch_all
from billing.persistence.tables import usage as t
from billing.persistence.tables.usage_corrections import usage_corrections
from billing.ports.usage_lookup import EventSearch, FoundCorrection, FoundEvent, RecordSearch

LONGEST_SECONDS = 10
_MOST_ROWS = 1000
_EVENTS = t.usage_events.c
_ORDER = (_EVENTS.started_at, _EVENTS.key_hash, _EVENTS.account_id, _EVENTS.part)
Found = TypeVar("Found", FoundEvent, FoundCorrection)


class SqlUsageLookup:
    """Searches that end in time, whatever they are asked for."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find_events(self, wanted: EventSearch) -> Sequence[FoundEvent]:
        given = {
            _EVENTS.account_id: wanted.account_id,
            _EVENTS.identifier: wanted.identifier,
            _EVENTS.file_id: wanted.file_id,
        }
        query = select(t.usage_events).where(*[column == value for column, value in given.items() if value])
        query = query.where(_EVENTS.started_at >= wanted.first, _EVENTS.started_at < wanted.last)
        if wanted.after:
            place = [literal(each, column.type) for each, column in zip(wanted.after, _ORDER, strict=True)]
            # The start alone says it too, so that the days before are not read.
            query = query.where(_EVENTS.started_at >= wanted.after[0], tuple_(*_ORDER) > tuple_(*place))
        return await self._in_time(FoundEvent, query.order_by(*_ORDER).limit(wanted.limit))

    async def events_of_record(self, wanted: RecordSearch) -> Sequence[FoundEvent]:
        query = select(t.usage_events).where(
            _EVENTS.key_hash == wanted.key_hash, _EVENTS.started_at >= wanted.first, _EVENTS.started_at < wanted.last
        )
        return await self._in_time(FoundEvent, query.order_by(*_ORDER).limit(_MOST_ROWS))

    async def corrections_of_record(self, wanted: RecordSearch) -> Sequence[FoundCorrection]:
        known = usage_corrections.c
        query = select(usage_corrections).where(
            known.key_hash == wanted.key_hash, known.started_at >= wanted.first, known.started_at < wanted.last
        )
        return await self._in_time(FoundCorrection, query.order_by(known.at, known.correction_id).limit(_MOST_ROWS))

    async def _in_time(self, kind: type[Found], query: Select[tuple[object, ...]]) -> Sequence[Found]:
        await self._connection.execute(text(f"SET LOCAL statement_timeout = '{LONGEST_SECONDS}s'"))
        try:
            return await fetch_all(self._connection, kind, query)
        except DBAPIError as failed:
            if isinstance(failed.orig, QueryCanceled):
                raise UnableTo(
                    f"This search was given up after {LONGEST_SECONDS} seconds.",
                    field="from",
                    remedy="Ask for fewer days with from and to, or for one record give its started_at.",
                ) from None
            raise
