"""Lines whose usage waits, counted by line and reason."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.statements import fetch_all
from billing.persistence.tables import usage as t
from billing.ports.usage_waiting import WaitingFilter, WaitingLine, WaitingTotals

_ISSUES = t.usage_issues.c
_GROUPS = (_ISSUES.identifier, _ISSUES.field, _ISSUES.reason)


class SqlUsageWaiting:
    """Read only."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def waiting_lines(self, wanted: WaitingFilter) -> Sequence[WaitingLine]:
        records, since = func.count(), func.min(_ISSUES.created_at)
        keys = {"records": records, "number": _ISSUES.identifier, "since": since}
        key = keys[wanted.order.removeprefix("-")]
        query = (
            select(*_GROUPS, records.label("records"), since.label("first_kept_at"))
            .where(*_waiting(wanted))
            .group_by(*_GROUPS)
            .order_by(key.desc() if wanted.order.startswith("-") else key, *_GROUPS)
            .offset(wanted.offset)
            .limit(wanted.limit)
        )
        return await fetch_all(self._connection, WaitingLine, query)

    async def waiting_totals(self, wanted: WaitingFilter) -> WaitingTotals:
        groups = select(func.count().label("records")).where(*_waiting(wanted)).group_by(*_GROUPS).subquery()
        query = select(func.count(), func.coalesce(func.sum(groups.c.records), 0)).select_from(groups)
        rows, records = (await self._connection.execute(query)).one()
        return WaitingTotals(rows, int(records))


def _waiting(wanted: WaitingFilter) -> Sequence[ColumnElement[bool]]:
    own = [_ISSUES.identifier == wanted.identifier] if wanted.identifier else []
    return [_ISSUES.status == "open", _ISSUES.kind == "recycled", *own]
