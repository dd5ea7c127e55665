"""Days of stored events that are written to files before they are dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ArchivedDay:
    """One UTC day's events in a compressed file. ``sha256`` is the file's, ``dropped_at`` None while the day is kept in
    the database too."""

    day: date
    file_name: str
    events: int
    size_bytes: int
    sha256: str
    made_at: datetime
    dropped_at: datetime | None = None


class UsageArchiveStore(Protocol):
    """What archiving reads and writes."""

    async def stored_days(self, before: date) -> Sequence[date]:
        """The UTC days before a date that have a partition, oldest first."""
        ...

    def rows_of(self, day: date) -> AsyncIterator[bytes]:
        """A day's events as CSV, row by row after a header line, in order of start and key."""
        ...

    async def keep_archive(self, archive: ArchivedDay) -> None:
        """Remember a file; a newer one of the same day takes its place."""
        ...

    async def archives(self, limit: int = 1000) -> Sequence[ArchivedDay]:
        """The newest days first."""
        ...

    async def drop_archived(self, archive: ArchivedDay, at: datetime) -> bool:
        """Drop a day whose events are exactly those of its file; False, and nothing done, when there are others."""
        ...
