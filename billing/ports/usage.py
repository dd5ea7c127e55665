"""Usage events, counters, the file registry and what could not be taken: the records, and how services reach them.

Quantities are integers in the meter's own units (seconds, bytes, messages); ``amount`` sums the exact amounts of prices
applied per event, in whole units of the plan's currency. Every instant is aware UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CounterRow:
    """Totals of one (service, price, band) in one cycle, with the plan version that guided them."""

    service_id: str
    price_code: str
    band: str
    events: int
    quantity: int
    amount: Decimal
    plan_code: str
    plan_version: int


@dataclass(frozen=True, slots=True)
class LateUsageRow:
    """What one batch added to a cycle that was issued before: priced by that cycle, billed by the next invoice.

    ``invoice_id`` is None until billed. To price a row, rate the cycle's counters together with the late rows billed
    before, with and without the unbilled ones; the difference is the dated line. ``first_started_at`` and
    ``last_started_at`` date it.
    """

    account_id: str
    late_id: str
    cycle_number: int
    service_id: str
    plan_code: str
    plan_version: int
    price_code: str
    band: str
    events: int
    quantity: int
    amount: Decimal
    first_started_at: datetime
    last_started_at: datetime
    received_at: datetime
    invoice_id: str | None = None


@dataclass(frozen=True, slots=True)
class EventDetail:
    """One stored event, for the itemised bill. ``billable_quantity`` is after increments; ``late`` came after issue."""

    service_id: str
    started_at: datetime
    source: str
    record_id: str
    meter: str
    quantity: int
    destination: str
    amount: Decimal | None
    plan_code: str
    plan_version: int
    price_code: str
    band: str
    billable_quantity: int
    counted_amount: Decimal
    late: bool


@dataclass(frozen=True, slots=True)
class NumberOwner:
    """Who owned an identifier in [active_from, active_to), and the plan version of that service."""

    identifier: str
    active_from: datetime
    active_to: datetime | None
    account_id: str
    service_id: str
    plan_code: str
    plan_version: int


@dataclass(frozen=True, slots=True)
class CycleSpan:
    """A cycle's period and whether usage may still join it (``status`` open)."""

    account_id: str
    cycle_number: int
    opens_at: datetime
    closes_at: datetime
    status: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A guided event as it is stored. Unique by (started_at, key_hash, account_id).

    ``key_hash`` is 128 bit of (source, record_id); ``content_hash`` tells a repeat from a conflict.
    ``events`` is what it adds to the counter's number of events (0 for an unanswered call).
    """

    started_at: datetime
    key_hash: UUID
    account_id: str
    service_id: str
    cycle_number: int
    late: bool
    source: str
    record_id: str
    identifier: str
    meter: str
    quantity: int
    destination: str
    amount: Decimal | None
    attributes: Mapping[str, Any]
    content_hash: UUID
    plan_code: str
    plan_version: int
    price_code: str
    band: str
    events: int
    billable_quantity: int
    counted_amount: Decimal

    @property
    def key(self) -> tuple[datetime, UUID, str]:
        """What makes it unique."""
        return self.started_at, self.key_hash, self.account_id


@dataclass(frozen=True, slots=True)
class CounterDelta:
    """What a batch adds to one counter; ``first_started_at`` and ``last_started_at`` span its events."""

    account_id: str
    cycle_number: int
    service_id: str
    plan_code: str
    plan_version: int
    price_code: str
    band: str
    events: int
    quantity: int
    amount: Decimal
    first_started_at: datetime
    last_started_at: datetime

    @property
    def key(self) -> tuple[str, int, str, str, int, str, str]:
        """The counter it belongs to, in the order in which counters are locked."""
        return (
            self.account_id,
            self.cycle_number,
            self.service_id,
            self.plan_code,
            self.plan_version,
            self.price_code,
            self.band,
        )


@dataclass(frozen=True, slots=True)
class Crossing:
    """An allowance that passed a threshold: ``percent`` 80 or 100. ``used`` and ``included`` in the meter's units."""

    account_id: str
    cycle_number: int
    service_id: str
    allowance_code: str
    meter: str
    percent: int
    used: int
    included: int
    crossed_at: datetime


@dataclass(frozen=True, slots=True)
class PendingThreshold:
    """A crossing not yet told to the account's workflow, which ``brand`` and ``number`` name."""

    account_id: str
    outbox_id: str
    brand: str
    number: str
    service_id: str
    meter: str
    percent: int


