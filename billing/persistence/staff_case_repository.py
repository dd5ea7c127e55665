"""Cases for people on PostgreSQL: two tables of one form, one keyed by the account, one for what is nobody's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, case, func, literal, null, select, union_all, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.errors import NotFound
from billing.domain.staff_cases import SYSTEM, CaseState, Severity, kind_of
from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables.staff_cases import account_staff_cases, staff_cases
from billing.ports.staff_cases import CaseFilter, Cause, StaffCase

_TABLES = (account_staff_cases, staff_cases)
_AT_ONCE = 500
_RANKS = {severity.value: rank for rank, severity in enumerate(Severity)}


class SqlStaffCaseRepository:
    """Reads and writes cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def see(self, causes: Sequence[Cause], at: datetime) -> int:
        once = {(each.kind, *each.key): each for each in causes}
        known = {
            (one.kind, one.account_id, one.subject)
            for kind in {each.kind for each in causes}
            for one in await self.lasting(kind)
        }
        for table in _TABLES:
            rows = [_row(each, at) for each in once.values() if _table_of(each.account_id) is table]
            for start in range(0, len(rows), _AT_ONCE):
                await self._upsert(table, rows[start : start + _AT_ONCE], at)
        return len(once.keys() - known)

    async def _upsert(self, table: Table, rows: Sequence[Mapping[str, Any]], at: datetime) -> None:
        """A row that is there is only opened again when its cause had been gone; then its alert is due anew."""
        stated = upsert(table).values(rows)
        new, old = stated.excluded, table.c
        came_back = old.cause_gone_at.is_not(None)
        opened_again = _note(at, CaseState.OPEN, SYSTEM, "The cause came back.")
        statement = stated.on_conflict_do_update(
            index_elements=[name for name in ("account_id", "kind", "subject") if name in table.c],
            set_={
                "last_seen_at": at,
                "severity": new.severity,
                "explanation": new.explanation,
                "facts": new.facts,
                "state": case((came_back, CaseState.OPEN.value), else_=old.state),
                "opened_at": case((came_back, at), else_=old.opened_at),
                "times_opened": case((came_back, old.times_opened + 1), else_=old.times_opened),
                "told_at": case((came_back, null()), else_=old.told_at),
                "assignee": case((came_back, ""), else_=old.assignee),
                "closed_at": case((came_back, null()), else_=old.closed_at),
                "history": case(
                    (came_back, old.history.op("||", return_type=JSONB())(literal([opened_again], JSONB))),
                    else_=old.history,
                ),
                "cause_gone_at": null(),
            },
        )
        await self._connection.execute(statement)

    async def open_once(self, cause: Cause, at: datetime) -> bool:
        if await self.lasting(cause.kind, cause.account_id, cause.subject):
            return False
        await self._upsert(_table_of(cause.account_id), [_row(cause, at)], at)
        return True

    async def close_gone(self, kind: str, still: set[tuple[str | None, str]], at: datetime) -> int:
        lasting = [one for one in await self.lasting(kind) if (one.account_id, one.subject) not in still]
        return sum([await self._close(one, at) for one in lasting])

    async def gone(self, kind: str, account_id: str | None, subject: str, at: datetime) -> bool:
        lasting = await self.lasting(kind, account_id, subject)
        return bool(lasting) and bool(sum([await self._close(one, at) for one in lasting]))

    async def _close(self, known: StaffCase, at: datetime) -> bool:
        """False for one that a person had closed: then only the end of its cause is noted."""
        if known.state == CaseState.CLOSED:
            await self.change(known, {"cause_gone_at": at})
            return False
        values = {"cause_gone_at": at, "state": CaseState.CLOSED.value, "closed_at": at}
        await self.change(known, values, _note(at, CaseState.CLOSED, SYSTEM, "The cause is gone."))
        return True

    async def lasting(self, kind: str, account_id: str | None = None, subject: str = "") -> Sequence[StaffCase]:
        found: list[StaffCase] = []
        for table in (_table_of(account_id),) if subject else _TABLES:
            query = cases_of(table).where(table.c.kind == kind, table.c.cause_gone_at.is_(None))
            if subject:
                query = query.where(table.c.subject == subject)
            if account_id is not None and table is account_staff_cases:
                query = query.where(table.c.account_id == account_id)
            found += await fetch_all(self._connection, StaffCase, query)
        return found

    async def state_of(self, kind: str, account_id: str) -> str:
        cases = account_staff_cases.c
        of_kind = select(cases.state).where(cases.account_id == account_id, cases.kind == kind)
        state: str | None = await self._connection.scalar(of_kind.order_by(cases.opened_at.desc()).limit(1))
        return state or ""

    async def get(self, case_id: str) -> StaffCase:
        return await self._one(case_id, for_update=False)

    async def lock(self, case_id: str) -> StaffCase:
        return await self._one(case_id, for_update=True)

    async def _one(self, case_id: str, *, for_update: bool) -> StaffCase:
        for table in _TABLES:
            query = cases_of(table).where(table.c.case_id == case_id)
            found = await fetch_one(self._connection, StaffCase, query.with_for_update() if for_update else query)
            if found is not None:
                return found
        remedy = "GET /v1/cases lists those there are."
        raise NotFound(f"There is no case {case_id}.", field="case_id", value=case_id, remedy=remedy)

    async def change(self, case: StaffCase, values: Mapping[str, Any], note: Mapping[str, Any] | None = None) -> None:
        table = _table_of(case.account_id)
        changed = dict(values)
        if note is not None:
            changed["history"] = table.c.history.op("||", return_type=JSONB())(literal([note], JSONB))
        statement = update(table).where(table.c.case_id == case.case_id)
        if case.account_id is not None:
            statement = statement.where(table.c.account_id == case.account_id)
        await self._connection.execute(statement.values(**changed))

    async def find(self, wanted: CaseFilter) -> Sequence[StaffCase]:
        tables = (account_staff_cases,) if wanted.account_id else _TABLES
        both = union_all(*[_page(table, wanted) for table in tables]).subquery("cases")
        query = select(both).order_by(*_order(both.c, wanted)).limit(wanted.limit).offset(wanted.offset)
        return await fetch_all(self._connection, StaffCase, query)

    async def number(self, wanted: CaseFilter) -> int:
        tables = (account_staff_cases,) if wanted.account_id else _TABLES
        counted = [select(func.count()).select_from(_chosen(table, wanted).subquery()) for table in tables]
        return sum([(await self._connection.execute(query)).scalar_one() for query in counted])

    async def counts(self) -> Mapping[str, int]:
        parts = [select(table.c.severity).where(table.c.state != CaseState.CLOSED) for table in _TABLES]
        both = union_all(*parts).subquery("cases")
        rows = await self._connection.execute(select(both.c.severity, func.count()).group_by(both.c.severity))
        return {severity: int(count) for severity, count in rows}


