"""Services with the history of their plans, and whose each number was, on PostgreSQL.

Usage finds its owner and its price in the number directory alone: a row for every stretch of time in which a number,
the service that had it and the plan of that service stayed the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, delete, func, insert, null, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.numbers import directory_spelling
from billing.persistence.grant_repository import drawing_instants, split_rows
from billing.persistence.statements import fetch_all, insert_returning
from billing.persistence.tables import accounts as t
from billing.ports.accounts import Service
from billing.ports.numbers import NewNumberMove, NumberMove, NumberUse, PlanRow


def plan_periods() -> Select[Any]:
    """Every plan of every service with its period, in order of service and start; to be limited by the caller."""
    plans, services = t.service_plans.c, t.services.c
    following = func.lead(plans.active_from).over(
        partition_by=(plans.account_id, plans.service_id), order_by=plans.active_from
    )
    return (
        select(t.service_plans, func.coalesce(following, services.active_to).label("active_to"))
        .join(t.services, and_(services.account_id == plans.account_id, services.service_id == plans.service_id))
        .order_by(plans.account_id, plans.service_id, plans.active_from)
    )


_NUMBER_LOCKS = 7_290_003  # any number no other pair of advisory locks of ours begins with
_LOCK_NUMBER = text("SELECT pg_advisory_xact_lock(:space, hashtext(:identifier))")


class SqlServiceRepository:
    """Services of accounts, and the number directory that follows them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_service(self, values: Mapping[str, Any]) -> Service:
        """Store a service with its first plan, and enter its number in the directory."""
        await self._keep_billed(values["account_id"], values["active_from"])
        service = await insert_returning(self._connection, Service, t.services, values)
        plan = {"plan_code": service.plan_code, "plan_version": service.plan_version}
        of_service = {"account_id": service.account_id, "service_id": service.service_id}
        row = {"active_from": service.active_from, **of_service, **plan}
        await self._connection.execute(insert(t.service_plans).values(**row))
        number = {"identifier": directory_spelling(service.identifier), "active_to": service.active_to}
        await self._enter(service.account_id, service.service_id, [number | row])
        return service

    async def services(self, account_id: str) -> Sequence[Service]:
        query = select(t.services).where(t.services.c.account_id == account_id).order_by(t.services.c.service_id)
        return await fetch_all(self._connection, Service, query)

    async def change_service(self, account_id: str, service_id: str, values: Mapping[str, Any]) -> None:
        """Change a service; its end is written to the number directory too."""
        of_service = (t.services.c.account_id == account_id, t.services.c.service_id == service_id)
        if "active_to" in values:
            ended_at = select(t.services.c.active_to).where(*of_service)
            before = (await self._connection.execute(ended_at)).scalar_one_or_none()
            ends = [each for each in (before, values["active_to"]) if each is not None]
            if ends:
                await self._keep_billed(account_id, min(ends))
        await self._connection.execute(update(t.services).where(*of_service).values(**values))
        if "active_to" in values:
            await self._drop_plans_from(account_id, service_id, values["active_to"])
            await self._follow_plans(account_id, service_id)

    async def change_plan(
        self, account_id: str, service_id: str, at: datetime, plan_code: str, plan_version: int
    ) -> None:
        await self._keep_billed(account_id, at)
        plans = t.service_plans.c
        of_service = (plans.account_id == account_id, plans.service_id == service_id)
        await self._connection.execute(delete(t.service_plans).where(*of_service, plans.active_from >= at))
        before = await self._newest_plan(account_id, service_id)
        if before != (plan_code, plan_version):
            values = {"active_from": at, "plan_code": plan_code, "plan_version": plan_version}
            await self._connection.execute(
                insert(t.service_plans).values(account_id=account_id, service_id=service_id, **values)
            )
        await self._follow_plans(account_id, service_id)

    async def write_plans(self, account_id: str, service_id: str, rows: Sequence[PlanRow], since: datetime) -> None:
        await self._keep_billed(account_id, since)
        plans = t.service_plans.c
        of_service = {"account_id": account_id, "service_id": service_id}
        await self._connection.execute(
            delete(t.service_plans).where(plans.account_id == account_id, plans.service_id == service_id)
        )
        await self._connection.execute(insert(t.service_plans), [{**of_service, **asdict(row)} for row in rows])
        await self._follow_plans(account_id, service_id)

    async def _keep_billed(self, account_id: str, since: datetime) -> None:
        """Cycles that were billed by plans which change now remember them: what is billed later is the difference."""
        cycles, plans = t.cycles.c, t.service_plans.c
        billed = (cycles.account_id == account_id, cycles.status == "issued", cycles.closes_at > since)
        to_keep = and_(*billed, cycles.billed_periods.is_(None))
        if (await self._connection.execute(select(cycles.cycle_number).where(to_keep).limit(1))).first() is None:
            return
        found = await self._connection.execute(plan_periods().where(plans.account_id == account_id))
        periods = [{name: _in_json(value) for name, value in row.items()} for row in found.mappings()]
        await self._connection.execute(update(t.cycles).where(to_keep).values(billed_periods=periods))

    async def _drop_plans_from(self, account_id: str, service_id: str, at: datetime) -> None:
        """Changes of plan that an ended service will not see; its first plan stays."""
        plans = t.service_plans.c
        of_service = (plans.account_id == account_id, plans.service_id == service_id)
        first = select(func.min(plans.active_from)).where(*of_service).scalar_subquery()
        await self._connection.execute(
            delete(t.service_plans).where(*of_service, plans.active_from >= at, plans.active_from > first)
        )

    async def _newest_plan(self, account_id: str, service_id: str) -> tuple[str, int] | None:
        plans = t.service_plans.c
        query = select(plans.plan_code, plans.plan_version).where(
            plans.account_id == account_id, plans.service_id == service_id
        )
        row = (await self._connection.execute(query.order_by(plans.active_from.desc()).limit(1))).first()
        return None if row is None else (row.plan_code, row.plan_version)

    async def _follow_plans(self, account_id: str, service_id: str) -> None:
        """Write the directory's rows of a service, and its newest plan, as its periods say."""
        directory, services, plans = t.number_directory.c, t.services.c, t.service_plans.c
        of_service = and_(services.account_id == account_id, services.service_id == service_id)
        identifier = (await self._connection.execute(select(services.identifier).where(of_service))).scalar_one()
        periods = plan_periods().where(plans.account_id == account_id, plans.service_id == service_id)
        rows = [dict(row) for row in (await self._connection.execute(periods)).mappings()]
        lasting = [row for row in rows if row["active_to"] is None or row["active_from"] < row["active_to"]]
        await self._connection.execute(
            delete(t.number_directory).where(directory.account_id == account_id, directory.service_id == service_id)
        )
        if lasting:
            spelled = directory_spelling(identifier)
            await self._enter(account_id, service_id, [{"identifier": spelled, **row} for row in lasting])
        newest = {name: rows[-1][name] for name in ("plan_code", "plan_version")}
        await self._connection.execute(update(t.services).where(of_service).values(**newest))

    async def _enter(self, account_id: str, service_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of the directory, cut where what the service may draw begins or ends."""
        cut = split_rows(rows, await drawing_instants(self._connection, account_id, service_id))
        await self._connection.execute(insert(t.number_directory), cut)

    async def lock_number(self, identifier: str) -> None:
        spelled = directory_spelling(identifier)
        await self._connection.execute(_LOCK_NUMBER, {"space": _NUMBER_LOCKS, "identifier": spelled})

    async def uses_of(self, identifier: str, first: datetime, last: datetime | None) -> Sequence[NumberUse]:
        directory = t.number_directory.c
        query = (
            select(
                directory.account_id,
                directory.service_id,
                func.min(directory.active_from).label("active_from"),
                case((func.bool_or(directory.active_to.is_(None)), null()), else_=func.max(directory.active_to)).label(
                    "active_to"
                ),
            )
            .where(
                directory.identifier == directory_spelling(identifier),
                or_(directory.active_to.is_(None), directory.active_to > first),
            )
            .group_by(directory.account_id, directory.service_id)
            .order_by("active_from")
        )
        if last is not None:
            query = query.where(directory.active_from < last)
        return await fetch_all(self._connection, NumberUse, query)

    async def add_number_move(self, move: NewNumberMove, at: datetime) -> NumberMove:
        values = asdict(move) | {"kind": move.kind.value, "recorded_at": at}
        return await insert_returning(self._connection, NumberMove, t.number_moves, values)

    async def pending_number_moves(self, limit: int = 100) -> Sequence[NumberMove]:
        moves = t.number_moves
        query = select(moves).where(moves.c.reguided_at.is_(None)).order_by(moves.c.move_id).limit(limit)
        return await fetch_all(self._connection, NumberMove, query)

    async def mark_number_moved(self, move_id: str, at: datetime) -> None:
        moves = t.number_moves
        await self._connection.execute(update(moves).where(moves.c.move_id == move_id).values(reguided_at=at))

    async def owner_of(self, identifier: str, at: datetime) -> tuple[str, str] | None:
        """Account and service that owned a number at an instant."""
        directory = t.number_directory.c
        query = select(directory.account_id, directory.service_id).where(
            and_(
                directory.identifier == directory_spelling(identifier),
                directory.active_from <= at,
                or_(directory.active_to.is_(None), directory.active_to > at),
            )
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else (row.account_id, row.service_id)


def _in_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
