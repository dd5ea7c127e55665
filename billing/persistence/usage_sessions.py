"""Sessions and their parts on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, delete, func, null, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.persistence.statements import fetch_all
from billing.persistence.tables.usage import usage_issues
from billing.persistence.tables.usage_sessions import usage_session_parts, usage_sessions
from billing.ports.usage_sessions import OPEN, KeptPart, UsageSession

# Whole batches in one statement each, as one document. Rows are locked by hash in one order, so that files with parts
# of the same sessions do not wait for each other in a circle.
_ADD_SESSIONS = text(
    "INSERT INTO usage_sessions (session_hash, source, session_key, profile, opened_at, raw, file_id, line_number) "
    "SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS added (session_hash uuid, source text, "
    "session_key text, profile text, opened_at timestamptz, raw text, file_id bigint, line_number bigint) "
    "ORDER BY added.session_hash ON CONFLICT DO NOTHING"
)
_ADD_PARTS = text(
    "INSERT INTO usage_session_parts (session_hash, kind, part_order, fields, file_id) "
    "SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS added (session_hash uuid, kind text, "
    "part_order bigint, fields jsonb, file_id bigint)"
)
_SETTLE = text(
    "UPDATE usage_sessions SET event = found.event, status = :status, settled_at = :at, "
    "settled_file_id = :file_id "
    "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS found (session_hash uuid, event jsonb) "
    "WHERE usage_sessions.session_hash = found.session_hash"
)
_NEW = ("source", "session_key", "profile", "raw", "line_number")


def _among(column: Any, hashes: Sequence[UUID]) -> Any:
    """One array instead of thousands of parameters."""
    return column == func.any(bindparam(None, list(hashes), type_=ARRAY(Uuid)))


def _number(file_id: str | None) -> int | None:
    return None if file_id is None else identity.parse(identity.FILE, file_id)


class SqlUsageSessions:
    """Sessions that several records describe."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock_sessions(self, sessions: Sequence[UsageSession]) -> Mapping[UUID, UsageSession]:
        if not sessions:
            return {}
        rows = [
            {
                **{name: getattr(each, name) for name in _NEW},
                "session_hash": str(each.session_hash),
                "opened_at": each.opened_at.isoformat(),
                "file_id": _number(each.file_id),
            }
            for each in sessions
        ]
        await self._connection.execute(_ADD_SESSIONS, {"rows": json.dumps(rows)})
        key = usage_sessions.c.session_hash
        query = select(usage_sessions).where(_among(key, [each.session_hash for each in sessions]))
        found = await fetch_all(self._connection, UsageSession, query.order_by(key).with_for_update())
        return {each.session_hash: each for each in found}

    async def parts_of(self, hashes: Sequence[UUID]) -> Mapping[UUID, Sequence[KeptPart]]:
        found: dict[UUID, list[KeptPart]] = {each: [] for each in hashes}
        if hashes:
            query = select(usage_session_parts).where(_among(usage_session_parts.c.session_hash, hashes))
            for part in await fetch_all(self._connection, KeptPart, query):
                found[part.session_hash].append(part)
        return found

    async def add_parts(self, parts: Sequence[KeptPart]) -> None:
        if parts:
            rows = [
                {
                    "session_hash": str(part.session_hash),
                    "kind": part.kind,
                    "part_order": part.part_order,
                    "fields": part.fields,
                    "file_id": _number(part.file_id),
                }
                for part in parts
            ]
            await self._connection.execute(_ADD_PARTS, {"rows": json.dumps(rows)})

    async def settle_sessions(
        self, events: Mapping[UUID, Mapping[str, Any]], status: str, at: datetime, file_id: str | None
    ) -> None:
        if events:
            rows = [{"session_hash": str(each), "event": event} for each, event in events.items()]
            await self._connection.execute(
                _SETTLE, {"rows": json.dumps(rows), "status": status, "at": at, "file_id": _number(file_id)}
            )

    async def resolve_waiting(self, hashes: Sequence[UUID], at: datetime, resolution: str) -> None:
        if not hashes:
            return
        issues = usage_issues.c
        told = update(usage_issues).where(
            _among(issues.dedup_hash, hashes), issues.kind == "partial", issues.status == "open"
        )
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
            change = update(usage_sessions).where(_among(usage_sessions.c.session_hash, hashes))
            await self._connection.execute(change.values(reported_at=at))

    async def sessions_of_file(self, file_id: str, limit: int) -> Sequence[UsageSession]:
        sessions, parts = usage_sessions.c, usage_session_parts.c
        with_parts = select(parts.session_hash).where(parts.file_id == file_id)
        completed = select(sessions.session_hash).where(sessions.settled_file_id == file_id)
        query = select(usage_sessions).where(sessions.session_hash.in_(with_parts.union(completed)))
        query = query.order_by(sessions.session_hash).limit(limit).with_for_update()
        return await fetch_all(self._connection, UsageSession, query)

    async def resolve_records(self, records: Sequence[tuple[str, str]], at: datetime, resolution: str) -> None:
        issues = usage_issues.c
        kept = tuple_(issues.source, issues.record_id).in_(list(records))
        change = update(usage_issues).where(kept, issues.status == "open")
        await self._connection.execute(change.values(status="resolved", resolved_at=at, resolution=resolution))

    async def remove_parts(self, file_id: str, hashes: Sequence[UUID]) -> None:
        parts = usage_session_parts.c
        await self._connection.execute(
            delete(usage_session_parts).where(parts.file_id == file_id, _among(parts.session_hash, hashes))
        )

    async def reopen_sessions(self, hashes: Sequence[UUID]) -> None:
        if hashes:
            change = update(usage_sessions).where(_among(usage_sessions.c.session_hash, hashes))
            nothing = {"event": null(), "settled_at": None, "settled_file_id": None, "reported_at": None}
            await self._connection.execute(change.values(status=OPEN, **nothing))

    async def drop_sessions(self, hashes: Sequence[UUID]) -> None:
        if hashes:
            await self._connection.execute(delete(usage_sessions).where(_among(usage_sessions.c.session_hash, hashes)))

    async def forget_sessions(self, settled_before: datetime) -> int:
        sessions = usage_sessions.c
        old = delete(usage_sessions).where(sessions.status != OPEN, sessions.settled_at < settled_before)
        return (await self._connection.execute(old)).rowcount
