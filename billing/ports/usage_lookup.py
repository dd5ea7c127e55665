"""Looking up stored events, and what is known of one record: reading only, bounded in days, rows and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

EventPlace = tuple[datetime, UUID, str, int]


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """One row of the stored events; of an event that time bands split one part. The raw quantity is on part 0."""

    started_at: datetime
    key_hash: UUID
    account_id: str
    part: int
    service_id: str
    cycle_number: int
    late: bool
    source: str
    record_id: str
    identifier: str
    meter: str
    quantity: int
    destination: str
    visited: str
    traffic_class: str
    amount: Decimal | None
    attributes: Mapping[str, Any]
    plan_code: str
    plan_version: int
    price_code: str
    band: str
    events: int
    billable_quantity: int
    counted_amount: Decimal
    received_at: datetime
    file_id: str | None

    @property
    def place(self) -> EventPlace:
        """Where it stands in the order of the stored events."""
        return self.started_at, self.key_hash, self.account_id, self.part


@dataclass(frozen=True, slots=True)
class FoundCorrection:
    """A row that was taken back or guided anew: ``kind`` is cancelled, moved, rerated or resent, ``event`` the row as
    it was, ``became`` what it is now (empty when it is gone)."""

    account_id: str
    kind: str
    reason: str
    author: str
    at: datetime
    started_at: datetime
    part: int
    cycle_number: int
    event: Mapping[str, Any]
    became: str
    file_id: str | None


@dataclass(frozen=True, slots=True)
class EventSearch:
    """Events that meet everything given, with a start in [first, last); ``after`` is the last one of the page
    before."""

    first: datetime
    last: datetime
    account_id: str = ""
    identifier: str = ""
    file_id: str = ""
    after: EventPlace | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class RecordSearch:
    """One record by its key, with a start in [first, last)."""

    source: str
    record_id: str
    key_hash: UUID
    first: datetime
    last: datetime


class UsageLookup(Protocol):
    """What a clerk looks up. Raises UnableTo when a search would take longer than anybody waits."""

    async def find_events(self, wanted: EventSearch) -> Sequence[FoundEvent]:
        """Rows by start, key, account and part."""
        ...

    async def events_of_record(self, wanted: RecordSearch) -> Sequence[FoundEvent]:
        """All parts on all its starts, in the same order."""
        ...

    async def corrections_of_record(self, wanted: RecordSearch) -> Sequence[FoundCorrection]:
        """Oldest first, at most 1,000."""
        ...
