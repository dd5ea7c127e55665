"""One batch of usage events on PostgreSQL: columns in, one statement per step, everything sorted by key.

Sorted writes are what keeps writers on the same accounts from deadlocking. Instants and identities travel as arrays, so
a batch of any size is the same handful of statements.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Integer, Text, and_, any_, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.persistence.columns import PrefixedId
from billing.persistence.statements import as_record, fetch_all
from billing.persistence.tables import accounts as a
from billing.persistence.tables import usage as t
from billing.persistence.usage_partitions import create_days, drop_days_before
from billing.ports.usage_intake import (
    CounterDelta,
    Crossing,
    CycleSpan,
    NumberOwner,
    PendingThreshold,
    ServicePlan,
    StoredEvent,
)
from billing.ports.usage_records import CounterRow


def _account(account_id: str) -> int:
    return identity.parse(identity.ACCOUNT, account_id)


def _service(service_id: str) -> int:
    return identity.parse(identity.SERVICE, service_id)


_EVENT_COLUMNS: dict[str, tuple[str, Callable[[StoredEvent], Any]]] = {
    "started_at": ("timestamptz", lambda event: event.started_at),
    "key_hash": ("uuid", lambda event: event.key_hash),
    "account_id": ("bigint", lambda event: _account(event.account_id)),
    "service_id": ("bigint", lambda event: _service(event.service_id)),
    "cycle_number": ("integer", lambda event: event.cycle_number),
    "late": ("boolean", lambda event: event.late),
    "source": ("text", lambda event: event.source),
    "record_id": ("text", lambda event: event.record_id),
    "identifier": ("text", lambda event: event.identifier),
    "meter": ("text", lambda event: event.meter),
    "quantity": ("bigint", lambda event: event.quantity),
    "destination": ("text", lambda event: event.destination),
    "amount": ("numeric", lambda event: event.amount),
    "attributes": ("jsonb", lambda event: json.dumps(event.attributes)),
    "content_hash": ("uuid", lambda event: event.content_hash),
    "plan_code": ("text", lambda event: event.plan_code),
    "plan_version": ("integer", lambda event: event.plan_version),
    "price_code": ("text", lambda event: event.price_code),
    "band": ("text", lambda event: event.band),
    "events": ("integer", lambda event: event.events),
    "billable_quantity": ("bigint", lambda event: event.billable_quantity),
    "counted_amount": ("numeric", lambda event: event.counted_amount),
}

_DELTA_COLUMNS: dict[str, tuple[str, Callable[[CounterDelta], Any]]] = {
    "account_id": ("bigint", lambda delta: _account(delta.account_id)),
    "cycle_number": ("integer", lambda delta: delta.cycle_number),
    "service_id": ("bigint", lambda delta: _service(delta.service_id)),
    "plan_code": ("text", lambda delta: delta.plan_code),
    "plan_version": ("integer", lambda delta: delta.plan_version),
    "price_code": ("text", lambda delta: delta.price_code),
    "band": ("text", lambda delta: delta.band),
    "events": ("bigint", lambda delta: delta.events),
    "quantity": ("bigint", lambda delta: delta.quantity),
    "amount": ("numeric", lambda delta: delta.amount),
}
_LATE_COLUMNS: dict[str, tuple[str, Callable[[CounterDelta], Any]]] = _DELTA_COLUMNS | {
    "first_started_at": ("timestamptz", lambda delta: delta.first_started_at),
    "last_started_at": ("timestamptz", lambda delta: delta.last_started_at),
}


def _arrays(columns: Mapping[str, tuple[str, Callable[[Any], Any]]], rows: Iterable[Any]) -> dict[str, list[Any]]:
    """One list per column."""
    kept = list(rows)
    return {name: [value(row) for row in kept] for name, (_, value) in columns.items()}


def _unnest(columns: Mapping[str, tuple[str, Any]]) -> str:
    arrays = ", ".join(f"CAST(CAST(:{name} AS {_sent_as(kind)}[]) AS {kind}[])" for name, (kind, _) in columns.items())
    return f"unnest({arrays}) AS batch ({', '.join(columns)})"


def _sent_as(kind: str) -> str:
    return "text" if kind == "jsonb" else kind


_EVENT_NAMES = ", ".join(_EVENT_COLUMNS)
_ADD_EVENTS = text(
    f"INSERT INTO usage_events ({_EVENT_NAMES}, received_at, file_id) "
    f"SELECT {_EVENT_NAMES}, :received_at, CAST(:file_id AS bigint) FROM {_unnest(_EVENT_COLUMNS)} "
    "ON CONFLICT DO NOTHING RETURNING started_at, key_hash, account_id"
)

_DELTA_NAMES = ", ".join(_DELTA_COLUMNS)
_ADD_COUNTS = text(
    f"INSERT INTO usage_counters AS held ({_DELTA_NAMES}, counted_at) "
    f"SELECT {_DELTA_NAMES}, :at FROM {_unnest(_DELTA_COLUMNS)} "
    "ON CONFLICT (account_id, cycle_number, service_id, plan_code, plan_version, price_code, band) DO UPDATE SET "
    "events = held.events + excluded.events, quantity = held.quantity + excluded.quantity, "
    "amount = held.amount + excluded.amount, counted_at = greatest(held.counted_at, excluded.counted_at)"
)

_LATE_NAMES = ", ".join(_LATE_COLUMNS)
_ADD_LATE = text(
    f"INSERT INTO usage_late ({_LATE_NAMES}, received_at) SELECT {_LATE_NAMES}, :at FROM {_unnest(_LATE_COLUMNS)}"
)

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
}
_CROSSING_NAMES = ", ".join(_CROSSING_COLUMNS)
_CROSSING_KEY = "account_id, cycle_number, service_id, allowance_code, percent"
_ADD_CROSSINGS = text(
    f"INSERT INTO usage_outbox ({_CROSSING_NAMES}) SELECT {_CROSSING_NAMES} FROM {_unnest(_CROSSING_COLUMNS)} "
    f"WHERE ({_CROSSING_KEY}) NOT IN (SELECT {_CROSSING_KEY} FROM usage_outbox WHERE account_id = ANY(:account_id)) "
    f"ON CONFLICT DO NOTHING RETURNING {_CROSSING_KEY}"
)

_STORED_CONTENTS = text(
    "SELECT stored.started_at, stored.key_hash, stored.content_hash FROM usage_events AS stored JOIN "
    "unnest(CAST(:started_at AS timestamptz[]), CAST(:key_hash AS uuid[]), CAST(:account_id AS bigint[])) "
    "AS wanted (started_at, key_hash, account_id) USING (started_at, key_hash, account_id) "
    "WHERE stored.started_at BETWEEN :first AND :last"
)


_ACCOUNT_IDS = ARRAY(PrefixedId(identity.ACCOUNT))


def _rest_of_key(crossing: Crossing) -> tuple[int, int, str, int]:
    return crossing.cycle_number, _service(crossing.service_id), crossing.allowance_code, crossing.percent


def _among(column: ColumnElement[Any], values: Sequence[Any], kind: ARRAY[Any]) -> ColumnElement[bool]:
    """One array parameter instead of a list of them: the statement's text does not depend on the batch."""
    return column == any_(literal(list(values), kind))


