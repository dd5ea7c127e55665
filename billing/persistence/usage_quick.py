"""A few new events on PostgreSQL in two round trips, on connections of their own.

The first begins the intake and reads the owners; the lock has a statement of its own, for what is read has to be newer
than it. The second stores, counts and commits. Every column travels as one text, which costs least on both sides: as
JSON the same rows take twice as long to read, as arrays of the driver to write. COPY is faster only for hundreds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg

from billing.persistence.pipeline import Pipeline, driver_url
from billing.persistence.usage_counted import COUNTER_COLUMNS as _KEY
from billing.persistence.usage_intake import INTAKE_LOCK, OWNED_AROUND, OWNED_NOW_COLUMNS
from billing.ports.usage_columns import EventColumns, OwnedCycle, RecordColumns

# Columns of the rows, by the name they have in ``RecordColumns`` and ``EventColumns`` too.
_OF_RECORD = {
    "started_at": "timestamptz",
    "key_hash": "uuid",
    "source": "text",
    "record_id": "text",
    "identifier": "text",
    "meter": "text",
    "quantity": "bigint",
    "destination": "text",
    "visited": "text",
    "traffic_class": "text",
    "amount": "numeric",
    "attributes": "jsonb",
}
_OF_EVENT = {
    "account_id": "bigint",
    "service_id": "bigint",
    "cycle_number": "integer",
    "plan_code": "text",
    "plan_version": "integer",
    "price_code": "text",
    "band": "text",
    "events": "integer",
    "billable_quantity": "bigint",
    "counted_amount": "numeric",
}
_TYPES = _OF_RECORD | _OF_EVENT
# What nearly all events have in these columns, which then need not be written, sent and read.
_USUALLY = {
    "visited": "''",
    "traffic_class": "''",
    "amount": "NULL::numeric",
    "attributes": "'{}'::jsonb",
    "events": "1",
    "counted_amount": "0::numeric",
}
_NAMES = ", ".join(_TYPES)
# Between the values of a column; no text that is stored may hold it, which is looked at.
_BETWEEN = "\x1f"


def _column(place: int, kind: str) -> str:
    """One parameter as an array. One empty text is a text; an empty number is none."""
    if kind == "text":
        return f"CASE ${place}::text WHEN '' THEN ARRAY[''] ELSE string_to_array(${place}::text, E'\\x1f') END"
    return f"string_to_array(${place}::text, E'\\x1f', '')::{kind}[]"


def _store(fixed: Mapping[str, str]) -> str:
    """Store, and count what is new. The columns are parameters, in their order, but for those that are ``fixed``."""
    sent = {name: kind for name, kind in _TYPES.items() if name not in fixed}
    rows = ", ".join(_column(place, kind) for place, kind in enumerate(sent.values(), 1))
    values = ", ".join(fixed.get(name, name) for name in _TYPES)
    received_at = f"${len(sent) + 1}::timestamptz"
    return (
        f"WITH added AS (INSERT INTO usage_events ({_NAMES}, part, late, received_at) "
        f"SELECT {values}, 0, false, {received_at} FROM unnest({rows}) AS sent ({', '.join(sent)}) "
        f"ON CONFLICT DO NOTHING RETURNING key_hash, {_KEY}, events, billable_quantity, counted_amount), "
        "batch AS MATERIALIZED (SELECT nextval('usage_batches') AS batch_id), "
        f"counted AS (INSERT INTO usage_pending ({_KEY}, batch_id, place, events, quantity, amount, counted_at) "
        f"SELECT {_KEY}, batch_id, row_number() OVER (), sum(events), sum(billable_quantity), sum(counted_amount), "
        f"{received_at} FROM added, batch GROUP BY {_KEY}, batch_id) SELECT key_hash FROM added"
    )


_STATEMENTS = {
    b"begin": "BEGIN",
    b"lock": f"SELECT pg_advisory_xact_lock_shared({INTAKE_LOCK})",
    b"owned": f"SELECT {OWNED_NOW_COLUMNS} FROM number_directory d "
    f"WHERE d.identifier = ANY(string_to_array($1::text, chr(10))) "
    f"AND d.active_from <= $3::timestamptz + {OWNED_AROUND} "
    f"AND (d.active_to IS NULL OR d.active_to > $2::timestamptz - {OWNED_AROUND})",
    b"store": _store({}),
    b"usual": _store(_USUALLY),
    b"commit": "COMMIT",
}
# The planner knows nothing better about other values: planning anew each time would take longer than storing.
_PLANNED_ONCE = "-c plan_cache_mode=force_generic_plan"
_BEGIN = (b"begin", ()), (b"lock", ())
_COMMIT = (b"commit", ())
_MOST_FREE = 4


class SqlQuickStore:
    """``url`` as SQLAlchemy writes it. Connections are opened when they are needed, and kept while they work."""

    def __init__(self, url: str) -> None:
        self._url = driver_url(url)
        self._free: list[Pipeline] = []

    @asynccontextmanager
    async def begin(self, identifiers: Sequence[str], first: datetime, last: datetime) -> AsyncIterator[_Taking]:
        pipeline, owned = await self._begun(["\n".join(identifiers).encode(), _instant(first), _instant(last)])
        taking = _Taking(pipeline, owned)
        try:
            yield taking
        finally:
            if taking.is_over and len(self._free) < _MOST_FREE:
                self._free.append(pipeline)
            else:
                pipeline.close()  # whatever it had begun ends with it

    async def close(self) -> None:
        """Give the connections back."""
        while self._free:
            self._free.pop().close()

    async def _begun(self, wanted: Sequence[bytes]) -> tuple[Pipeline, Sequence[OwnedCycle]]:
        """A connection in a transaction, and the owners. One that died while it was free is replaced."""
        while self._free:
            pipeline = self._free.pop()
            try:
                return pipeline, await _begin(pipeline, wanted)
            except psycopg.OperationalError:
                continue  # it is closed
        pipeline = await Pipeline.connect(self._url, _STATEMENTS, _PLANNED_ONCE)
        return pipeline, await _begin(pipeline, wanted)


async def _begin(pipeline: Pipeline, wanted: Sequence[bytes]) -> Sequence[OwnedCycle]:
    try:
        *_, owned = await pipeline.ask((*_BEGIN, (b"owned", wanted)))
    except BaseException:
        pipeline.close()
        raise
    return pipeline.rows(owned)


class _Taking:
    """One transaction."""

    def __init__(self, pipeline: Pipeline, owned: Sequence[OwnedCycle]) -> None:
        self._pipeline = pipeline
        self.owned = owned
        self.is_over = False

    async def commit(self, records: RecordColumns, events: EventColumns, received_at: datetime) -> set[int]:
        order = _by_key(records, events)
        is_usual = _is_usual(records, events)
        sent = _columns(records, events, order, _USUALLY if is_usual else ())
        statement = b"usual" if is_usual else b"store"
        added, _ = await self._pipeline.ask(((statement, [*sent, _instant(received_at)]), _COMMIT))
        self.is_over = True
        if added.ntuples == len(order):
            return set(events.record)
        index_of = {records.key_hash[index]: index for index in events.record}
        return {index_of[key.hex] for (key,) in self._pipeline.rows(added)}


def _by_key(records: RecordColumns, events: EventColumns) -> list[int]:
    """The rows in the order of their keys."""
    keys = [
        (records.started_at[index], records.key_hash[index], account_id)
        for index, account_id in zip(events.record, events.account_id, strict=True)
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _is_usual(records: RecordColumns, events: EventColumns) -> bool:
    """Whether every row has what ``_USUALLY`` says."""
    at = events.record
    return not (
        any(records.visited[index] or records.traffic_class[index] for index in at)
        or any(records.amount[index] is not None or records.attributes[index] != "{}" for index in at)
        or any(count != 1 for count in events.events)
        or any(events.counted_amount)
    )


def _columns(
    records: RecordColumns, events: EventColumns, order: Sequence[int], left_out: Collection[str]
) -> list[bytes]:
    """The other columns of ``_TYPES``, each as one text."""
    indexes = [events.record[row] for row in order]
    columns = [(records, _OF_RECORD, indexes), (events, _OF_EVENT, order)]
    return [
        _joined(kind, map(getattr(source, name).__getitem__, places))
        for source, types, places in columns
        for name, kind in types.items()
        if name not in left_out
    ]


def _joined(kind: str, values: Iterable[Any]) -> bytes:
    """Raises ValueError for a text that would be taken for two."""
    if kind in _WRITTEN:
        return _BETWEEN.join(map(_WRITTEN[kind], values)).encode()
    texts = list(values)
    joined = _BETWEEN.join(texts)
    if joined.count(_BETWEEN) >= len(texts):
        raise ValueError(f"a text to be stored holds U+001F: {joined!r}")
    return joined.encode()


def _exact(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:f}"


_WRITTEN: Mapping[str, Callable[[Any], str]] = {
    "timestamptz": datetime.isoformat,
    "bigint": str,
    "integer": str,
    "numeric": _exact,
}


def _instant(at: datetime) -> bytes:
    return at.isoformat().encode()
