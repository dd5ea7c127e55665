"""Alerts to staff on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.staff_cases import CaseState
from billing.persistence.staff_case_repository import cases_of
from billing.persistence.statements import fetch_all
from billing.persistence.tables.staff_cases import account_staff_cases, staff_cases
from billing.persistence.tables.upkeep import staff_alerts
from billing.ports.alerts import Alert, StoredAlert
from billing.ports.staff_cases import StaffCase

_alerts = staff_alerts.c


class SqlAlertStore:
    """Reads and writes alerts."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, alert: Alert, addresses: Sequence[str], status: str, at: datetime) -> bool:
        message = {"subject": alert.subject, "text": alert.text, "cases": list(alert.cases)}
        rows = [
            {"alert": alert.alert, "address": address, "status": status, "message": message, "created_at": at}
            for address in addresses
        ]
        stored = upsert(staff_alerts).values(rows).on_conflict_do_nothing().returning(_alerts.address)
        return bool((await self._connection.execute(stored)).all())

    async def claim(self, at: datetime, limit: int = 50) -> Sequence[StoredAlert]:
        waiting = (
            select(_alerts.alert, _alerts.address)
            .where(_alerts.status == "waiting")
            .order_by(_alerts.created_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        claimed = (
            update(staff_alerts)
            .where(tuple_(_alerts.alert, _alerts.address).in_(waiting))
            .values(status="sending", claimed_at=at)
        )
        return await fetch_all(self._connection, StoredAlert, claimed.returning(*staff_alerts.c))

    async def left_behind(self, claimed_before: datetime) -> Sequence[StoredAlert]:
        query = select(staff_alerts).where(_alerts.status == "sending", _alerts.claimed_at < claimed_before)
        return await fetch_all(self._connection, StoredAlert, query)

    async def change(self, alert: StoredAlert, values: Mapping[str, Any]) -> None:
        same = (_alerts.alert == alert.alert, _alerts.address == alert.address)
        await self._connection.execute(update(staff_alerts).where(*same).values(**values))

    async def untold(self, severities: Sequence[str], limit: int = 200) -> Sequence[StaffCase]:
        found: list[StaffCase] = []
        for table in (account_staff_cases, staff_cases):
            query = cases_of(table).where(
                table.c.state == CaseState.OPEN.value, table.c.told_at.is_(None), table.c.severity.in_(severities)
            )
            oldest = query.order_by(table.c.case_id).limit(limit).with_for_update(skip_locked=True)
            found += await fetch_all(self._connection, StaffCase, oldest)
        return found
