"""Sessions and their parts on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.statements import fetch_all
from billing.persistence.tables.usage import usage_issues
from billing.persistence.tables.usage_sessions import usage_session_parts, usage_sessions
from billing.ports.usage_sessions import OPEN, KeptPart, UsageSession

_NEW = ("session_hash", "source", "session_key", "profile", "status", "opened_at", "raw", "file_id", "line_number")
_PART = [field.name for field in fields(KeptPart)]


class SqlUsageSessions:
    """Sessions that several records describe."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock_sessions(self, sessions: Sequence[UsageSession]) -> Mapping[UUID, UsageSession]:
        if not sessions:
            return {}
        rows = [{name: getattr(each, name) for name in _NEW} for each in sessions]
        # One order for all writers, so that two files with parts of the same sessions do not wait for each other.
        rows.sort(key=lambda row: str(row["session_hash"]))
        await self._connection.execute(insert(usage_sessions).on_conflict_do_nothing(), rows)
        hashes = [row["session_hash"] for row in rows]
        key = usage_sessions.c.session_hash
        query = select(usage_sessions).where(key.in_(hashes)).order_by(key).with_for_update()
        return {each.session_hash: each for each in await fetch_all(self._connection, UsageSession, query)}

    async def parts_of(self, hashes: Sequence[UUID]) -> Mapping[UUID, Sequence[KeptPart]]:
        found: dict[UUID, list[KeptPart]] = {each: [] for each in hashes}
        if hashes:
            query = select(usage_session_parts).where(usage_session_parts.c.session_hash.in_(hashes))
            for part in await fetch_all(self._connection, KeptPart, query):
                found[part.session_hash].append(part)
        return found

    async def add_parts(self, parts: Sequence[KeptPart]) -> None:
        if parts:
            rows = [{name: getattr(part, name) for name in _PART} for part in parts]
            await self._connection.execute(insert(usage_session_parts), rows)

    async def settle_sessions(self, events: Mapping[UUID, Mapping[str, Any]], status: str, at: datetime) -> None:
        if not events:
            return
        sessions = usage_sessions.c
        rows = [{"settled": each, "found": dict(event)} for each, event in events.items()]
        change = update(usage_sessions).where(sessions.session_hash == bindparam("settled"))
        change = change.values(event=bindparam("found", type_=sessions.event.type), status=status, settled_at=at)
        await self._connection.execute(change, rows)

    async def resolve_waiting(self, hashes: Sequence[UUID], at: datetime) -> None:
        if not hashes:
            return
        issues = usage_issues.c
        told = update(usage_issues).where(
            issues.dedup_hash.in_(hashes), issues.kind == "partial", issues.status == "open"
        )
        resolution = "accepted: the missing part came"
        await self._connection.execute(told.values(status="resolved", resolved_at=at, resolution=resolution))

    async def waiting_sessions(self, profile: str, opened_before: datetime, limit: int = 500) -> Sequence[UsageSession]:
        sessions = usage_sessions.c
        query = select(usage_sessions).where(
            sessions.profile == profile,
            sessions.status == OPEN,
            sessions.reported_at.is_(None),
            sessions.opened_at < opened_before,
        )
        query = query.order_by(sessions.opened_at, sessions.session_hash).limit(limit)
        return await fetch_all(self._connection, UsageSession, query.with_for_update(skip_locked=True))

    async def mark_reported(self, hashes: Sequence[UUID], at: datetime) -> None:
        if hashes:
            change = update(usage_sessions).where(usage_sessions.c.session_hash.in_(hashes))
            await self._connection.execute(change.values(reported_at=at))

    async def forget_sessions(self, settled_before: datetime) -> int:
        sessions = usage_sessions.c
        old = delete(usage_sessions).where(sessions.status != OPEN, sessions.settled_at < settled_before)
        return (await self._connection.execute(old)).rowcount
