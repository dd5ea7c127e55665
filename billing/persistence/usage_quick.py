"""A few new events on PostgreSQL in two round trips, on connections of their own.

The first begins the intake and reads the owners; the lock has a statement of its own, for what is read has to be newer
than it. The second stores, counts and commits. Each is one message of several statements; the server has prepared what
is costly to plan. Rows travel as JSON, which both sides handle in a few microseconds for each; COPY is faster
only for hundreds of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from billing.persistence.usage_counted import COUNTER_COLUMNS as _KEY
from billing.persistence.usage_intake import INTAKE_LOCK, OWNED_NOW_COLUMNS
from billing.ports.usage_columns import EventColumns, OwnedCycle, RecordColumns

_TYPES = {
    "started_at": "timestamptz",
    "key_hash": "uuid",
    "account_id": "bigint",
    "service_id": "bigint",
    "cycle_number": "integer",
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
    "plan_code": "text",
    "plan_version": "integer",
    "price_code": "text",
    "band": "text",
    "events": "integer",
    "billable_quantity": "bigint",
    "counted_amount": "numeric",
}
_NAMES = ", ".join(_TYPES)
_SENT = ", ".join(f"{name} {kind}" for name, kind in _TYPES.items())
_PREPARE = (
    "PREPARE owned (text, timestamptz, timestamptz) AS "
    f"SELECT coalesce(json_agg(json_build_array({OWNED_NOW_COLUMNS}))::text, '[]') FROM number_directory d "
    "WHERE d.identifier = ANY(string_to_array($1, chr(10))) AND d.active_from <= $3 "
    "AND (d.active_to IS NULL OR d.active_to > $2)",
    f"PREPARE store (json, timestamptz) AS "
    f"WITH added AS (INSERT INTO usage_events ({_NAMES}, part, late, received_at) "
    f"SELECT {_NAMES}, 0, false, $2 FROM json_to_recordset($1) AS sent ({_SENT}) "
    f"ON CONFLICT DO NOTHING RETURNING key_hash, {_KEY}, events, billable_quantity, counted_amount), "
    "batch AS MATERIALIZED (SELECT nextval('usage_batches') AS batch_id), "
    f"counted AS (INSERT INTO usage_pending ({_KEY}, batch_id, place, events, quantity, amount, counted_at) "
    f"SELECT {_KEY}, batch_id, row_number() OVER (), sum(events), sum(billable_quantity), sum(counted_amount), $2 "
    f"FROM added, batch GROUP BY {_KEY}, batch_id) "
    "SELECT coalesce(string_agg(replace(key_hash::text, '-', ''), ' '), '') FROM added",
)
_BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock_shared({INTAKE_LOCK}); EXECUTE owned ('{{}}', '{{}}', '{{}}')"
_STORE = "EXECUTE store ('{}', '{}'); COMMIT"
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode_owned = msgspec.json.Decoder(list[OwnedCycle]).decode
_READS_LITERALS = "-c standard_conforming_strings=on -c client_encoding=utf8"
_MOST_FREE = 4


class SqlQuickStore:
    """``url`` as SQLAlchemy writes it. Connections are opened when they are needed, and kept while they work."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._free: list[psycopg.AsyncConnection[Any]] = []

    @asynccontextmanager
    async def begin(self, identifiers: Sequence[str], first: datetime, last: datetime) -> AsyncIterator[_Taking]:
        connection, owned = await self._begun(("\n".join(identifiers), first.isoformat(), last.isoformat()))
        taking = _Taking(connection, owned)
        try:
            yield taking
        finally:
            if taking.is_over and len(self._free) < _MOST_FREE:
                self._free.append(connection)
            else:
                await connection.close()  # whatever it had begun ends with it

    async def close(self) -> None:
        """Give the connections back."""
        while self._free:
            await self._free.pop().close()

    async def _begun(self, wanted: tuple[str, str, str]) -> tuple[psycopg.AsyncConnection[Any], Sequence[OwnedCycle]]:
        """A connection in a transaction, and the owners. One that died while it was free is replaced once."""
        while self._free:
            connection = self._free.pop()
            try:
                return connection, await _begin(connection, wanted)
            except psycopg.OperationalError:
                await connection.close()
        connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True, options=_READS_LITERALS)
        try:
            for statement in _PREPARE:
                await connection.execute(statement.encode())
            return connection, await _begin(connection, wanted)
        except BaseException:
            await connection.close()
            raise


async def _begin(connection: psycopg.AsyncConnection[Any], wanted: tuple[str, str, str]) -> Sequence[OwnedCycle]:
    found = await connection.execute(_with(_BEGIN, *wanted))
    return _decode_owned(await _last_value(found, 3))


def _with(statements: str, *values: str) -> bytes:
    """Several statements as one message, their values written into it as literals of standard strings."""
    return statements.format(*(value.replace("'", "''") for value in values)).encode()


async def _last_value(cursor: psycopg.AsyncCursor[Any], statement: int) -> str:
    """The only value that a statement of a message answered, counted from 1."""
    for _ in range(statement - 1):
        cursor.nextset()
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])


class _Taking:
    """One transaction."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], owned: Sequence[OwnedCycle]) -> None:
        self._connection = connection
        self.owned = owned
        self.is_over = False

    async def commit(self, records: RecordColumns, events: EventColumns, received_at: datetime) -> set[int]:
        rows = sorted(zip(records_at(records, events), events.record, strict=True), key=_by_key)
        index_of = {row["key_hash"]: index for row, index in rows}
        sent = _encode([row for row, _ in rows]).decode()
        stored = await self._connection.execute(_with(_STORE, sent, received_at.isoformat()))
        self.is_over = True
        return {index_of[key] for key in (await _last_value(stored, 1)).split()}


def _by_key(row: tuple[dict[str, Any], int]) -> tuple[datetime, str, int]:
    """Sorted, so that two writers of the same keys wait for each other and never both."""
    return row[0]["started_at"], row[0]["key_hash"], row[0]["account_id"]


def records_at(records: RecordColumns, events: EventColumns) -> list[dict[str, Any]]:
    """Each event as one object."""
    return [
        {
            "started_at": records.started_at[index],
            "key_hash": records.key_hash[index],
            "account_id": account_id,
            "service_id": service_id,
            "cycle_number": cycle_number,
            "source": records.source[index],
            "record_id": records.record_id[index],
            "identifier": records.identifier[index],
            "meter": records.meter[index],
            "quantity": records.quantity[index],
            "destination": records.destination[index],
            "visited": records.visited[index],
            "traffic_class": records.traffic_class[index],
            "amount": _exact(records.amount[index]),
            "attributes": msgspec.Raw(records.attributes[index].encode()),
            "plan_code": plan_code,
            "plan_version": plan_version,
            "price_code": price_code,
            "band": band,
            "events": count,
            "billable_quantity": billable_quantity,
            "counted_amount": _exact(counted_amount),
        }
        for (
            index,
            _,
            account_id,
            service_id,
            cycle_number,
            _,
            plan_code,
            plan_version,
            price_code,
            band,
            count,
            billable_quantity,
            counted_amount,
        ) in events.rows()
    ]


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
