"""One batch of usage events on PostgreSQL: columns in, one statement per step, everything sorted by key.

Sorted writes are what keeps writers on the same accounts from deadlocking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from psycopg.errors import UniqueViolation
from sqlalchemy import ARRAY, ColumnElement, Text, any_, literal, text
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.persistence.columns import PrefixedId
from billing.persistence.tables import usage as t
from billing.persistence.usage_copy import Constant, copy_in, driver_of, frame_of
from billing.persistence.usage_counted import COUNTER_KEY
from billing.persistence.usage_partitions import create_days, index_days_before
from billing.ports.usage_columns import CounterKey, Counts, EventColumns, LateCounts, OwnedCycle, RecordColumns, pick
from billing.ports.usage_intake import FileOf, RecordContent

# Any number no other advisory lock of ours uses: every intake holds it in shared mode until it ends.
INTAKE_LOCK = 7_290_002
_LOOK_AGAIN_SECONDS = 0.01
_BEGIN = text("SELECT pg_advisory_xact_lock_shared(:lock)")
_UNDER_WAY = text(
    "SELECT array_agg(virtualtransaction) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
    "WHERE locktype = 'advisory' AND classid = 0 AND objid = :lock AND objsubid = 1 AND granted "
    "AND datname = current_database()"
)
# What a record may have been guided by when it first came: as long ago, or ahead, as a record may be sent again.
OWNED_AROUND = "interval '91 days'"
_OWNER = "d.identifier, d.active_from, d.active_to, d.account_id, d.service_id, d.plan_code, d.plan_version"
_WANTED = (
    f"d.identifier = ANY(%(identifiers)s) AND d.active_from <= %(last)s::timestamptz + {OWNED_AROUND} "
    f"AND (d.active_to IS NULL OR d.active_to > %(first)s::timestamptz - {OWNED_AROUND})"
)
OWNED_NOW_COLUMNS = f"{_OWNER}, d.cycle_number, d.cycle_opens_at, d.cycle_closes_at, false, d.drawing_from"
_OWNED_NOW = f"SELECT {OWNED_NOW_COLUMNS} FROM number_directory d WHERE {_WANTED}"
_OWNED_EVER = (
    f"SELECT {_OWNER}, c.cycle_number, c.opens_at, c.closes_at, c.status = 'issued' OR c.fenced_at IS NOT NULL, "
    "d.drawing_from "
    "FROM number_directory d LEFT JOIN cycles c ON c.account_id = d.account_id AND c.opens_at <= %(last)s "
    f"AND c.closes_at > %(first)s AND c.status IN ('open', 'issued') WHERE {_WANTED}"
)
_CONTENT = (
    "stored.identifier, stored.meter, stored.quantity, stored.destination, stored.visited, stored.traffic_class, "
    "stored.amount, stored.attributes"
)
_STORED = (
    f"SELECT wanted.place, {_CONTENT} FROM usage_events AS stored JOIN "
    "unnest(%(places)s::integer[], %(started_at)s::timestamptz[], %(key_hash)s::text[]::uuid[], "
    "%(account_id)s::bigint[]) AS wanted (place, started_at, key_hash, account_id) "
    "USING (started_at, key_hash, account_id) "
    "WHERE stored.part = 0 AND stored.started_at BETWEEN %(first)s AND %(last)s"
)
_STORED_ANYWHERE = (
    f"SELECT wanted.place, {_CONTENT} FROM usage_events AS stored JOIN "
    "unnest(%(places)s::integer[], %(started_at)s::timestamptz[], %(key_hash)s::text[]::uuid[]) "
    "AS wanted (place, started_at, key_hash) USING (started_at, key_hash) "
    "WHERE stored.part = 0 AND stored.started_at BETWEEN %(first)s AND %(last)s"
)
_EVENT_TEXTS = (
    *("source", "record_id", "identifier", "meter", "destination", "visited", "traffic_class"),
    *("plan_code", "price_code", "band"),
)
_COUNTED_TEXTS = ("plan_code", "price_code", "band")
_SORTED = ("started_at", "key_hash", "account_id", "part")
_MOST_TRIES = 5


class SqlUsageIntake:
    """What one batch of events reads and writes."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def begin_intake(self) -> None:
        await self._connection.execute(_BEGIN, {"lock": INTAKE_LOCK})

    async def wait_for_intake(self) -> None:
        found = (await self._connection.execute(_UNDER_WAY, {"lock": INTAKE_LOCK})).scalar_one() or []
        waited_for = set(found)
        while waited_for:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            still = (await self._connection.execute(_UNDER_WAY, {"lock": INTAKE_LOCK})).scalar_one() or []
            waited_for &= set(still)

    async def owned_cycles(
        self, identifiers: Sequence[str], first: datetime, last: datetime, *, every: bool = False
    ) -> Sequence[OwnedCycle]:
        driver = await driver_of(self._connection)
        values = {"identifiers": list(identifiers), "first": first, "last": last}
        async with driver.cursor(binary=True) as cursor:
            await cursor.execute(_OWNED_EVER if every else _OWNED_NOW, values)
            return await cursor.fetchall()

    async def ensure_days(self, days: Sequence[date]) -> None:
        await create_days(self._connection, days)

    async def index_days_before(self, day: date) -> int:
        return await index_days_before(self._connection, day)

    async def add_events(
        self, records: RecordColumns, events: EventColumns, file_id: FileOf, received_at: datetime
    ) -> Mapping[int, RecordContent]:
        """First as if all were new, which they nearly always are; only then are those looked for that were not."""
        known: dict[int, RecordContent] = {}
        frame = _event_frame(records, events, file_id, received_at).sort(_SORTED)
        for _ in range(_MOST_TRIES):
            if frame.is_empty() or await self._copied(frame.drop("record")):
                return known
            found = await self._stored(frame)
            known |= found
            frame = frame.filter(~pl.col("record").is_in(list(found)))
        raise RuntimeError("the same usage events are being stored by others again and again")

    async def stored_anywhere(
        self, records: RecordColumns, indexes: Sequence[int]
    ) -> Sequence[tuple[int, RecordContent]]:
        started_at = pick(records.started_at, indexes)
        values = {
            "places": list(indexes),
            "started_at": started_at,
            "key_hash": pick(records.key_hash, indexes),
            "first": min(started_at),
            "last": max(started_at),
        }
        driver = await driver_of(self._connection)
        async with driver.cursor() as cursor:
            await cursor.execute(_STORED_ANYWHERE, values)
            return [(place, RecordContent(*content)) for place, *content in await cursor.fetchall()]

    async def _copied(self, frame: pl.DataFrame) -> bool:
        """False, and nothing stored, when one of the keys is there already."""
        savepoint = await self._connection.begin_nested()
        try:
            await copy_in(self._connection, t.usage_events.name, frame, _EVENT_TEXTS)
        except UniqueViolation:
            await savepoint.rollback()
            return False
        await savepoint.commit()
        return True

    async def _stored(self, frame: pl.DataFrame) -> dict[int, RecordContent]:
        first = frame.filter(pl.col("part") == 0)
        started_at = first["started_at"].to_list()
        driver = await driver_of(self._connection)
        values = {
            "places": first["record"].to_list(),
            "started_at": started_at,
            "key_hash": first["key_hash"].to_list(),
            "account_id": first["account_id"].to_list(),
            "first": min(started_at),
            "last": max(started_at),
        }
        async with driver.cursor() as cursor:
            await cursor.execute(_STORED, values)
            return {place: RecordContent(*content) for place, *content in await cursor.fetchall()}

    async def add_pending(self, counts: Mapping[CounterKey, Counts], at: datetime) -> None:
        if counts:
            batch_id = (await self._connection.execute(t.usage_batches.next_value())).scalar_one()
            keys = sorted(counts)
            frame = frame_of(
                _key_columns(keys)
                | {"batch_id": Constant(batch_id), "place": range(len(keys)), "counted_at": Constant(at)}
                | _count_columns([counts[key] for key in keys])
            )
            await copy_in(self._connection, t.usage_pending.name, frame, _COUNTED_TEXTS)

    async def add_late(self, late: Mapping[CounterKey, LateCounts], at: datetime, correction: str = "") -> None:
        if late:
            keys = sorted(late)
            own = [late[key] for key in keys]
            spans: dict[str, Sequence[Any] | Constant] = {
                "first_started_at": [each[3] for each in own],
                "last_started_at": [each[4] for each in own],
                "received_at": Constant(at),
                "correction": Constant(correction),
            }
            frame = frame_of(_key_columns(keys) | _count_columns(own) | spans)
            await copy_in(self._connection, t.usage_late.name, frame, (*_COUNTED_TEXTS, "correction"))


