"""Stored events that are taken back or guided anew, and what is kept of each change. Identities are bare integers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from billing.ports.usage_columns import CounterKey

CANCELLED, MOVED, RERATED, RESENT = "cancelled", "moved", "rerated", "resent"

# What makes an event one among all: its start, the hash of its source and record_id, its account.
EventKey = tuple[datetime, UUID, int]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One row of the stored events, as it was guided and counted; of a split event one part."""

    started_at: datetime
    key_hash: UUID
    account_id: int
    part: int
    service_id: int
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
    file_id: int | None

    @property
    def key(self) -> EventKey:
        """Of all parts of an event the same."""
        return self.started_at, self.key_hash, self.account_id

    @property
    def counter(self) -> CounterKey:
        """What it was counted on."""
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
class Change:
    """Why events are changed: ``kind`` is cancelled, moved, rerated or resent."""

    kind: str
    reason: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EventsOf:
    """Which events: those that meet everything given, with a start in [first, last].

    ``identifiers`` as the records spell them; ``records`` are keys of records, as 32 hexadecimal digits.
    """

    first: datetime
    last: datetime
    file_id: str = ""
    identifiers: Sequence[str] = ()
    plan: tuple[str, int] | None = None
    accounts: Sequence[str] = ()
    services: Sequence[str] = ()
    records: Sequence[str] = ()


class UsageCorrecting(Protocol):
    """Changing what is stored; each call within a transaction that began an intake, so that issuing waits for it."""

    async def take_out(self, wanted: EventsOf, limit: int) -> Sequence[StoredEvent]:
        """Remove up to ``limit`` whole events and answer their rows; none: there are no more."""
        ...

    async def lock_events(self, wanted: EventsOf, limit: int, after: EventKey | None = None) -> Sequence[StoredEvent]:
        """The rows of up to ``limit`` whole events in order of their keys, locked; those after a key."""
        ...

    async def has_events(self, wanted: EventsOf) -> bool:
        """Whether there are any, as the last commit left it."""
        ...

    async def lock_these(self, keys: Sequence[EventKey]) -> Sequence[StoredEvent]:
        """The rows of these events in order of their keys, locked; those that are not stored any more left out."""
        ...

    async def remove_events(self, keys: Sequence[EventKey]) -> None:
        """Remove whole events."""
        ...

    async def put_back(self, rows: Sequence[StoredEvent]) -> set[EventKey]:
        """Store events; answers the keys of those that were not there already."""
        ...

    async def closed_cycles(self, cycles: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
        """Those of these (account, cycle number) whose usage is late now."""
        ...

    async def remember(self, events: Sequence[StoredEvent], change: Change, kept_as: Sequence[str] = ()) -> None:
        """Write down what was changed; ``kept_as`` says what became of each."""
        ...
