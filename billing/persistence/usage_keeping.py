"""The records that wait for somebody, on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, desc, func, literal_column, select, text, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.domain.errors import NotFound
from billing.persistence.columns import PrefixedId
from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables import usage as t
from billing.persistence.usage_intake import among
from billing.ports.usage import IssueFilter, IssueSelection, NewIssue, SelectedIssues, UsageIssue

_NONE: Any = literal_column("0")
_ISSUES = t.usage_issues.c
_ISSUE_IDS = ARRAY(PrefixedId(identity.LINE_ISSUE))
_NEW_ISSUE_FIELDS = [field.name for field in fields(NewIssue)]

# One document for all of them: a damaged file has them by the thousand.
_ADD_ISSUES = text(
    f"INSERT INTO usage_issues ({', '.join(_NEW_ISSUE_FIELDS)}) SELECT {', '.join(_NEW_ISSUE_FIELDS)} "
    "FROM json_populate_recordset(CAST(NULL AS usage_issues), CAST(:rows AS json)) ON CONFLICT DO NOTHING"
)


def _as_document(issue: NewIssue) -> dict[str, Any]:
    """A record as JSON carries it, by the names of the columns."""
    row = {name: getattr(issue, name) for name in _NEW_ISSUE_FIELDS}
    file_id = None if issue.file_id is None else identity.parse(identity.FILE, issue.file_id)
    return row | {
        "file_id": file_id,
        "dedup_hash": str(issue.dedup_hash),
        "created_at": issue.created_at.isoformat(),
    }


class SqlUsageKeeping:
    """Kept records."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_issues(self, issues: Sequence[NewIssue]) -> None:
        if issues:
            rows = [_as_document(issue) for issue in issues]
            rows.sort(key=lambda row: str(row["dedup_hash"]))
            await self._connection.execute(_ADD_ISSUES, {"rows": json.dumps(rows)})

    async def issues(self, wanted: IssueFilter) -> Sequence[UsageIssue]:
        issues = t.usage_issues.c
        given = {
            issues.kind: wanted.kind,
            issues.status: wanted.status,
            issues.file_id: wanted.file_id,
            issues.identifier: wanted.identifier,
            issues.source: wanted.source,
            issues.record_id: wanted.record_id,
            issues.field: wanted.field,
        }
        query = select(t.usage_issues).where(*[column == value for column, value in given.items() if value])
        # Without a file and a line it is one row of its own: nulls would be equal to nothing in a comparison.
        order = (issues.created_at, func.coalesce(issues.file_id, _NONE), func.coalesce(issues.line_number, _NONE))
        if wanted.after:
            last = select(*order, issues.issue_id).where(issues.issue_id == wanted.after)
            query = query.where(tuple_(*order, issues.issue_id) > last.scalar_subquery())
        columns = {"line": issues.identifier, "kind": issues.kind, "field": issues.field, "record": issues.record_id}
        name = wanted.order.removeprefix("-")
        places = (*([columns[name]] if name in columns else []), *order, issues.issue_id)
        turned = [desc(place) for place in places] if wanted.order.startswith("-") else places
        query = query.order_by(*turned).offset(wanted.offset).limit(wanted.limit)
        return await fetch_all(self._connection, UsageIssue, query)

    async def lock_issue(self, issue_id: str) -> UsageIssue:
        query = select(t.usage_issues).where(t.usage_issues.c.issue_id == issue_id).with_for_update()
        found = await fetch_one(self._connection, UsageIssue, query)
        if found is None:
            remedy = "GET /v1/usage/issues lists the records that wait."
            raise NotFound(f"There is no kept record {issue_id}.", field="issue_id", value=issue_id, remedy=remedy)
        return found

    async def lock_recycled(self, identifier: str = "", after: str = "", limit: int = 500) -> Sequence[UsageIssue]:
        issues = t.usage_issues.c
        query = select(t.usage_issues).where(issues.kind == "recycled", issues.status == "open")
        if identifier:
            query = query.where(issues.identifier == identifier)
        if after:
            query = query.where(issues.issue_id > after)
        query = query.order_by(issues.issue_id).limit(limit).with_for_update(skip_locked=True)
        return await fetch_all(self._connection, UsageIssue, query)

    async def change_issue(self, issue_id: str, values: Mapping[str, Any]) -> None:
        await self._connection.execute(
            update(t.usage_issues).where(t.usage_issues.c.issue_id == issue_id).values(**values)
        )

    async def change_issues(self, issue_ids: Sequence[str], values: Mapping[str, Any]) -> None:
        await self._connection.execute(update(t.usage_issues).where(_are(issue_ids)).values(**values))

    async def reopen_issue(self, issue_id: str, values: Mapping[str, Any]) -> bool:
        savepoint = await self._connection.begin_nested()
        try:
            await self.change_issue(issue_id, {**values, "status": "open", "resolved_at": None, "resolution": ""})
        except IntegrityError:  # the same record was sent once more, and waits as a record of its own
            await savepoint.rollback()
            return False
        await savepoint.commit()
        return True

    async def select_issues(self, wanted: IssueSelection, limit: int) -> SelectedIssues:
        query = select(_ISSUES.issue_id, func.count().over().label("matched")).where(*_agreeing(wanted))
        rows = (await self._connection.execute(query.order_by(_ISSUES.issue_id).limit(limit))).all()
        return SelectedIssues(rows[0].matched if rows else 0, [row.issue_id for row in rows])

    async def open_issues(self, issue_ids: Sequence[str], *, lock: bool = False) -> Sequence[UsageIssue]:
        query = select(t.usage_issues).where(_are(issue_ids), _ISSUES.status == "open").order_by(_ISSUES.issue_id)
        return await fetch_all(self._connection, UsageIssue, query.with_for_update(skip_locked=True) if lock else query)

    async def dismissed_of(self, file_id: str) -> Mapping[str, int]:
        query = select(_ISSUES.kind, func.count().label("times")).group_by(_ISSUES.kind)
        query = query.where(_ISSUES.file_id == file_id, _ISSUES.status == "dismissed")
        return {row.kind: row.times for row in await self._connection.execute(query)}


def _are(issue_ids: Sequence[str]) -> ColumnElement[bool]:
    return among(_ISSUES.issue_id, issue_ids, _ISSUE_IDS)


def _agreeing(wanted: IssueSelection) -> list[ColumnElement[bool]]:
    if wanted.issue_ids:
        return [_are(wanted.issue_ids)]
    given = {
        _ISSUES.kind: wanted.kind,
        _ISSUES.file_id: wanted.file_id,
        _ISSUES.identifier: wanted.identifier,
        _ISSUES.source: wanted.source,
        _ISSUES.field: wanted.field,
    }
    found = [_ISSUES.status == "open", *(column == value for column, value in given.items() if value)]
    if wanted.created_from is not None:
        found.append(_ISSUES.created_at >= wanted.created_from)
    if wanted.created_before is not None:
        found.append(_ISSUES.created_at < wanted.created_before)
    return found
