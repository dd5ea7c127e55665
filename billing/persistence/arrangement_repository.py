"""Payment plans, fees, hand-overs and assignments of policies on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from sqlalchemy import Table, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.errors import NotFound
from billing.persistence.statements import as_record, fetch_all, fetch_one, insert_returning
from billing.persistence.tables import arrangements as t
from billing.ports.arrangements import Fee, HandOver, PolicyAssignment, StoredPlan

Record = TypeVar("Record", StoredPlan, Fee, HandOver)


class SqlArrangementRepository:
    """Payment plans, fees, hand-overs, and assignments of policies."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def assign(self, assignment: PolicyAssignment) -> None:
        """Put in the place of what the segment had."""
        values = asdict(assignment)
        statement = upsert(t.dunning_assignments).values(**values)
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=["brand", "segment"], set_=values)
        )

    async def assignment(self, brand: str, segment: str) -> PolicyAssignment | None:
        c = t.dunning_assignments.c
        query = select(t.dunning_assignments).where(c.brand == brand, c.segment == segment)
        return await fetch_one(self._connection, PolicyAssignment, query)

    async def assignments(self, brand: str) -> Sequence[PolicyAssignment]:
        c = t.dunning_assignments.c
        query = select(t.dunning_assignments).where(c.brand == brand).order_by(c.segment)
        return await fetch_all(self._connection, PolicyAssignment, query)

    async def add_plan(self, values: Mapping[str, Any]) -> StoredPlan:
        return await insert_returning(self._connection, StoredPlan, t.payment_plans, values)

    async def plan(self, account_id: str, plan_id: str) -> StoredPlan:
        return await self._one(StoredPlan, t.payment_plans, account_id, plan_id, "payment-plans")

    async def plan_of_command(self, account_id: str, command_id: str) -> StoredPlan | None:
        c = t.payment_plans.c
        query = select(t.payment_plans).where(c.account_id == account_id, c.command_id == command_id)
        return await fetch_one(self._connection, StoredPlan, query)

    async def running_plan(self, account_id: str) -> StoredPlan | None:
        c = t.payment_plans.c
        query = select(t.payment_plans).where(c.account_id == account_id, c.status == "running")
        return await fetch_one(self._connection, StoredPlan, query.with_for_update())

    async def plans(self, account_id: str) -> Sequence[StoredPlan]:
        return await self._all(StoredPlan, t.payment_plans, account_id)

    async def change_plan(self, account_id: str, plan_id: str, values: Mapping[str, Any]) -> None:
        await self._change(t.payment_plans, account_id, plan_id, values)

    async def add_fee(self, values: Mapping[str, Any]) -> Fee | None:
        """None when the case has a fee of this kind and occasion already."""
        statement = upsert(t.dunning_fees).values(**values)
        once = statement.on_conflict_do_nothing(index_elements=["account_id", "case_id", "kind", "occasion"])
        row = (await self._connection.execute(once.returning(*t.dunning_fees.c))).first()
        return None if row is None else as_record(Fee, row)

    async def fee(self, account_id: str, fee_id: str) -> Fee:
        return await self._one(Fee, t.dunning_fees, account_id, fee_id, "dunning/fees")

    async def fees(self, account_id: str) -> Sequence[Fee]:
        return await self._all(Fee, t.dunning_fees, account_id)

    async def change_fee(self, account_id: str, fee_id: str, values: Mapping[str, Any]) -> None:
        await self._change(t.dunning_fees, account_id, fee_id, values)

    async def add_hand_over(self, values: Mapping[str, Any]) -> HandOver:
        return await insert_returning(self._connection, HandOver, t.hand_overs, values)

    async def hand_over(self, account_id: str, hand_over_id: str) -> HandOver:
        return await self._one(HandOver, t.hand_overs, account_id, hand_over_id, "hand-overs")

    async def hand_overs(self, account_id: str) -> Sequence[HandOver]:
        return await self._all(HandOver, t.hand_overs, account_id)

    async def change_hand_over(self, account_id: str, hand_over_id: str, values: Mapping[str, Any]) -> None:
        await self._change(t.hand_overs, account_id, hand_over_id, values)

    async def _one(self, kind: type[Record], table: Table, account_id: str, name: str, door: str) -> Record:
        _, key = table.primary_key.columns
        query = select(table).where(table.c.account_id == account_id, key == name).with_for_update()
        found = await fetch_one(self._connection, kind, query)
        if found is None:
            raise NotFound(
                f"There is no {name} of {account_id}.",
                field=key.name,
                value=name,
                remedy=f"GET /v1/accounts/{account_id}/{door} lists them.",
            )
        return found

    async def _all(self, kind: type[Record], table: Table, account_id: str) -> Sequence[Record]:
        _, key = table.primary_key.columns
        query = select(table).where(table.c.account_id == account_id).order_by(key)
        return await fetch_all(self._connection, kind, query)

    async def _change(self, table: Table, account_id: str, name: str, values: Mapping[str, Any]) -> None:
        _, key = table.primary_key.columns
        mine = (table.c.account_id == account_id, key == name)
        await self._connection.execute(update(table).where(*mine).values(**values))
