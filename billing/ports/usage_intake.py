"""What one batch of usage events reads and writes, in one transaction, and how counts reach their counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from billing.ports.usage_columns import CounterKey, Counts, EventColumns, LateCounts, OwnedCycle, RecordColumns
from billing.ports.usage_records import CounterRow

# The file that a batch came from: one for all its records, or one for each place.
FileOf = str | Sequence[str | None] | None


@dataclass(frozen=True, slots=True)
class RecordContent:
    """What tells a repeat from a conflict: everything of a record but its source, record_id and start."""

    identifier: str
    meter: str
    quantity: int
    destination: str
    visited: str
    traffic_class: str
    amount: Decimal | None
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CycleSpan:
    """A cycle's period, its ``status``, and the time zone whose days it counts."""

    account_id: str
    cycle_number: int
    opens_at: datetime
    closes_at: datetime
    status: str
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Crossing:
    """An allowance, or a limit, that passed a threshold. ``used`` and ``included`` in the meter's units.

    A limit is named by ``limit_key`` (billing.domain.limits) and has no ``allowance_code``; with ``currency`` it is an
    amount, and ``used`` and ``included`` are in minor units. ``service_id`` is None for a limit of the whole account.
    ``notice`` is what to tell the customer of it, ``stops`` that usage must be stopped. One with ``told_at`` is kept
    and not told.
    """

    account_id: str
    cycle_number: int
    service_id: str | None
    allowance_code: str
    meter: str
    percent: int
    used: int
    included: int
    crossed_at: datetime
    limit_key: str = ""
    notice: str = ""
    currency: str = ""
    stops: bool = False
    told_at: datetime | None = None

    @property
    def key(self) -> tuple[str, int, str | None, str, str, int]:
        """What is told only once."""
        return (
            self.account_id,
            self.cycle_number,
            self.service_id,
            self.allowance_code,
            self.limit_key,
            self.percent,
        )


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A service of an account at one plan version in [active_from, active_to); None: for as long as it lives."""

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
    service_id: str | None
    meter: str
    percent: int
    cycle_number: int
    used: int
    limit_key: str = ""
    notice: str = ""
    currency: str = ""
    stops: bool = False


class UsageIntakeStore(Protocol):
    """What one batch of events reads and writes, in one transaction."""

    async def begin_intake(self) -> None:
        """Make this transaction one that ``wait_for_intake`` waits for. Comes before anything is read."""
        ...

    async def wait_for_intake(self) -> None:
        """Wait until every intake that was under way when this was called has ended."""
        ...

    async def owned_cycles(
        self, identifiers: Sequence[str], first: datetime, last: datetime, *, every: bool = False
    ) -> Sequence[OwnedCycle]:
        """Who owned these numbers (directory spelling) between two instants, with the account's oldest open cycle; or
        with ``every`` cycle that touches them.

        Also who owned them within 91 days around: records may have been taken for those before a number moved.
        """
        ...

    async def ensure_days(self, days: Sequence[date]) -> None:
        """Create the daily partitions (UTC days) that are missing; call it in a transaction of its own."""
        ...

    async def index_days_before(self, day: date) -> int:
        """Give whole days before ``day`` their index by service; answers how many had none."""
        ...

    async def add_events(
        self, records: RecordColumns, events: EventColumns, file_id: FileOf, received_at: datetime
    ) -> Mapping[int, RecordContent]:
        """Store what is new; answers what is stored already under the keys of the others, by index of the record.

        Keys must differ within the call.
        """
        ...

    async def stored_anywhere(
        self, records: RecordColumns, indexes: Sequence[int]
    ) -> Sequence[tuple[int, RecordContent]]:
        """What is stored under the starts and keys of these records, whichever account it was taken for; by index of
        the record. At least one index."""
        ...

    async def add_pending(self, counts: Mapping[CounterKey, Counts], at: datetime) -> None:
        """Append what is to be counted; every reader of counters sees it at once."""
        ...

    async def add_late(self, late: Mapping[CounterKey, LateCounts], at: datetime, correction: str = "") -> None:
        """Append what an issued cycle has to be rated with as well; ``correction`` is the kind of a change of events,
        which may count down."""
        ...

    async def service_plans(self, account_ids: Sequence[str]) -> Sequence[ServicePlan]:
        """All services of these accounts with every plan they had or will have, in order of service and start.

        An allowance may be shared by a service that was not used.
        """
        ...

    async def add_crossings(self, crossings: Sequence[Crossing]) -> Sequence[Crossing]:
        """Write the crossings not seen before to the outbox; answers those."""
        ...

    async def pending_thresholds(self, account_ids: Sequence[str] = (), limit: int = 500) -> Sequence[PendingThreshold]:
        """Crossings not told yet, oldest first; of some accounts, or of all."""
        ...

    async def mark_sent(self, account_id: str, outbox_id: str, at: datetime) -> None: ...


class UsageCountingStore(Protocol):
    """How what was appended is added to its counters."""

    async def fold_pending(
        self, account_ids: Sequence[str] | None, limit: int
    ) -> tuple[int, Sequence[tuple[str, int]]]:
        """Add pending counts to their counters, of some accounts or (None) of all, ``limit`` rows at most.

        Answers how many rows were added, and the (account_id, cycle_number) whose thresholds have to be looked at.
        """
        ...

    async def due_cycles(self) -> Sequence[tuple[str, int]]:
        """Every open cycle whose thresholds have to be looked at; reads all counters."""
        ...

    async def lock_cycles(self, keys: Sequence[tuple[str, int]]) -> Sequence[CycleSpan]:
        """These cycles, locked in order: thresholds of a cycle are looked at by one transaction at a time."""
        ...

    async def counters_in(self, cycles: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Sequence[CounterRow]]:
        """Counters with what is pending, by (account_id, cycle_number)."""
        ...

    async def watch_again(self, account_id: str, from_cycle: int) -> None:
        """Look at every threshold of the account at the next count, from this cycle on: its limits changed."""
        ...

    async def watch(self, quantities: Mapping[tuple[str, int], Mapping[tuple[str, str, int, str, str], int]]) -> None:
        """Set from which quantity a counter's thresholds are looked at, by cycle and by (service_id, plan_code,
        plan_version, price_code, band)."""
        ...
