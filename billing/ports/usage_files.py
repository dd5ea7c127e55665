"""The file registry: what arrived, what each file says of itself, what became of it, and why one waits for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

REGISTERED, HELD, IMPORTING, DONE, REJECTED, CANCELLING, CANCELLED = (
    *("registered", "held", "importing", "done"),
    *("rejected", "cancelling", "cancelled"),
)
# Nothing of these files is counted, and their place in the sequence is free for another file.
OUT_OF_SEQUENCE = (REJECTED, CANCELLING, CANCELLED)
# What became of a line, and the count of its file.
COUNT_OF = {
    "accepted": "accepted",
    "duplicate": "duplicates",
    "conflict": "conflicts",
    "recycled": "recycled",
    "rejected": "rejected",
    "late": "late",
    "partial": "partial",
}
KEPT_KINDS = ("rejected", "recycled", "conflict", "partial")
# No record is older than this when it comes first, nor corrected to be; and no time is later.
_OLDEST, _LATEST = timedelta(days=91), datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class UsageFile:
    """A registered file: ``status`` is registered, held, importing, done, rejected, cancelling or
    cancelled.

    ``lines_done`` is where an import resumes; ``stored_as`` the name below the spool
    directory, empty when the content was forgotten by age. The six counts and
    ``partial`` (parts of sessions) add up to ``read``. ``sequence`` is the number the source gave it and ``position``
    the same counted on where the source began anew. ``hold_kind`` (gap, repeated, unnumbered, totals) and
    ``hold_reason`` say why a file is or was held, ``waived`` which kinds a person released it from. ``declared`` and
    ``checked`` are totals as texts by name (records, quantity, charge); ``totals`` what was taken by meter, and the
    charge. ``gap`` are the sequence numbers that had not arrived before it, as texts.
    """

    file_id: str
    name: str
    sha256: str
    profile: str
    status: str
    size_bytes: int
    stored_as: str
    lines_done: int
    registered_at: datetime
    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    recycled: int = 0
    rejected: int = 0
    late: int = 0
    partial: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    sequence: int | None = None
    position: int | None = None
    gap: Sequence[str] = ()
    hold_kind: str = ""
    hold_reason: str = ""
    waived: Sequence[str] = ()
    decided_at: datetime | None = None
    decided_by: str = ""
    decision_reason: str = ""
    declared: Mapping[str, str] = field(default_factory=dict)
    checked: Mapping[str, str] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    charge: Decimal | None = None
    first_start: datetime | None = None
    last_start: datetime | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.status in (DONE, REJECTED, CANCELLED)

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """Between which starts its counted records are; as wide as may be while no start is known, and None when
        nothing of it is counted."""
        if self.first_start is not None and self.last_start is not None:
            return self.first_start, self.last_start
        return (self.registered_at - _OLDEST, _LATEST) if self.accepted + self.late else None


FILE_ORDERS = ("-registered", "name", "read", "rejected")


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files to list; empty means all. ``before`` is the last file of the page before, the newest first.

    ``order`` is one of ``FILE_ORDERS``, with or without ``-`` before it; its pages are counted by ``offset``.
    """

    status: str = ""
    profile: str = ""
    before: str = ""
    limit: int = 100
    order: str = FILE_ORDERS[0]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class FileEffect:
    """What a file counted in one cycle of an account on one meter; ``billed``: that cycle is on an invoice."""

    account_id: str
    cycle_number: int
    billed: bool
    meter: str
    events: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What is known around one position of a profile's numbered files.

    ``floor`` is the highest position that does not wait for another, above or below (None: there is none), ``between``
    the positions there are above it and below the asked one, ``same`` the other file at the position itself.
    """

    floor: int | None
    between: Sequence[int]
    same: UsageFile | None


class UsageFileRegistry(Protocol):
    """The files, and their order within a profile."""

    async def register_file(self, values: Mapping[str, Any]) -> tuple[UsageFile, bool]:
        """The registered file, and False when the same content was registered under this profile before."""
        ...

    async def file(self, file_id: str) -> UsageFile: ...
    async def lock_file(self, file_id: str) -> UsageFile: ...
    async def files(self, wanted: FileFilter) -> Sequence[UsageFile]: ...
    async def effects_of_file(self, file: UsageFile) -> Sequence[FileEffect]:
        """What it counted, by account, cycle and meter."""
        ...

    async def recent_arrivals(self, limit: int) -> Mapping[str, Sequence[datetime]]:
        """By profile, when its latest files were registered, the newest first, at most so many."""
        ...

    async def change_file(self, file_id: str, values: Mapping[str, Any]) -> None: ...
    async def lock_sequence(self, profile: str) -> None:
        """One at a time decides about the order of a profile's files, until its transaction ends."""
        ...

    async def last_position(self, profile: str) -> int | None:
        """The highest position of a profile's numbered files."""
        ...

    async def neighbours(self, profile: str, position: int, file_id: str) -> Neighbours: ...
    async def waiting_for_others(self, profile: str) -> Sequence[UsageFile]:
        """The files held for a gap, in their order."""
        ...

    async def close_issues_of(self, file_id: str, resolution: str, at: datetime) -> None:
        """Resolve what is kept of a file's records."""
        ...

    async def files_to_start(self, before: datetime) -> Sequence[UsageFile]:
        """Files registered before an instant and not begun, and those being cancelled."""
        ...

    async def files_with_content(self, before: datetime) -> Sequence[UsageFile]:
        """Files settled before an instant whose content is still kept, locked, a thousand at most."""
        ...

    async def contents_in_use(self, stored_as: Sequence[str]) -> set[str]:
        """Those of these contents that a file still has."""
        ...

    async def held_files(self, before: datetime) -> Sequence[UsageFile]:
        """Files that have been held since before an instant, the oldest first."""
        ...
