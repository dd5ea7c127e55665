"""Days of stored events that are written to files before they are dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ArchivedDay:
    """One UTC day's events in a compressed file. ``sha256`` is the file's, ``dropped_at`` None while the day is kept in
    the database too. ``supplement`` numbers further files of the day, of events that were stored after it was dropped;
    0 is its first."""

    day: date
    file_name: str
    events: int
    size_bytes: int
    sha256: str
    made_at: datetime
    dropped_at: datetime | None = None
    supplement: int = 0


class UsageArchiveStore(Protocol):
    """What archiving reads and writes."""

    async def stored_days(self, before: date) -> Sequence[date]:
        """The UTC days before a date that have a partition, oldest first."""
        ...

    def rows_of(self, day: date) -> AsyncIterator[bytes]:
        """A day's events as CSV, row by row after a header line, in order of start and key."""
        ...

    async def keep_archive(self, archive: ArchivedDay) -> None:
        """Remember a file; a newer one of the same day and supplement takes its place."""
        ...

    async def archives(self, limit: int = 1000) -> Sequence[ArchivedDay]:
        """The newest days first, each with the newest of its files first."""
        ...

    async def archives_of(self, day: date) -> Sequence[ArchivedDay]:
        """All files of a day, in the order in which they were made."""
        ...

    async def dropped_days(self, first: date, last: date) -> Sequence[date]:
        """The UTC days from first to last whose events were dropped, oldest first."""
        ...

    async def drop_archived(self, archive: ArchivedDay, at: datetime) -> bool:
        """Drop a day whose events are exactly those of its file; False, and nothing done, when there are others."""
        ...
