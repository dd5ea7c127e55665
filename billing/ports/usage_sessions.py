"""Sessions that several records describe: what is kept of them until they are whole, and afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

OPEN, COMPLETE, CLOSED = "open", "complete", "closed"


@dataclass(frozen=True, slots=True)
class UsageSession:
    """One session of one source, known by ``session_hash`` (128 bit of both).

    ``status`` is open, complete (its parts made ``event``) or closed (a person did). ``raw``, ``file_id`` and
    ``line_number`` are those of the part that came first; ``opened_at`` is when that came, ``reported_at`` when its
    missing parts were reported. ``settled_file_id`` is the file whose part completed it. An empty event is a session
    that counts nothing.
    """

    session_hash: UUID
    source: str
    session_key: str
    profile: str
    opened_at: datetime
    status: str = OPEN
    event: Mapping[str, Any] | None = None
    raw: str = ""
    file_id: str | None = None
    line_number: int | None = None
    reported_at: datetime | None = None
    settled_at: datetime | None = None
    settled_file_id: str | None = None


@dataclass(frozen=True, slots=True)
class KeptPart:
    """A part as it is kept: known by session, kind and order."""

    session_hash: UUID
    kind: str
    part_order: int
    fields: Mapping[str, Any]
    file_id: str | None = None


class UsageSessionStore(Protocol):
    """Parts and their sessions, in the transaction of the batch that brings them."""

    async def lock_sessions(self, sessions: Sequence[UsageSession]) -> Mapping[UUID, UsageSession]:
        """These sessions as they are stored, the new ones added; locked in one order until the transaction ends."""
        ...

    async def parts_of(self, hashes: Sequence[UUID]) -> Mapping[UUID, Sequence[KeptPart]]:
        """All kept parts by session."""
        ...

    async def add_parts(self, parts: Sequence[KeptPart]) -> None: ...
    async def settle_sessions(
        self, events: Mapping[UUID, Mapping[str, Any]], status: str, at: datetime, file_id: str | None
    ) -> None:
        """Note what came of sessions, by a part in this file."""
        ...

    async def resolve_waiting(self, hashes: Sequence[UUID], at: datetime, resolution: str) -> None:
        """Resolve the kept records that told of missing parts of these sessions."""
        ...

    async def sessions_of_file(self, file_id: str, limit: int) -> Sequence[UsageSession]:
        """Sessions with a part in a file, or completed by one; locked."""
        ...

    async def resolve_records(self, records: Sequence[tuple[str, str]], at: datetime, resolution: str) -> None:
        """Resolve what is kept under these sources and record ids."""
        ...

    async def remove_parts(self, file_id: str, hashes: Sequence[UUID]) -> None: ...
    async def reopen_sessions(self, hashes: Sequence[UUID]) -> None:
        """Let them wait for parts again, as if they had never been whole."""
        ...

    async def drop_sessions(self, hashes: Sequence[UUID]) -> None: ...

    async def waiting_sessions(self, profile: str, opened_before: datetime, limit: int = 500) -> Sequence[UsageSession]:
        """Open sessions that were not reported yet, the oldest first; locked, those at work elsewhere left out."""
        ...

    async def mark_reported(self, hashes: Sequence[UUID], at: datetime) -> None: ...
    async def forget_sessions(self, settled_before: datetime) -> int:
        """Drop settled sessions and their parts; answers how many."""
        ...