class SqlUsageIntake:
    """What one batch of events reads and writes."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def owners(self, identifiers: Sequence[str]) -> Sequence[NumberOwner]:
        directory, services = a.number_directory, a.services
        query = (
            select(directory, services.c.plan_code, services.c.plan_version)
            .join(
                services,
                and_(services.c.account_id == directory.c.account_id, services.c.service_id == directory.c.service_id),
            )
            .where(_among(directory.c.identifier, identifiers, ARRAY(Text)))
            .order_by(directory.c.identifier, directory.c.active_from)
        )
        return await fetch_all(self._connection, NumberOwner, query)

    async def lock_cycles(self, account_ids: Sequence[str], first: datetime, last: datetime) -> Sequence[CycleSpan]:
        cycles = a.cycles.c
        # Not FOR SHARE: two batches of one cycle would each miss the other's part of a crossed allowance.
        query = (
            select(cycles.account_id, cycles.cycle_number, cycles.opens_at, cycles.closes_at, cycles.status)
            .where(
                _among(cycles.account_id, account_ids, _ACCOUNT_IDS), cycles.opens_at <= last, cycles.closes_at > first
            )
            .order_by(cycles.account_id, cycles.cycle_number)
            .with_for_update(key_share=True)
        )
        return await fetch_all(self._connection, CycleSpan, query)

    async def ensure_days(self, days: Sequence[date]) -> None:
        await create_days(self._connection, days)

    async def drop_days_before(self, day: date) -> int:
        return await drop_days_before(self._connection, day)

    async def add_events(self, events: Sequence[StoredEvent], file_id: str | None, received_at: datetime) -> set[int]:
        if not events:
            return set()
        places = {(event.started_at, event.key_hash, _account(event.account_id)): n for n, event in enumerate(events)}
        file_number = None if file_id is None else identity.parse(identity.FILE, file_id)
        values = _arrays(_EVENT_COLUMNS, sorted(events, key=lambda event: event.key))
        added = await self._connection.execute(
            _ADD_EVENTS, values | {"received_at": received_at, "file_id": file_number}
        )
        return {places[row.started_at, row.key_hash, row.account_id] for row in added}

    async def stored_contents(self, keys: Sequence[tuple[datetime, UUID, str]]) -> Mapping[tuple[datetime, UUID], UUID]:
        if not keys:
            return {}
        started = [key[0] for key in keys]
        values = {
            "started_at": started,
            "key_hash": [key[1] for key in keys],
            "account_id": [_account(key[2]) for key in keys],
            "first": min(started),
            "last": max(started),
        }
        found = await self._connection.execute(_STORED_CONTENTS, values)
        return {(row.started_at, row.key_hash): row.content_hash for row in found}

    async def add_counts(self, deltas: Sequence[CounterDelta], at: datetime) -> None:
        if deltas:
            values = _arrays(_DELTA_COLUMNS, sorted(deltas, key=lambda delta: delta.key))
            await self._connection.execute(_ADD_COUNTS, values | {"at": at})

    async def add_late(self, deltas: Sequence[CounterDelta], at: datetime) -> None:
        if deltas:
            values = _arrays(_LATE_COLUMNS, sorted(deltas, key=lambda delta: delta.key))
            await self._connection.execute(_ADD_LATE, values | {"at": at})

    async def counters_in(self, cycles: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Sequence[CounterRow]]:
        counters = t.usage_counters.c
        query = (
            select(t.usage_counters)
            .where(_among(counters.account_id, sorted({account_id for account_id, _ in cycles}), _ACCOUNT_IDS))
            .where(_among(counters.cycle_number, sorted({number for _, number in cycles}), ARRAY(Integer)))
            .order_by(*t.usage_counters.primary_key.columns)
        )
        rows = (await self._connection.execute(query)).all()
        grouped = groupby(rows, key=lambda row: (row.account_id, row.cycle_number))
        return {key: [as_record(CounterRow, row) for row in group] for key, group in grouped}

    async def service_plans(self, account_ids: Sequence[str]) -> Sequence[ServicePlan]:
        services = a.services
        query = (
            select(services)
            .where(_among(services.c.account_id, account_ids, _ACCOUNT_IDS))
            .order_by(*services.primary_key.columns)
        )
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
            query = query.where(_among(outbox.c.account_id, account_ids, _ACCOUNT_IDS))
        return await fetch_all(self._connection, PendingThreshold, query)

    async def mark_sent(self, account_id: str, outbox_id: str, at: datetime) -> None:
        outbox = t.usage_outbox.c
        await self._connection.execute(
            update(t.usage_outbox)
            .where(outbox.account_id == account_id, outbox.outbox_id == outbox_id, outbox.sent_at.is_(None))
            .values(sent_at=at)
        )
