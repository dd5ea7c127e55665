"""Corrections of published prices on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.errors import NotFound
from billing.persistence.statements import fetch_all, fetch_one, insert_returning
from billing.persistence.tables import accounts as a
from billing.persistence.tables.plan_corrections import plan_correction_differences, plan_corrections
from billing.persistence.tables.usage import usage_events
from billing.ports.plan_corrections import CycleDifference, NewPlanCorrection, PlanCorrection

_KNOWN = plan_corrections.c
_CHANGED = plan_correction_differences.c
_PROGRESS = ("finished_at", "last_account_id", "accounts", "events", "waiting", "difference_minor")


class SqlPlanCorrectionRepository:
    """Reads and writes corrections."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, correction: NewPlanCorrection, currency: str, at: datetime) -> PlanCorrection:
        values = asdict(correction) | {"currency": currency, "recorded_at": at}
        return await insert_returning(self._connection, PlanCorrection, plan_corrections, values)

    async def get(self, correction_id: str) -> PlanCorrection:
        return await self._one(select(plan_corrections), correction_id)

    async def lock(self, correction_id: str) -> PlanCorrection:
        return await self._one(select(plan_corrections).with_for_update(), correction_id)

    async def _one(self, query: Select[Any], correction_id: str) -> PlanCorrection:
        found = await fetch_one(self._connection, PlanCorrection, query.where(_KNOWN.correction_id == correction_id))
        if found is None:
            remedy = "GET /v1/plan-corrections lists those there are."
            message = f"There is no correction {correction_id}."
            raise NotFound(message, field="correction_id", value=correction_id, remedy=remedy)
        return found

    async def of(self, plan_code: str = "", limit: int = 100) -> Sequence[PlanCorrection]:
        query = select(plan_corrections).order_by(_KNOWN.correction_id.desc()).limit(limit)
        if plan_code:
            query = query.where(_KNOWN.plan_code == plan_code)
        return await fetch_all(self._connection, PlanCorrection, query)

    async def unfinished(self, plan_code: str = "") -> Sequence[PlanCorrection]:
        query = select(plan_corrections).where(_KNOWN.finished_at.is_(None)).order_by(_KNOWN.correction_id)
        if plan_code:
            query = query.where(_KNOWN.plan_code == plan_code)
        return await fetch_all(self._connection, PlanCorrection, query)

    async def change(self, correction: PlanCorrection) -> None:
        values = {name: getattr(correction, name) for name in _PROGRESS}
        same = _KNOWN.correction_id == correction.correction_id
        await self._connection.execute(update(plan_corrections).where(same).values(**values))

    async def accounts_with(self, wanted: NewPlanCorrection, after: str | None, limit: int) -> Sequence[str]:
        plans = a.service_plans.c
        query = (
            select(plans.account_id)
            .distinct()
            .where(plans.plan_code == wanted.plan_code, plans.plan_version == wanted.plan_version)
        )
        return await self._accounts(query, plans.account_id, after, limit)

    async def accounts_counting(self, wanted: NewPlanCorrection, after: str | None, limit: int) -> Sequence[str]:
        events = usage_events.c
        query = (
            select(events.account_id)
            .distinct()
            .where(
                events.started_at >= wanted.since,
                events.plan_code == wanted.plan_code,
                events.plan_version == wanted.plan_version,
            )
        )
        return await self._accounts(query, events.account_id, after, limit)

    async def _accounts(self, query: Select[Any], account_id: Any, after: str | None, limit: int) -> Sequence[str]:
        if after is not None:
            query = query.where(account_id > after)
        return list((await self._connection.execute(query.order_by(account_id).limit(limit))).scalars())

    async def add_differences(self, correction_id: str, differences: Sequence[CycleDifference]) -> None:
        if not differences:
            return
        statement = insert_new(plan_correction_differences)
        again = statement.on_conflict_do_update(
            constraint=plan_correction_differences.primary_key,
            set_={
                "after_minor": _CHANGED.after_minor + statement.excluded.after_minor - statement.excluded.before_minor,
                "billed": statement.excluded.billed,
                "lines": statement.excluded.lines,
            },
        )
        rows = [{"correction_id": correction_id, **asdict(each)} for each in differences]
        await self._connection.execute(again, rows)

    async def differences(
        self, correction_id: str, after: tuple[str, int] | None = None, limit: int = 100
    ) -> Sequence[CycleDifference]:
        key = (_CHANGED.account_id, _CHANGED.cycle_number)
        query = select(plan_correction_differences).where(_CHANGED.correction_id == correction_id)
        if after is not None:
            last = [literal(value, column.type) for column, value in zip(key, after, strict=True)]
            query = query.where(tuple_(*key) > tuple_(*last))
        return await fetch_all(self._connection, CycleDifference, query.order_by(*key).limit(limit))
