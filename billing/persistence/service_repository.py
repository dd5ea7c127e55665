"""Services with the history of their plans, and whose each number was, on PostgreSQL.

Usage finds its owner and its price in the number directory alone: a row for every stretch of time in which a number,
the service that had it and the plan of that service stayed the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.numbers import directory_spelling
from billing.persistence.statements import fetch_all, insert_returning
from billing.persistence.tables import accounts as t
from billing.ports.accounts import Service


class SqlServiceRepository:
    """Services of accounts, and the number directory that follows them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_service(self, values: Mapping[str, Any]) -> Service:
        """Store a service with its first plan, and enter its number in the directory."""
        service = await insert_returning(self._connection, Service, t.services, values)
        plan = {"plan_code": service.plan_code, "plan_version": service.plan_version}
        of_service = {"account_id": service.account_id, "service_id": service.service_id}
        row = {"active_from": service.active_from, **of_service, **plan}
        await self._connection.execute(insert(t.service_plans).values(**row))
        await self._connection.execute(
            insert(t.number_directory).values(
                identifier=directory_spelling(service.identifier), active_to=service.active_to, **row
            )
        )
        return service

    async def services(self, account_id: str) -> Sequence[Service]:
        query = select(t.services).where(t.services.c.account_id == account_id).order_by(t.services.c.service_id)
        return await fetch_all(self._connection, Service, query)

    async def change_service(self, account_id: str, service_id: str, values: Mapping[str, Any]) -> None:
        """Change a service; its end is written to the number directory too."""
        of_service = (t.services.c.account_id == account_id, t.services.c.service_id == service_id)
        await self._connection.execute(update(t.services).where(*of_service).values(**values))
        if "active_to" in values:
            await self._end_numbers(account_id, service_id, values["active_to"])

    async def _end_numbers(self, account_id: str, service_id: str, active_to: datetime) -> None:
        """The row of that instant ends there; what was to follow will not be."""
        directory = t.number_directory.c
        of_service = (directory.account_id == account_id, directory.service_id == service_id)
        await self._connection.execute(
            delete(t.number_directory).where(*of_service, directory.active_from >= active_to)
        )
        last = select(directory.active_from).where(*of_service).order_by(directory.active_from.desc()).limit(1)
        await self._connection.execute(
            update(t.number_directory)
            .where(*of_service, directory.active_from == last.scalar_subquery())
            .values(active_to=active_to)
        )

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