def _table_of(account_id: str | None) -> Table:
    return staff_cases if account_id is None else account_staff_cases


def cases_of(table: Table) -> Select[Any]:
    """The columns of a case in one order; one that is nobody's has no account."""
    account = table.c.account_id if table is account_staff_cases else null().cast(account_staff_cases.c.account_id.type)
    return select(account.label("account_id"), *[column for column in table.c if column.name != "account_id"])


def _chosen(table: Table, wanted: CaseFilter) -> Select[Any]:
    query = cases_of(table)
    if wanted.states:
        query = query.where(table.c.state.in_(wanted.states))
    if wanted.kind:
        query = query.where(table.c.kind == wanted.kind)
    if wanted.severity:
        query = query.where(table.c.severity == wanted.severity)
    if wanted.account_id:
        query = query.where(table.c.account_id == wanted.account_id)
    if wanted.assignee:
        query = query.where(table.c.assignee == wanted.assignee)
    if wanted.before:
        query = query.where(table.c.case_id < literal(wanted.before, table.c.case_id.type))
    return query


def _page(table: Table, wanted: CaseFilter) -> Select[Any]:
    """As much of a table as the page can show."""
    return _chosen(table, wanted).order_by(*_order(table.c, wanted)).limit(wanted.offset + wanted.limit)


def _order(columns: Any, wanted: CaseFilter) -> list[ColumnElement[Any]]:
    name = wanted.order.removeprefix("-")
    keys: dict[str, ColumnElement[Any]] = {
        "severity": case(_RANKS, value=columns.severity, else_=len(_RANKS)),
        "opened": columns.opened_at,
        "kind": columns.kind,
        "assignee": columns.assignee,
    }
    newest_first: ColumnElement[Any] = columns.case_id.desc()
    if name not in keys:
        return [newest_first]
    key = keys[name]
    return [key.desc() if wanted.order.startswith("-") else key.asc(), newest_first]


def _row(cause: Cause, at: datetime) -> dict[str, Any]:
    row = {
        "kind": cause.kind,
        "subject": cause.subject,
        "severity": cause.severity or kind_of(cause.kind).severity.value,
        "state": CaseState.OPEN.value,
        "explanation": cause.explanation,
        "facts": dict(cause.facts),
        "opened_at": at,
        "last_seen_at": at,
        "history": [_note(at, CaseState.OPEN, SYSTEM, cause.explanation)],
    }
    return row if cause.account_id is None else {"account_id": cause.account_id, **row}


def _note(at: datetime, state: CaseState, author: str, reason: str) -> dict[str, str]:
    return {"at": at.isoformat(), "state": state.value, "author": author, "reason": reason}
