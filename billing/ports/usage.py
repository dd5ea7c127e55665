"""Usage events, counters, the file registry and what could not be taken: the records, and how services reach them.

Counted usage is in usage_records, what a batch writes in usage_intake; every instant is aware UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from billing.ports.balance import BalanceFacts
from billing.ports.usage_archive import UsageArchiveStore
from billing.ports.usage_columns import RecordColumns
from billing.ports.usage_corrections import UsageCorrecting
from billing.ports.usage_files import UsageFile, UsageFileRegistry
from billing.ports.usage_intake import UsageCountingStore, UsageIntakeStore
from billing.ports.usage_lookup import UsageLookup
from billing.ports.usage_profiles import DeclaredTotals, FileTotals, OpenSession, SessionPart, SourceProfile
from billing.ports.usage_records import CounterRow, EventDetail, LateUsageRow
from billing.ports.usage_resent import UsageResentStore
from billing.ports.usage_sessions import UsageSessionStore
from billing.ports.usage_streams import UsageStreamStore
from billing.ports.usage_waiting import UsageWaiting

# A chunk of a file ends at about so many bytes or characters, however few lines they are.
LARGEST_CHUNK = 16 * 2**20


@dataclass(frozen=True, slots=True)
class NewIssue:
    """A record that could not be taken, kept with what is needed to correct it and send it again.

    ``kind`` is rejected, recycled, conflict or partial (a session that lacks parts); ``event`` the record as decoded
    (empty when it could not be read); ``raw`` the line or JSON as it came; ``dedup_hash`` keeps the same trouble from
    being kept twice, but once for each line of each file that brought it.
    """

    kind: str
    source: str
    record_id: str
    identifier: str
    event: Mapping[str, Any]
    raw: str
    field: str
    reason: str
    dedup_hash: UUID
    created_at: datetime
    file_id: str | None = None
    line_number: int | None = None


@dataclass(frozen=True, slots=True)
class UsageIssue:
    """A kept record; ``status`` is open, resolved or dismissed, ``resolution`` says how it ended, by whom and why."""

    issue_id: str
    kind: str
    status: str
    source: str
    record_id: str
    identifier: str
    event: Mapping[str, Any]
    raw: str
    field: str
    reason: str
    created_at: datetime
    file_id: str | None = None
    line_number: int | None = None
    resolved_at: datetime | None = None
    resolution: str = ""


@dataclass(frozen=True, slots=True)
class DecodedLine:
    """One record of a file: ``event`` in the shape of the HTTP event, or None with the ``field`` and ``reason``.

    ``line_number`` (for a binary format the number of the record) always grows. A record that tells only a part of a
    usage has ``part`` instead of ``event`` and no reason.
    """

    line_number: int
    raw: str
    event: Mapping[str, Any] | None = None
    field: str = ""
    reason: str = ""
    part: SessionPart | None = None


@dataclass(slots=True)
class DecodedChunk:
    """Some lines of a file, each by its place: ``plain`` ones checked and in columns already, ``unusual`` ones as they
    were decoded. ``raw`` is every line's text, ``line_numbers`` their numbers."""

    size: int
    raw: Sequence[str]
    line_numbers: Sequence[int]
    plain: RecordColumns = field(default_factory=RecordColumns)
    unusual: Mapping[int, DecodedLine] = field(default_factory=dict)

    def after(self, line_number: int) -> DecodedChunk:
        """The lines after this number."""
        left_out = sum(number <= line_number for number in self.line_numbers)
        plain = self.plain.at([index for index, place in enumerate(self.plain.places) if place >= left_out])
        plain.places = [place - left_out for place in plain.places]
        unusual = {place - left_out: line for place, line in self.unusual.items() if place >= left_out}
        return DecodedChunk(self.size - left_out, self.raw[left_out:], self.line_numbers[left_out:], plain, unusual)


def chunks_of_lines(lines: Iterator[DecodedLine], size: int, most_text: int = LARGEST_CHUNK) -> Iterator[DecodedChunk]:
    """Single lines by ``size``, each to be looked at on its own; by fewer where they are long, so that a chunk ends at
    about ``most_text`` characters."""
    while some := _some_of(lines, size, most_text):
        raw, numbers = [line.raw for line in some], [line.line_number for line in some]
        yield DecodedChunk(len(some), raw, numbers, unusual=dict(enumerate(some)))


def _some_of(lines: Iterator[DecodedLine], size: int, most_text: int) -> list[DecodedLine]:
    some, text = list[DecodedLine](), 0
    for line in islice(lines, size):
        some.append(line)
        text += len(line.raw)
        if text >= most_text:
            break
    return some


class UsageFormat(Protocol):
    """A declared source profile that reads files line by line, in bounded memory. Never raises for a damaged line."""

    @property
    def profile(self) -> SourceProfile: ...
    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        """The lines after ``after_line`` (1 is the first line of the file); headers, comments, empty lines left out."""
        ...

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        """One corrected line, with the file's header line where the profile has one."""
        ...

    def header_of(self, path: Path) -> str:
        """The line of a file that names its columns, for ``decode_line``; empty where none does."""
        ...

    def declared_totals(self, path: Path) -> DeclaredTotals | None:
        """What the file says it holds; None when the source declares no totals, or when the file lacks them."""
        ...

    def counted_totals(self, path: Path) -> FileTotals:
        """What the file really holds, in the same terms as ``declared_totals`` and None where that says nothing.

        Reads the whole file; a damaged record counts as a record and adds nothing to the sums.
        """
        ...

    def combine(self, parts: Sequence[SessionPart]) -> Mapping[str, Any] | None:
        """The event of one session from all its parts known so far, in any order; None while it is not complete.

        Must not depend on the order in which parts are given.
        """
        ...

    def describe_open(self, parts: Sequence[SessionPart]) -> OpenSession:
        """What is known of a session that is not complete, and what it lacks."""
        ...


