"""Moving pending counts to their counters, and what is looked at then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import ARRAY, Integer, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.persistence.statements import as_record, fetch_all
from billing.persistence.tables import accounts as a
from billing.persistence.tables import usage as t
from billing.persistence.usage_counted import COUNTER_COLUMNS as _KEY
from billing.persistence.usage_counted import counted
from billing.persistence.usage_intake import ACCOUNT_IDS, among
from billing.ports.usage_intake import CycleSpan
from billing.ports.usage_records import CounterRow


def _fold(condition: str) -> str:
    """Rows another transaction is moving are left to it; the moved ones are added sorted by counter."""
    return (
        "WITH picked AS (SELECT account_id, batch_id, place FROM usage_pending "
        f"{condition} ORDER BY account_id, batch_id, place LIMIT :limit FOR UPDATE SKIP LOCKED), "
        "taken AS (DELETE FROM usage_pending USING picked WHERE usage_pending.account_id = picked.account_id "
        "AND usage_pending.batch_id = picked.batch_id AND usage_pending.place = picked.place "
        "RETURNING usage_pending.*), "
        f"sums AS (SELECT {_KEY}, sum(events)::bigint AS events, sum(quantity)::bigint AS quantity, "
        f"sum(amount) AS amount, max(counted_at) AS counted_at FROM taken GROUP BY {_KEY} ORDER BY {_KEY}), "
        f"moved AS (INSERT INTO usage_counters AS held ({_KEY}, events, quantity, amount, counted_at) "
        f"SELECT {_KEY}, events, quantity, amount, counted_at FROM sums ON CONFLICT ({_KEY}) DO UPDATE SET "
        "events = held.events + excluded.events, quantity = held.quantity + excluded.quantity, "
        "amount = held.amount + excluded.amount, counted_at = greatest(held.counted_at, excluded.counted_at) "
        "RETURNING account_id, cycle_number, quantity >= watch_quantity AS is_due) "
        "SELECT (SELECT count(*) FROM taken) AS rows, account_id, cycle_number FROM moved WHERE is_due "
        "GROUP BY account_id, cycle_number "
        "UNION ALL SELECT (SELECT count(*) FROM taken), NULL, NULL"
    )


_FOLD_ALL = text(_fold(""))
_FOLD_SOME = text(_fold("WHERE account_id = ANY(CAST(:account_ids AS bigint[]))"))


class SqlUsageCounting:
    """The fold and the looking at thresholds after it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def fold_pending(
        self, account_ids: Sequence[str] | None, limit: int
    ) -> tuple[int, Sequence[tuple[str, int]]]:
        if account_ids is None:
            result = await self._connection.execute(_FOLD_ALL, {"limit": limit})
        else:
            numbers = sorted(identity.parse(identity.ACCOUNT, each) for each in account_ids)
            result = await self._connection.execute(_FOLD_SOME, {"limit": limit, "account_ids": numbers})
        rows = result.all()
        due = [(identity.show(identity.ACCOUNT, row.account_id), row.cycle_number) for row in rows if row.account_id]
        return rows[0].rows, sorted(due)

    async def due_cycles(self) -> Sequence[tuple[str, int]]:
        counters, cycles = t.usage_counters.c, a.cycles.c
        of_cycle = (cycles.account_id == counters.account_id) & (cycles.cycle_number == counters.cycle_number)
        query = (
            select(counters.account_id, counters.cycle_number)
            .join(a.cycles, of_cycle)
            .where(counters.quantity >= counters.watch_quantity, cycles.status == "open")
            .distinct()
            .order_by(counters.account_id, counters.cycle_number)
        )
        return [(row.account_id, row.cycle_number) for row in await self._connection.execute(query)]

    async def lock_cycles(self, keys: Sequence[tuple[str, int]]) -> Sequence[CycleSpan]:
        cycles = a.cycles.c
        query = (
            select(
                *(cycles.account_id, cycles.cycle_number, cycles.opens_at, cycles.closes_at, cycles.status),
                func.coalesce(cycles.plan["zone"].astext, "UTC").label("zone"),
            )
            .where(among(cycles.account_id, sorted({account_id for account_id, _ in keys}), ACCOUNT_IDS))
            .where(among(cycles.cycle_number, sorted({number for _, number in keys}), ARRAY(Integer)))
            .order_by(cycles.account_id, cycles.cycle_number)
            .with_for_update(key_share=True)
        )
        wanted = set(keys)
        found = await fetch_all(self._connection, CycleSpan, query)
        return [each for each in found if (each.account_id, each.cycle_number) in wanted]

    async def counters_in(self, cycles: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Sequence[CounterRow]]:
        accounts = sorted({account_id for account_id, _ in cycles})
        numbers = sorted({number for _, number in cycles})

        def wanted(columns: Any) -> list[Any]:
            return [
                among(columns.account_id, accounts, ACCOUNT_IDS),
                among(columns.cycle_number, numbers, ARRAY(Integer)),
            ]

        rows = (await self._connection.execute(counted(wanted))).all()
        grouped = groupby(rows, key=lambda row: (row.account_id, row.cycle_number))
        return {key: [as_record(CounterRow, row) for row in group] for key, group in grouped}

    async def watch_again(self, account_id: str, from_cycle: int) -> None:
        await self._connection.execute(
            update(t.usage_counters)
            .where(_counters.account_id == account_id, _counters.cycle_number >= from_cycle)
            .values(watch_quantity=0)
        )

    async def watch(self, quantities: Mapping[tuple[str, int], Mapping[tuple[str, str, int, str, str], int]]) -> None:
        rows = [
            dict(zip(_WATCHED, (account_id, cycle_number, *key, quantity), strict=True))
            for (account_id, cycle_number), own in sorted(quantities.items())
            for key, quantity in sorted(own.items())
        ]
        if rows:
            await self._connection.execute(_WATCH, rows)


_WATCHED = ("w_account", "w_cycle", "w_service", "w_plan", "w_version", "w_price", "w_band", "w_quantity")
_counters = t.usage_counters.c
_WATCH = (
    update(t.usage_counters)
    .where(
        _counters.account_id == bindparam("w_account"),
        _counters.cycle_number == bindparam("w_cycle"),
        _counters.service_id == bindparam("w_service"),
        _counters.plan_code == bindparam("w_plan"),
        _counters.plan_version == bindparam("w_version"),
        _counters.price_code == bindparam("w_price"),
        _counters.band == bindparam("w_band"),
    )
    .values(watch_quantity=bindparam("w_quantity"))
)