def _event_frame(records: RecordColumns, events: EventColumns, file_id: FileOf, received_at: datetime) -> pl.DataFrame:
    """The rows of ``usage_events``, and the index of the record each belongs to."""
    at, part = _places(records, events), events.part
    quantity = pick(records.quantity, at)
    if any(part):
        # The raw quantity stands on the first part alone, so that it is never summed twice.
        quantity = [0 if later else each for later, each in zip(part, quantity, strict=True)]
    return frame_of(
        {
            "record": events.record,
            "started_at": _instants(records, at),
            "key_hash": pick(records.key_hash, at),
            "account_id": events.account_id,
            "part": part,
            "service_id": events.service_id,
            "cycle_number": events.cycle_number,
            "late": events.late,
            "source": pick(records.source, at),
            "record_id": pick(records.record_id, at),
            "identifier": pick(records.identifier, at),
            "meter": pick(records.meter, at),
            "quantity": quantity,
            "destination": pick(records.destination, at),
            "visited": pick(records.visited, at),
            "traffic_class": pick(records.traffic_class, at),
            "amount": _decimals(pick(records.amount, at)),
            "attributes": pick(records.attributes, at),
            "plan_code": events.plan_code,
            "plan_version": events.plan_version,
            "price_code": events.price_code,
            "band": events.band,
            "events": events.events,
            "billable_quantity": events.billable_quantity,
            "counted_amount": _decimals(events.counted_amount),
            "received_at": Constant(received_at),
            "file_id": _files(records, at, file_id),
        }
    )


