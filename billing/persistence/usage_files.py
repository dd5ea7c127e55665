"""The file registry on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, desc, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.errors import NotFound
from billing.persistence.statements import as_record, fetch_all, fetch_one
from billing.persistence.tables import accounts
from billing.persistence.tables import usage as t
from billing.persistence.usage_intake import TEXTS, among
from billing.ports.usage_files import (
    CANCELLED,
    CANCELLING,
    DONE,
    HELD,
    OUT_OF_SEQUENCE,
    REGISTERED,
    REJECTED,
    FileEffect,
    FileFilter,
    Neighbours,
    UsageFile,
)

# Any number no other advisory lock of ours uses; the second key is the profile.
_SEQUENCE_LOCK = text("SELECT pg_advisory_xact_lock(7290002, hashtext(:profile))")
_FILES = t.usage_files.c
_WAITS = (_FILES.status == HELD) & (_FILES.hold_kind == "gap")
# One that was put aside while it waited has proved nothing about those before it.
_NEVER_PASSED = _FILES.status.in_((HELD, REJECTED)) & (_FILES.hold_kind == "gap")
_FILE_KEYS = {"registered": _FILES.file_id, "name": _FILES.name, "read": _FILES.read, "rejected": _FILES.rejected}
_REPEATS = (_FILES.status == HELD) & (_FILES.hold_kind == "repeated")


class SqlUsageFiles:
    """Files and their order."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def register_file(self, values: Mapping[str, Any]) -> tuple[UsageFile, bool]:
        added = await self._connection.execute(
            insert(t.usage_files)
            .values(**values)
            .on_conflict_do_nothing(index_elements=["sha256", "profile"], index_where=text("status <> 'cancelled'"))
            .returning(*_FILES)
        )
        row = added.first()
        if row is not None:
            return as_record(UsageFile, row), True
        query = select(t.usage_files).where(
            _FILES.sha256 == values["sha256"], _FILES.profile == values["profile"], _FILES.status != CANCELLED
        )
        return as_record(UsageFile, (await self._connection.execute(query)).one()), False

    async def file(self, file_id: str) -> UsageFile:
        return await self._file(file_id, lock=False)

    async def lock_file(self, file_id: str) -> UsageFile:
        return await self._file(file_id, lock=True)

    async def _file(self, file_id: str, *, lock: bool) -> UsageFile:
        query = select(t.usage_files).where(_FILES.file_id == file_id)
        found = await fetch_one(self._connection, UsageFile, query.with_for_update() if lock else query)
        if found is None:
            remedy = "GET /v1/usage/files lists the files there are."
            raise NotFound(f"There is no usage file {file_id}.", field="file_id", value=file_id, remedy=remedy)
        return found

    async def files(self, wanted: FileFilter) -> Sequence[UsageFile]:
        given = {_FILES.status: wanted.status, _FILES.profile: wanted.profile}
        query = select(t.usage_files).where(*[column == value for column, value in given.items() if value])
        if wanted.before:
            query = query.where(_FILES.file_id < wanted.before)
        key = _FILE_KEYS[wanted.order.removeprefix("-")]
        order = (desc(key), desc(_FILES.file_id)) if wanted.order.startswith("-") else (key, _FILES.file_id)
        query = query.order_by(*order).offset(wanted.offset).limit(wanted.limit)
        return await fetch_all(self._connection, UsageFile, query)

    async def effects_of_file(self, file: UsageFile) -> Sequence[FileEffect]:
        if file.span is None:
            return ()
        events, cycles = t.usage_events.c, accounts.cycles.c
        own = (cycles.account_id == events.account_id) & (cycles.cycle_number == events.cycle_number)
        place = (events.account_id, events.cycle_number, cycles.status, events.meter)
        counted = func.sum(events.events).label("events"), func.sum(events.quantity).label("quantity")
        query = select(*place, *counted).select_from(t.usage_events.outerjoin(accounts.cycles, own)).group_by(*place)
        query = query.where(events.file_id == file.file_id, events.started_at.between(*file.span))
        found = await self._connection.execute(query.order_by(events.account_id, events.cycle_number, events.meter))
        return [
            FileEffect(row[0], row[1], row[2] == "issued", row[3], int(row.events), int(row.quantity)) for row in found
        ]

    async def recent_arrivals(self, limit: int) -> Mapping[str, Sequence[datetime]]:
        place = func.row_number().over(partition_by=_FILES.profile, order_by=desc(_FILES.registered_at)).label("place")
        latest = select(_FILES.profile, _FILES.registered_at, place).subquery()
        query = select(latest.c.profile, latest.c.registered_at).where(latest.c.place <= limit)
        found: dict[str, list[datetime]] = {}
        for row in await self._connection.execute(query.order_by(latest.c.profile, latest.c.place)):
            found.setdefault(row.profile, []).append(row.registered_at)
        return found

    async def change_file(self, file_id: str, values: Mapping[str, Any]) -> None:
        await self._connection.execute(update(t.usage_files).where(_FILES.file_id == file_id).values(**values))

    async def lock_sequence(self, profile: str) -> None:
        await self._connection.execute(_SEQUENCE_LOCK, {"profile": profile})

    async def last_position(self, profile: str) -> int | None:
        query = select(func.max(_FILES.position)).where(_FILES.profile == profile)
        found: int | None = (await self._connection.execute(query)).scalar_one()
        return found

    async def neighbours(self, profile: str, position: int, file_id: str) -> Neighbours:
        others = (_FILES.profile == profile) & (_FILES.file_id != file_id) & ~_REPEATS
        # A file that was put aside leaves its own place empty, and still tells that the source had come so far.
        reached = case((_FILES.status.in_(OUT_OF_SEQUENCE), _FILES.position - 1), else_=_FILES.position)
        floor_query = select(func.max(reached)).where(others, ~_NEVER_PASSED)
        floor: int | None = (await self._connection.execute(floor_query)).scalar_one()
        there = others & _FILES.status.not_in(OUT_OF_SEQUENCE)
        between: Sequence[int] = ()
        if floor is not None:
            query = select(_FILES.position).where(there, _FILES.position > floor, _FILES.position < position)
            between = (await self._connection.execute(query)).scalars().all()
        same = select(t.usage_files).where(there, _FILES.position == position).limit(1)
        return Neighbours(floor, between, await fetch_one(self._connection, UsageFile, same))

    async def waiting_for_others(self, profile: str) -> Sequence[UsageFile]:
        query = select(t.usage_files).where(_FILES.profile == profile, _WAITS).order_by(_FILES.position)
        return await fetch_all(self._connection, UsageFile, query.with_for_update())

    async def close_issues_of(self, file_id: str, resolution: str, at: datetime) -> None:
        issues = t.usage_issues.c
        change = update(t.usage_issues).where(issues.file_id == file_id, issues.status == "open")
        await self._connection.execute(change.values(status="resolved", resolved_at=at, resolution=resolution))

    async def files_to_start(self, before: datetime) -> Sequence[UsageFile]:
        to_start = _FILES.status.in_((REGISTERED, CANCELLING))
        query = select(t.usage_files).where(to_start, func.coalesce(_FILES.decided_at, _FILES.registered_at) < before)
        return await fetch_all(self._connection, UsageFile, query.order_by(_FILES.file_id).limit(1000))

    async def files_with_content(self, before: datetime) -> Sequence[UsageFile]:
        settled = _FILES.status.in_((DONE, REJECTED, CANCELLED)) & (_FILES.stored_as != "")
        query = select(t.usage_files).where(settled, func.coalesce(_FILES.finished_at, _FILES.registered_at) < before)
        query = query.order_by(_FILES.file_id).limit(1000).with_for_update(skip_locked=True)
        return await fetch_all(self._connection, UsageFile, query)

    async def contents_in_use(self, stored_as: Sequence[str]) -> set[str]:
        query = select(_FILES.stored_as).where(among(_FILES.stored_as, stored_as, TEXTS))
        return set((await self._connection.execute(query)).scalars())

    async def held_files(self, before: datetime) -> Sequence[UsageFile]:
        query = select(t.usage_files).where(_FILES.status == HELD, _FILES.registered_at < before)
        return await fetch_all(self._connection, UsageFile, query.order_by(_FILES.file_id).limit(1000))
