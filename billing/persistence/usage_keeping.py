"""The file registry and the records that wait for somebody, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import desc, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.errors import NotFound
from billing.persistence.statements import as_record, fetch_all, fetch_one
from billing.persistence.tables import usage as t
from billing.ports.usage import IssueFilter, NewIssue, UsageFile, UsageIssue

_NEW_ISSUE_FIELDS = [field.name for field in fields(NewIssue)]


class SqlUsageKeeping:
    """Files and issues."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def register_file(self, values: Mapping[str, Any]) -> tuple[UsageFile, bool]:
        files = t.usage_files
        added = await self._connection.execute(
            insert(files)
            .values(**values)
            .on_conflict_do_nothing(index_elements=["sha256", "profile"])
            .returning(*files.c)
        )
        row = added.first()
        if row is not None:
            return as_record(UsageFile, row), True
        query = select(files).where(files.c.sha256 == values["sha256"], files.c.profile == values["profile"])
        return as_record(UsageFile, (await self._connection.execute(query)).one()), False

    async def file(self, file_id: str) -> UsageFile:
        return await self._file(file_id, lock=False)

    async def lock_file(self, file_id: str) -> UsageFile:
        return await self._file(file_id, lock=True)

    async def _file(self, file_id: str, *, lock: bool) -> UsageFile:
        query = select(t.usage_files).where(t.usage_files.c.file_id == file_id)
        found = await fetch_one(self._connection, UsageFile, query.with_for_update() if lock else query)
        if found is None:
            remedy = "GET /v1/usage/files lists the files there are."
            raise NotFound(f"There is no usage file {file_id}.", field="file_id", value=file_id, remedy=remedy)
        return found

    async def files(self, limit: int = 100) -> Sequence[UsageFile]:
        return await fetch_all(
            self._connection, UsageFile, select(t.usage_files).order_by(desc(t.usage_files.c.file_id)).limit(limit)
        )

    async def change_file(self, file_id: str, values: Mapping[str, Any]) -> None:
        await self._connection.execute(update(t.usage_files).where(t.usage_files.c.file_id == file_id).values(**values))

    async def add_issues(self, issues: Sequence[NewIssue]) -> None:
        if issues:
            rows = [{name: getattr(issue, name) for name in _NEW_ISSUE_FIELDS} for issue in issues]
            rows.sort(key=lambda row: str(row["dedup_hash"]))
            await self._connection.execute(insert(t.usage_issues).on_conflict_do_nothing(), rows)

    async def issues(self, wanted: IssueFilter) -> Sequence[UsageIssue]:
        issues = t.usage_issues.c
        given = {
            issues.kind: wanted.kind,
            issues.status: wanted.status,
            issues.file_id: wanted.file_id,
            issues.identifier: wanted.identifier,
        }
        query = select(t.usage_issues).where(*[column == value for column, value in given.items() if value])
        order = (issues.created_at, issues.file_id, issues.line_number, issues.issue_id)
        return await fetch_all(self._connection, UsageIssue, query.order_by(*order).limit(wanted.limit))

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