def _places(records: RecordColumns, events: EventColumns) -> Sequence[int]:
    """The record of each row: a range where every record is one row, so that columns need not be copied.

    Equal lengths do not say so: one record may wait while another is split into two rows.
    """
    every = range(len(records))
    return every if events.record == list(every) else events.record


def _files(records: RecordColumns, at: Sequence[int], file_id: FileOf) -> Sequence[int | None] | Constant:
    if file_id is None or isinstance(file_id, str):
        return Constant(_file_number(file_id))
    return [_file_number(file_id[records.places[index]]) for index in at]


def _file_number(file_id: str | None) -> int | None:
    return None if file_id is None else identity.parse(identity.FILE, file_id)


def _instants(records: RecordColumns, places: Sequence[int]) -> Any:
    """Integers become a column of instants a hundred times faster than datetimes do."""
    if len(records.started_us) == len(records):
        return pl.Series(pick(records.started_us, places), dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
    return pick(records.started_at, places)


def _key_columns(keys: Sequence[CounterKey]) -> dict[str, Sequence[Any] | Constant]:
    return dict(zip(COUNTER_KEY, map(list, zip(*keys, strict=True)), strict=True))


def _count_columns(counts: Sequence[Counts | LateCounts]) -> dict[str, Sequence[Any] | Constant]:
    return {
        "events": [each[0] for each in counts],
        "quantity": [each[1] for each in counts],
        "amount": _decimals([each[2] for each in counts]),
    }


def _decimals(amounts: Sequence[Decimal | None]) -> Sequence[Any] | Constant:
    """Exact amounts as text; most columns hold none, or only zeroes."""
    if not any(amounts):
        return (
            Constant(None if amounts and amounts[0] is None else "0") if len(set(amounts)) == 1 else _written(amounts)
        )
    return _written(amounts)


def _written(amounts: Sequence[Decimal | None]) -> list[str | None]:
    return [None if amount is None else f"{amount:f}" for amount in amounts]


ACCOUNT_IDS = ARRAY(PrefixedId(identity.ACCOUNT))


def among(column: ColumnElement[Any], values: Sequence[Any], kind: ARRAY[Any]) -> ColumnElement[bool]:
    """One array parameter instead of a list of them: the statement's text does not depend on the batch."""
    return column == any_(literal(list(values), kind))


TEXTS = ARRAY(Text)