@dataclass(frozen=True, slots=True)
class NewIssue:
    """A record that could not be taken, kept with what is needed to correct it and send it again.

    ``kind`` is rejected, recycled or conflict; ``event`` the record as decoded (empty when it could not be read);
    ``raw`` the line or JSON as it came; ``dedup_hash`` keeps the same trouble from being kept twice.
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
    """A kept record; ``status`` is open or resolved, ``resolution`` says how it ended."""

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
class UsageFile:
    """A registered file: ``status`` is registered, importing or done; ``lines_done`` is where an import resumes.

    ``stored_as`` is its name below the spool directory. The counts add up to ``read``.
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
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DecodedLine:
    """One line of a file: ``event`` in the shape of the HTTP event, or None with the ``field`` and ``reason``."""

    line_number: int
    raw: str
    event: Mapping[str, Any] | None = None
    field: str = ""
    reason: str = ""


class UsageFormat(Protocol):
    """A declared source profile that reads files line by line, in bounded memory. Never raises for a damaged line."""

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


@dataclass(frozen=True, slots=True)
class IssueFilter:
    """Which kept records to list; empty means all."""

    kind: str = ""
    status: str = "open"
    file_id: str = ""
    identifier: str = ""
    limit: int = 100


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

    async def last_counted_at(self, account_id: str, cycle_number: int) -> datetime | None:
        """When a counter of the cycle last moved, on the business clock."""
        ...


class UsageIntakeStore(Protocol):
    """What one batch of events reads and writes, in one transaction."""

    async def owners(self, identifiers: Sequence[str]) -> Sequence[NumberOwner]: ...
    async def lock_cycles(self, account_ids: Sequence[str], first: datetime, last: datetime) -> Sequence[CycleSpan]:
        """The cycles touching [first, last], locked in order: one writer per cycle at a time, and none while issuing."""
        ...

    async def ensure_days(self, days: Sequence[date]) -> None:
        """Create the daily partitions (UTC days) that are missing; call it in a transaction of its own."""
        ...

    async def add_events(self, events: Sequence[StoredEvent], file_id: str | None, received_at: datetime) -> set[int]:
        """Store what is new; answers the places of the stored ones. Keys must differ within the call."""
        ...

    async def stored_contents(self, keys: Sequence[tuple[datetime, UUID, str]]) -> Mapping[tuple[datetime, UUID], UUID]:
        """The content hash of stored events by (started_at, key_hash)."""
        ...

    async def add_counts(self, deltas: Sequence[CounterDelta], at: datetime) -> None: ...
    async def add_late(self, deltas: Sequence[CounterDelta], at: datetime) -> None: ...
    async def counters_in(self, cycles: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Sequence[CounterRow]]:
        """Counters by (account_id, cycle_number)."""
        ...

    async def add_crossings(self, crossings: Sequence[Crossing]) -> int:
        """Write the crossings not seen before to the outbox; answers how many were new."""
        ...

    async def pending_thresholds(self, limit: int = 500) -> Sequence[PendingThreshold]: ...
    async def mark_sent(self, account_id: str, outbox_id: str, at: datetime) -> None: ...


class UsageKeeping(Protocol):
    """The file registry and the records that wait for somebody."""

    async def register_file(self, values: Mapping[str, Any]) -> tuple[UsageFile, bool]:
        """The registered file, and False when the same content was registered under this profile before."""
        ...

    async def file(self, file_id: str) -> UsageFile: ...
    async def lock_file(self, file_id: str) -> UsageFile: ...
    async def files(self, limit: int = 100) -> Sequence[UsageFile]: ...
    async def change_file(self, file_id: str, values: Mapping[str, Any]) -> None: ...
    async def add_issues(self, issues: Sequence[NewIssue]) -> None:
        """Keep them; one that is open already is not kept twice."""
        ...

    async def issues(self, wanted: IssueFilter) -> Sequence[UsageIssue]: ...
    async def lock_issue(self, issue_id: str) -> UsageIssue: ...
    async def lock_recycled(self, identifier: str = "", after: str = "", limit: int = 500) -> Sequence[UsageIssue]:
        """Open recycled records by identity after ``after``, skipping those another transaction works on."""
        ...

    async def change_issue(self, issue_id: str, values: Mapping[str, Any]) -> None: ...


class UsageRepository(UsageReading, UsageIntakeStore, UsageKeeping, Protocol):
    """Usage events, counters, the file registry and what could not be taken."""
