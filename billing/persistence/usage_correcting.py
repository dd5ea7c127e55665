"""Stored events that are taken back or guided anew, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Uuid, and_, column, delete, func, insert, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.persistence.columns import PrefixedId
from billing.persistence.tables import accounts as a
from billing.persistence.tables import usage as t
from billing.persistence.tables.usage_corrections import usage_corrections
from billing.persistence.usage_intake import ACCOUNT_IDS, TEXTS, among
from billing.ports.usage_corrections import Change, EventKey, EventsOf, StoredEvent

_EVENTS = t.usage_events.c
_KEY = (_EVENTS.started_at, _EVENTS.key_hash, _EVENTS.account_id)
_PUT_BACK = insert_new(t.usage_events).on_conflict_do_nothing().returning(*_KEY)
_SERVICE_IDS = ARRAY(PrefixedId(identity.SERVICE))
_IN_JSON = ("source", "record_id", "identifier", "meter", "quantity", "destination", "visited", "traffic_class")
_COUNTED = ("plan_code", "plan_version", "price_code", "band", "events", "billable_quantity")


class SqlUsageCorrecting:
    """Taking events out, and remembering them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def take_out(self, wanted: EventsOf, limit: int) -> Sequence[StoredEvent]:
        keys = await self._lock_keys(wanted, limit, None)
        if not keys:
            return ()
        rows = await self._connection.execute(delete(t.usage_events).where(*_with(keys)).returning(*_EVENTS))
        return _in_order(rows)

    async def lock_events(self, wanted: EventsOf, limit: int, after: EventKey | None = None) -> Sequence[StoredEvent]:
        keys = await self._lock_keys(wanted, limit, after)
        if not keys:
            return ()
        return _in_order(await self._connection.execute(select(t.usage_events).where(*_with(keys))))

    async def has_events(self, wanted: EventsOf) -> bool:
        some = select(_EVENTS.part).where(*_conditions(wanted)).limit(1)
        return (await self._connection.execute(some)).first() is not None

    async def lock_these(self, keys: Sequence[EventKey]) -> Sequence[StoredEvent]:
        if not keys:
            return ()
        query = select(t.usage_events).where(*_with([_shown(key) for key in sorted(keys)]))
        return _in_order(await self._connection.execute(query.order_by(*_KEY, _EVENTS.part).with_for_update()))

    async def remove_events(self, keys: Sequence[EventKey]) -> None:
        if keys:
            await self._connection.execute(delete(t.usage_events).where(*_with([_shown(key) for key in sorted(keys)])))

    async def put_back(self, rows: Sequence[StoredEvent]) -> set[EventKey]:
        in_order = sorted(rows, key=_place)
        first = [_values(event) for event in in_order if not event.part]
        if not first:
            return set()
        # The first parts decide, so that no event is stored in part beside another of its key.
        stored = await self._connection.execute(_PUT_BACK, first)
        new = {(at, key_hash, identity.parse(identity.ACCOUNT, account)) for at, key_hash, account in stored}
        further = [_values(event) for event in in_order if event.part and event.key in new]
        if further:
            await self._connection.execute(insert(t.usage_events), further)
        return new

    async def _lock_keys(self, wanted: EventsOf, limit: int, after: EventKey | None) -> Sequence[_ShownKey]:
        some = select(*_KEY).where(_EVENTS.part == 0, *_conditions(wanted))
        if after is not None:
            last = [literal(value, column.type) for column, value in zip(_KEY, _shown(after), strict=True)]
            some = some.where(_EVENTS.started_at >= after[0], tuple_(*_KEY) > tuple_(*last))
        rows = await self._connection.execute(some.order_by(*_KEY).limit(limit).with_for_update())
        return [(row.started_at, row.key_hash, row.account_id) for row in rows]

    async def closed_cycles(self, cycles: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
        known = a.cycles.c
        accounts = [identity.show(identity.ACCOUNT, account) for account in sorted({each for each, _ in cycles})]
        query = select(known.account_id, known.cycle_number).where(
            among(known.account_id, accounts, ACCOUNT_IDS),
            among(known.cycle_number, sorted({number for _, number in cycles}), ARRAY(Integer)),
            or_(known.status != "open", known.fenced_at.is_not(None)),
        )
        rows = await self._connection.execute(query)
        return {(identity.parse(identity.ACCOUNT, row.account_id), row.cycle_number) for row in rows} & set(cycles)

    async def remember(self, events: Sequence[StoredEvent], change: Change, kept_as: Sequence[str] = ()) -> None:
        if not events:
            return
        became = kept_as or [""] * len(events)
        rows = [_row(event, change, now) for event, now in zip(events, became, strict=True)]
        await self._connection.execute(insert(usage_corrections), rows)


_ShownKey = tuple[datetime, UUID, str]


def _shown(key: EventKey) -> _ShownKey:
    return key[0], key[1], identity.show(identity.ACCOUNT, key[2])


def _with(keys: Sequence[_ShownKey]) -> tuple[Any, ...]:
    """Rows with these keys, which are in order; the bounds keep the search to their days.

    The keys are joined as a table: a long list of them is planned for every day.
    """
    columns = zip(_KEY, zip(*keys, strict=True), strict=True)
    lists = [literal(list(values), ARRAY(of.type)) for of, values in columns]
    wanted = func.unnest(*lists).table_valued(*[column(of.name, of.type) for of in _KEY], name="wanted")
    own = wanted.render_derived().c
    return _EVENTS.started_at.between(keys[0][0], keys[-1][0]), tuple_(*_KEY).in_(select(*own))


def _place(event: StoredEvent) -> tuple[EventKey, int]:
    return event.key, event.part


def _in_order(rows: Iterable[Any]) -> list[StoredEvent]:
    return sorted((_stored(row._mapping) for row in rows), key=_place)


def _conditions(wanted: EventsOf) -> list[Any]:
    conditions: list[Any] = [_EVENTS.started_at.between(wanted.first, wanted.last)]
    if wanted.file_id:
        conditions.append(_EVENTS.file_id == wanted.file_id)
    if wanted.identifiers:
        conditions.append(among(_EVENTS.identifier, wanted.identifiers, TEXTS))
    if wanted.plan:
        conditions.append(and_(_EVENTS.plan_code == wanted.plan[0], _EVENTS.plan_version == wanted.plan[1]))
    if wanted.accounts:
        conditions.append(among(_EVENTS.account_id, wanted.accounts, ACCOUNT_IDS))
    if wanted.services:
        conditions.append(among(_EVENTS.service_id, wanted.services, _SERVICE_IDS))
    if wanted.records:
        conditions.append(among(_EVENTS.key_hash, [UUID(record) for record in wanted.records], ARRAY(Uuid)))
    return conditions


def _stored(row: Any) -> StoredEvent:
    numbers = {
        "account_id": identity.parse(identity.ACCOUNT, row["account_id"]),
        "service_id": identity.parse(identity.SERVICE, row["service_id"]),
        "file_id": None if row["file_id"] is None else identity.parse(identity.FILE, row["file_id"]),
    }
    return StoredEvent(**{**row, **numbers})


def _values(event: StoredEvent) -> dict[str, Any]:
    return {
        **asdict(event),
        "account_id": identity.show(identity.ACCOUNT, event.account_id),
        "service_id": identity.show(identity.SERVICE, event.service_id),
        "attributes": dict(event.attributes),
        "file_id": None if event.file_id is None else identity.show(identity.FILE, event.file_id),
    }


def _row(event: StoredEvent, change: Change, became: str) -> dict[str, Any]:
    was: dict[str, Any] = {name: getattr(event, name) for name in (*_IN_JSON, *_COUNTED)}
    was |= {
        "service_id": identity.show(identity.SERVICE, event.service_id),
        "amount": None if event.amount is None else f"{event.amount:f}",
        "counted_amount": f"{event.counted_amount:f}",
        "attributes": dict(event.attributes),
        "received_at": event.received_at.isoformat(),
    }
    return {
        "account_id": identity.show(identity.ACCOUNT, event.account_id),
        "kind": change.kind,
        "reason": change.reason,
        "author": change.author,
        "at": change.at,
        "started_at": event.started_at,
        "key_hash": event.key_hash,
        "part": event.part,
        "cycle_number": event.cycle_number,
        "event": was,
        "became": became,
        "file_id": None if event.file_id is None else identity.show(identity.FILE, event.file_id),
    }
