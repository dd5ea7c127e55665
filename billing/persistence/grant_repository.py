"""Grants on PostgreSQL, and the number directory split where what a service may draw begins or ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import delete, insert, literal, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.persistence.columns import PrefixedId
from billing.persistence.statements import as_record, fetch_all
from billing.persistence.tables import accounts
from billing.persistence.tables.grants import usage_grants
from billing.ports.grants import GrantRow, NewGrant


class SqlGrantRepository:
    """Reads and writes grants."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, grant: NewGrant) -> GrantRow | None:
        statement = insert_new(usage_grants).values(**asdict(grant)).on_conflict_do_nothing()
        row = (await self._connection.execute(statement.returning(*usage_grants.c))).first()
        return None if row is None else as_record(GrantRow, row)

    async def carry(self, grant: GrantRow) -> None:
        await self._connection.execute(insert_new(usage_grants).values(**asdict(grant)).on_conflict_do_nothing())

    async def of_account(self, account_id: str) -> Sequence[GrantRow]:
        columns = usage_grants.c
        query = select(usage_grants).where(columns.account_id == account_id)
        return await fetch_all(self._connection, GrantRow, query.order_by(columns.cycle_number, columns.grant_id))

    async def in_cycles(self, cycles: Sequence[tuple[str, int]]) -> Sequence[GrantRow]:
        if not cycles:
            return ()
        columns = usage_grants.c
        kind = PrefixedId("acc")
        wanted = [tuple_(literal(account_id, kind), literal(number)) for account_id, number in cycles]
        query = select(usage_grants).where(tuple_(columns.account_id, columns.cycle_number).in_(wanted))
        return await fetch_all(self._connection, GrantRow, query.order_by(columns.account_id, columns.grant_id))

    async def follow(self, account_id: str) -> None:
        directory = accounts.number_directory
        query = select(directory).where(directory.c.account_id == account_id).order_by(directory.c.active_from)
        rows = [dict(row) for row in (await self._connection.execute(query)).mappings()]
        for service_id in sorted({row["service_id"] for row in rows}):
            own = [row for row in rows if row["service_id"] == service_id]
            split = split_rows(own, await drawing_instants(self._connection, account_id, service_id))
            if split != own:
                of_service = (directory.c.account_id == account_id, directory.c.service_id == service_id)
                await self._connection.execute(delete(directory).where(*of_service))
                await self._connection.execute(insert(directory), split)

    async def count_again(self, account_id: str, since: datetime, at: datetime) -> int:
        values = {"account_id": identity.parse(identity.ACCOUNT, account_id), "since": since, "at": at}
        return int((await self._connection.execute(_COUNT_AGAIN, values)).scalar_one())


_PRESENT = """split_part(e.band, '@', 1) || coalesce('@' || to_char(
                d.drawing_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '')"""
# Events that were counted before the directory was split for a grant: their bands, and their counters by difference.
# Locked first, for what somebody takes back or counts elsewhere meanwhile must not be moved as it was: the differences
# are those of the rows that were really changed.
_COUNT_AGAIN = text(
    f"""
    WITH misplaced AS (
        SELECT e.started_at, e.key_hash, e.account_id, e.part, e.band, {_PRESENT} AS present
        FROM usage_events e JOIN (
            SELECT DISTINCT service_id, active_from, active_to, drawing_from
            FROM number_directory WHERE account_id = :account_id
        ) d ON d.service_id = e.service_id AND d.active_from <= e.started_at
            AND (d.active_to IS NULL OR e.started_at < d.active_to)
        JOIN cycles c ON c.account_id = e.account_id AND c.cycle_number = e.cycle_number AND c.status = 'open'
        WHERE e.account_id = :account_id AND e.started_at >= :since AND NOT e.late AND e.band <> {_PRESENT}
        ORDER BY e.started_at, e.key_hash, e.account_id, e.part
        FOR UPDATE OF e
    ), changed AS (
        UPDATE usage_events e SET band = m.present FROM misplaced m
        WHERE e.started_at = m.started_at AND e.key_hash = m.key_hash AND e.account_id = m.account_id
            AND e.part = m.part
        RETURNING e.cycle_number, e.service_id, e.plan_code, e.plan_version, e.price_code, m.band, m.present, e.events,
            e.billable_quantity, e.counted_amount
    ), deltas AS (
        SELECT cycle_number, service_id, plan_code, plan_version, price_code, band, -sum(events) AS events,
            -sum(billable_quantity) AS quantity, -sum(counted_amount) AS amount FROM changed GROUP BY 1, 2, 3, 4, 5, 6
        UNION ALL
        SELECT cycle_number, service_id, plan_code, plan_version, price_code, present, sum(events),
            sum(billable_quantity), sum(counted_amount) FROM changed GROUP BY 1, 2, 3, 4, 5, 6
    ), batch AS (
        SELECT nextval('usage_batches') AS batch_id
    ), pending AS (
        INSERT INTO usage_pending (account_id, batch_id, place, cycle_number, service_id, plan_code, plan_version,
            price_code, band, events, quantity, amount, counted_at)
        SELECT :account_id, batch.batch_id, row_number() OVER () - 1, cycle_number, service_id, plan_code,
            plan_version, price_code, band, events, quantity, amount, :at FROM deltas, batch
    )
    SELECT count(*) FROM changed
    """
)


async def drawing_instants(connection: AsyncConnection, account_id: str, service_id: str) -> Sequence[datetime]:
    """When what a service may draw begins or ends within a cycle, in order: by its own grants and shared ones."""
    columns = usage_grants.c
    shared = columns.allowance["shared"].as_boolean()
    query = select(columns.valid_from, columns.valid_to).where(
        columns.account_id == account_id, or_(columns.service_id == service_id, shared)
    )
    found = (await connection.execute(query)).all()
    return sorted({at for row in found for at in row if at is not None})


def split_rows(rows: Iterable[Mapping[str, Any]], instants: Sequence[datetime]) -> list[dict[str, Any]]:
    """Rows with ``active_from`` and ``active_to`` cut at these instants; each knows the last one at its begin."""
    split: list[dict[str, Any]] = []
    for row in rows:
        begin, end = row["active_from"], row["active_to"]
        within = [at for at in instants if begin < at and (end is None or at < end)]
        for since, until in pairwise([begin, *within, end]):
            before = [at for at in instants if at <= since]
            split.append(
                {**row, "active_from": since, "active_to": until, "drawing_from": before[-1] if before else None}
            )
    return split
