"""What one batch of usage events reads and writes, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from billing.ports.usage_records import CounterRow


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

    @property
    def key(self) -> tuple[str, int, str, str, int]:
        """What is told only once."""
        return self.account_id, self.cycle_number, self.service_id, self.allowance_code, self.percent


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A service of an account and its plan version."""

    account_id: str
    service_id: str
    plan_code: str
    plan_version: int
    active_from: datetime
    active_to: datetime | None


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


class UsageIntakeStore(Protocol):
    """What one batch of events reads and writes, in one transaction."""

    async def owners(self, identifiers: Sequence[str]) -> Sequence[NumberOwner]: ...
    async def lock_cycles(self, account_ids: Sequence[str], first: datetime, last: datetime) -> Sequence[CycleSpan]:
        """The cycles touching [first, last], locked in order: one writer per cycle, and none while it is issued."""
        ...

    async def ensure_days(self, days: Sequence[date]) -> None:
        """Create the daily partitions (UTC days) that are missing; call it in a transaction of its own."""
        ...

    async def drop_days_before(self, day: date) -> int:
        """Drop the partitions of whole UTC days before ``day``; answers how many. Counters stay."""
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

    async def service_plans(self, account_ids: Sequence[str]) -> Sequence[ServicePlan]:
        """All services of these accounts: an allowance may be shared by a service that was not used."""
        ...

    async def add_crossings(self, crossings: Sequence[Crossing]) -> Sequence[Crossing]:
        """Write the crossings not seen before to the outbox; answers those."""
        ...

    async def pending_thresholds(self, account_ids: Sequence[str] = (), limit: int = 500) -> Sequence[PendingThreshold]:
        """Crossings not told yet, oldest first; of some accounts, or of all."""
        ...

    async def mark_sent(self, account_id: str, outbox_id: str, at: datetime) -> None: ...