@runtime_checkable
class ChunkedFormat(Protocol):
    """A format that reads many lines at once, several times faster; what is not plain it leaves to ``decode``'s way."""

    def decode_chunks(self, path: Path, after_line: int, size: int) -> Iterator[DecodedChunk]:
        """The lines after ``after_line`` by about ``size``, as ``decode`` would read each of them."""
        ...


ISSUE_ORDERS = ("kept", "line", "kind", "field", "record")


@dataclass(frozen=True, slots=True)
class IssueFilter:
    """Which kept records to list; empty means all. ``after`` is the last one of the page before, the oldest first.

    ``order`` is one of ``ISSUE_ORDERS``, with or without ``-`` before it; its pages are counted by ``offset``.
    """

    kind: str = ""
    status: str = "open"
    file_id: str = ""
    identifier: str = ""
    source: str = ""
    record_id: str = ""
    field: str = ""
    after: str = ""
    limit: int = 100
    order: str = "kept"
    offset: int = 0


@dataclass(frozen=True, slots=True)
class IssueSelection:
    """Which open kept records to work on at once: those that agree with all that is said, or those that are named.

    ``field`` is what was wrong with them; ``created_from`` and ``created_before`` bound when they were kept.
    """

    kind: str = ""
    file_id: str = ""
    identifier: str = ""
    source: str = ""
    field: str = ""
    created_from: datetime | None = None
    created_before: datetime | None = None
    issue_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SelectedIssues:
    """``matched`` is how many there are, ``issue_ids`` the first of them, oldest identity first."""

    matched: int
    issue_ids: Sequence[str]


class UsageReading(Protocol):
    """What invoicing, the balance and the console read."""

    async def counters_of(self, account_id: str, cycle_number: int) -> Sequence[CounterRow]:
        """The counters of a cycle, sorted by service, plan version, price and band. Exact at acknowledgement."""
        ...

    async def unbilled_late_usage(self, account_id: str) -> Sequence[LateUsageRow]:
        """Late usage on no invoice yet, oldest cycle first; locked until the transaction ends."""
        ...

    async def late_usage_of(self, account_id: str, cycle_number: int) -> Sequence[LateUsageRow]:
        """All late usage of one cycle, billed or not: what its later prices build on."""
        ...

    async def mark_late_billed(self, account_id: str, late_ids: Sequence[str], invoice_id: str) -> int:
        """Put late rows on an invoice; answers how many. A row that is on an invoice already stays there."""
        ...

    async def event_details(
        self, account_id: str, cycle_number: int, service_id: str, limit: int = 10_000
    ) -> Sequence[EventDetail]:
        """The stored events of a service in a cycle by start, late ones included and marked."""
        ...

    async def balance_facts(self, account_id: str, now: datetime) -> BalanceFacts | None:
        """What the balance of this moment is computed from; None for an unknown account."""
        ...

    async def balance_marks(self, account_ids: Sequence[str], now: datetime) -> Mapping[str, str]:
        """By account, a short text that changes when the balance of the running cycle does."""
        ...


class UsageKeeping(Protocol):
    """The records that wait for somebody."""

    async def add_issues(self, issues: Sequence[NewIssue]) -> None:
        """Keep them; one that is open already is not kept twice."""
        ...

    async def issues(self, wanted: IssueFilter) -> Sequence[UsageIssue]: ...
    async def lock_issue(self, issue_id: str) -> UsageIssue: ...
    async def lock_recycled(self, identifier: str = "", after: str = "", limit: int = 500) -> Sequence[UsageIssue]:
        """Open recycled records by identity after ``after``, skipping those another transaction works on."""
        ...

    async def change_issue(self, issue_id: str, values: Mapping[str, Any]) -> None: ...
    async def change_issues(self, issue_ids: Sequence[str], values: Mapping[str, Any]) -> None: ...
    async def reopen_issue(self, issue_id: str, values: Mapping[str, Any]) -> bool:
        """Let a dismissed record wait again; False, and nothing changed, when the same trouble is open already."""
        ...

    async def select_issues(self, wanted: IssueSelection, limit: int) -> SelectedIssues:
        """Open records that agree, or the named ones there are, in whatever state; nothing is locked."""
        ...

    async def open_issues(self, issue_ids: Sequence[str], *, lock: bool = False) -> Sequence[UsageIssue]:
        """Open ones among these by identity; with ``lock`` without those another transaction works on."""
        ...

    async def dismissed_of(self, file_id: str) -> Mapping[str, int]:
        """How many kept records of a file were dismissed, by kind."""
        ...


class UsageRepository(
    UsageArchiveStore,
    UsageCorrecting,
    UsageResentStore,
    UsageReading,
    UsageLookup,
    UsageIntakeStore,
    UsageCountingStore,
    UsageFileRegistry,
    UsageKeeping,
    UsageSessionStore,
    UsageStreamStore,
    UsageWaiting,
    Protocol,
):
    """Usage events, counters, the file registry and what could not be taken."""


__all__ = [
    "ChunkedFormat",
    "CounterRow",
    "DecodedChunk",
    "DecodedLine",
    "EventDetail",
    "IssueFilter",
    "IssueSelection",
    "LateUsageRow",
    "NewIssue",
    "SelectedIssues",
    "UsageFile",
    "UsageFormat",
    "UsageIssue",
    "UsageKeeping",
    "UsageReading",
    "UsageRepository",
]
