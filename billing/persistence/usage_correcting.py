"""Stored events that are taken back, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Uuid, and_, delete, insert, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.persistence.tables import accounts as a
from billing.persistence.tables import usage as t
from billing.persistence.tables.usage_corrections import usage_corrections
from billing.persistence.usage_intake import ACCOUNT_IDS, TEXTS, among
from billing.ports.usage_corrections import Change, EventsOf, StoredEvent

_EVENTS = t.usage_events.c
_KEY = (_EVENTS.started_at, _EVENTS.key_hash, _EVENTS.account_id)
_IN_JSON = ("source", "record_id", "identifier", "meter", "quantity", "destination", "visited", "traffic_class")
_COUNTED = ("plan_code", "plan_version", "price_code", "band", "events", "billable_quantity")


class SqlUsageCorrecting:
    """Taking events out, and remembering them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def take_out(self, wanted: EventsOf, limit: int) -> Sequence[StoredEvent]:
        some = select(*_KEY).where(_EVENTS.part == 0, *_conditions(wanted)).order_by(*_KEY).limit(limit)
        keys = (await self._connection.execute(some.with_for_update())).all()
        if not keys:
            return ()
        bounds = _EVENTS.started_at.between(keys[0].started_at, keys[-1].started_at)
        gone = delete(t.usage_events).where(bounds, tuple_(*_KEY).in_([tuple(key) for key in keys]))
        rows = await self._connection.execute(gone.returning(*_EVENTS))
        return sorted((_stored(row._mapping) for row in rows), key=lambda event: (event.started_at, event.key_hash))

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
