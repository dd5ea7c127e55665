"""Payouts by bank file on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Select, func, insert, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.domain.errors import NotFound
from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables import bank_payouts as t
from billing.persistence.tables.payments import provider_references
from billing.ports.bank_payouts import BANK_PAYOUTS, Payout, PayoutFilter, PayoutStatus

_PAYOUT = t.bank_payouts.c
_CARRIED = t.bank_batch_payouts.c


class SqlPayoutRepository:
    """Reads and writes payouts."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def next_id(self) -> str:
        sequence = func.pg_get_serial_sequence("bank_payouts", "payout_id")
        number = await self._connection.scalar(select(func.nextval(sequence)))
        return identity.show(identity.PAYOUT, int(number or 0))

    async def add(self, payout: Payout) -> None:
        await self._connection.execute(insert(t.bank_payouts).values(**asdict(payout)))

    async def get(self, account_id: str, payout_id: str) -> Payout:
        return await self._one(account_id, payout_id, lock=False)

    async def lock(self, account_id: str, payout_id: str) -> Payout:
        return await self._one(account_id, payout_id, lock=True)

    async def _one(self, account_id: str, payout_id: str, *, lock: bool) -> Payout:
        query = select(t.bank_payouts).where(_PAYOUT.account_id == account_id, _PAYOUT.payout_id == payout_id)
        found = await fetch_one(self._connection, Payout, query.with_for_update() if lock else query)
        if found is None:
            raise NotFound(
                f"Account {account_id} has no payout {payout_id}.",
                field="payout_id",
                value=payout_id,
                remedy=f"GET /v1/bank-payouts?account_id={account_id} lists those there are.",
            )
        return found

    async def of_command(self, account_id: str, command_id: str) -> Payout | None:
        query = select(t.bank_payouts).where(_PAYOUT.account_id == account_id, _PAYOUT.command_id == command_id)
        return await fetch_one(self._connection, Payout, query)

    async def all(
        self, wanted: PayoutFilter, after: tuple[str, str] | None = None, limit: int = 1000
    ) -> Sequence[Payout]:
        key = (_PAYOUT.account_id, _PAYOUT.payout_id)
        query = _filtered(wanted).order_by(*key).limit(limit)
        if after is not None:
            last = [literal(value, column.type) for column, value in zip(key, after, strict=True)]
            query = query.where(tuple_(*key) > tuple_(*last))
        return await fetch_all(self._connection, Payout, query)

    async def lock_waiting(self, brand: str, limit: int) -> Sequence[Payout]:
        query = _filtered(PayoutFilter(brand, statuses=(PayoutStatus.WAITING,))).order_by(_PAYOUT.payout_id)
        return await fetch_all(self._connection, Payout, query.limit(limit).with_for_update(skip_locked=True))

    async def change(self, account_id: str, payout_id: str, values: Mapping[str, Any]) -> None:
        same = (_PAYOUT.account_id == account_id, _PAYOUT.payout_id == payout_id)
        await self._connection.execute(update(t.bank_payouts).where(*same).values(**values))

    async def change_of(self, batch_id: str, statuses: Collection[str], values: Mapping[str, Any]) -> int:
        stand_so = (_PAYOUT.batch_id == batch_id, _PAYOUT.status.in_(statuses))
        return (await self._connection.execute(update(t.bank_payouts).where(*stand_so).values(**values))).rowcount

    async def claim_reference(self, end_to_end_id: str, account_id: str, payout_id: str) -> None:
        values = {"provider": BANK_PAYOUTS, "reference": end_to_end_id, "account_id": account_id}
        await self._connection.execute(insert_new(provider_references).values(**values, attempt_id=payout_id))

    async def carry(self, batch_id: str, payouts: Sequence[Payout]) -> None:
        key = [(one.account_id, one.payout_id) for one in payouts]
        before = (tuple_(_CARRIED.account_id, _CARRIED.payout_id).in_(key), ~_CARRIED.void)
        await self._connection.execute(update(t.bank_batch_payouts).where(*before).values(void=True))
        rows = [
            {
                "account_id": one.account_id,
                "payout_id": one.payout_id,
                "batch_id": batch_id,
                "amount_minor": one.amount_minor,
                "void": False,
            }
            for one in payouts
        ]
        await self._connection.execute(insert(t.bank_batch_payouts), rows)


def _filtered(wanted: PayoutFilter) -> Select[Any]:
    query = select(t.bank_payouts)
    if wanted.brand:
        query = query.where(_PAYOUT.brand == wanted.brand)
    if wanted.account_id:
        query = query.where(_PAYOUT.account_id == wanted.account_id)
    if wanted.statuses:
        query = query.where(_PAYOUT.status.in_(wanted.statuses))
    if wanted.batch_id:
        query = query.where(_PAYOUT.batch_id == wanted.batch_id)
    return query
