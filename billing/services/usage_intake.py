"""Taking a batch: guide, deduplicate, store, count and find crossed thresholds, in the caller's one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from billing.ports.accounts import TimelineEntry
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_intake import CounterDelta, CycleSpan, NumberOwner, StoredEvent
from billing.services.usage_guiding import Directory, Guiding, Waiting, deltas, spellings
from billing.services.usage_plans import PlanShelf
from billing.services.usage_records import RETENTION, Malformed, UsageRecord, read_record
from billing.services.usage_thresholds import write_crossings

LONGEST_RAW = 4000
EventKey = tuple[datetime, UUID, str]


class Outcome(StrEnum):
    """What became of one record."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # the same record again: nothing changed
    CONFLICT = "conflict"  # the same key with other content: kept aside
    RECYCLED = "recycled"  # unknown number or no price: kept, guided again later
    REJECTED = "rejected"  # malformed: kept with field and reason
    LATE = "late"  # its cycle was issued: priced by that cycle, on the next invoice


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it came: ``event`` in the HTTP shape, or None with the decoder's ``field`` and ``reason``."""

    event: Mapping[str, Any] | None
    raw: str = ""
    line_number: int | None = None
    field: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The answer for one record, by its ``place`` in the batch; empty fields do not apply to the outcome."""

    place: int
    outcome: Outcome
    record_id: str = ""
    field: str = ""
    value: str = ""
    reason: str = ""
    event: StoredEvent | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """One result per entry, in order, and the accounts that crossed a threshold, to be told after the commit."""

    results: Sequence[RecordResult]
    crossed_accounts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """Entries with what was read from each."""

    entries: Sequence[Entry]
    records: Sequence[UsageRecord | Malformed]

    @property
    def readable(self) -> list[UsageRecord]:
        return [record for record in self.records if isinstance(record, UsageRecord)]


def read_batch(entries: Sequence[Entry], now: datetime | None) -> ReadBatch:
    """Check every entry on its own; one bad record never spoils the others."""
    return ReadBatch(entries, [_read_entry(entry, now) for entry in entries])


def _read_entry(entry: Entry, now: datetime | None) -> UsageRecord | Malformed:
    if entry.event is None:
        return Malformed(entry.field, "", entry.reason)
    return read_record(entry.event, now)


@dataclass(frozen=True, slots=True)
class _Guided:
    """What guiding found, by place in the batch, and the locked cycles."""

    by_place: Mapping[int, StoredEvent | Waiting]
    cycles: Sequence[CycleSpan] = ()

    def events(self) -> dict[EventKey, tuple[int, StoredEvent]]:
        """The first event of each key, with its place."""
        first: dict[EventKey, tuple[int, StoredEvent]] = {}
        for place, event in self.by_place.items():
            if isinstance(event, StoredEvent):
                first.setdefault(event.key, (place, event))
        return first


@dataclass(frozen=True, slots=True)
class _Stored:
    """Places whose event is new, and the content stored under each key."""

    places: set[int]
    contents: Mapping[tuple[datetime, UUID], UUID]


class UsageIntake:
    """The one path of every record."""

    def __init__(self, make_work: UnitOfWorkFactory) -> None:
        self.shelf = PlanShelf()
        self._make_work = make_work
        self._known_days: set[date] = set()

    async def prepare(self, batch: ReadBatch, now: datetime) -> None:
        """Make the partitions a batch needs, in a transaction of their own."""
        # Days beyond the retention may have been dropped by another process since.
        self._known_days = {day for day in self._known_days if day >= (now - RETENTION).date()}
        days = {record.started_at.astimezone(UTC).date() for record in batch.readable} - self._known_days
        if days:
            async with self._make_work() as work:
                await work.usage.ensure_days(sorted(days))
                await work.commit()
            self._known_days |= days

    async def store(self, work: UnitOfWork, batch: ReadBatch, now: datetime, file_id: str | None = None) -> Taken:
        """Guide, deduplicate, store and count; the caller commits."""
        guided = await self._guide(work, batch)
        stored = await self._store_new(work, guided, now, file_id)
        results = [
            _result(place, record, guided.by_place.get(place), stored) for place, record in enumerate(batch.records)
        ]
        fresh = [result.event for result in results if result.event and result.outcome in _COUNTED]
        return Taken(results, await self._count(work, fresh, guided.cycles, now))

    async def _guide(self, work: UnitOfWork, batch: ReadBatch) -> _Guided:
        readable = batch.readable
        identifiers = {spelling for record in readable for spelling in spellings(record.identifier)}
        owners = await work.usage.owners(sorted(identifiers)) if identifiers else ()
        cycles = await self._lock_cycles(work, owners, readable) if owners else ()
        plans = await self.shelf.get(work, {(owner.plan_code, owner.plan_version) for owner in owners})
        guiding = Guiding(Directory(owners), cycles, plans)
        records = enumerate(batch.records)
        guided = {place: guiding.guide(record) for place, record in records if isinstance(record, UsageRecord)}
        return _Guided(guided, cycles)

    async def _lock_cycles(
        self, work: UnitOfWork, owners: Sequence[NumberOwner], records: Sequence[UsageRecord]
    ) -> Sequence[CycleSpan]:
        starts = [record.started_at for record in records]
        return await work.usage.lock_cycles(sorted({owner.account_id for owner in owners}), min(starts), max(starts))

    async def _store_new(self, work: UnitOfWork, guided: _Guided, now: datetime, file_id: str | None) -> _Stored:
        """Insert each key once; what was there already is looked up to tell a repeat from a conflict."""
        candidates = list(guided.events().values())
        added = await work.usage.add_events([event for _, event in candidates], file_id, now)
        known = [event.key for number, (_, event) in enumerate(candidates) if number not in added]
        contents = dict(await work.usage.stored_contents(known))
        for number in added:
            event = candidates[number][1]
            contents[event.started_at, event.key_hash] = event.content_hash
        return _Stored({candidates[number][0] for number in added}, contents)

    async def _count(
        self, work: UnitOfWork, events: Sequence[StoredEvent], cycles: Sequence[CycleSpan], now: datetime
    ) -> list[str]:
        on_time = deltas(event for event in events if not event.late)
        late = deltas(event for event in events if event.late)
        await work.usage.add_counts(on_time, now)
        await work.usage.add_late(late, now)
        touched = {(delta.account_id, delta.cycle_number) for delta in on_time}
        spans = [cycle for cycle in cycles if (cycle.account_id, cycle.cycle_number) in touched]
        crossings = await write_crossings(work, self.shelf, spans, now)
        for delta in late:
            await work.timeline.add(_late_entry(delta, now))
        return sorted({crossing.account_id for crossing in crossings})


_COUNTED = (Outcome.ACCEPTED, Outcome.LATE)


def _result(
    place: int, record: UsageRecord | Malformed, guided: StoredEvent | Waiting | None, stored: _Stored
) -> RecordResult:
    if isinstance(record, Malformed):
        return RecordResult(place, Outcome.REJECTED, "", record.field, record.value, record.reason)
    if not isinstance(guided, StoredEvent):
        waiting = guided or Waiting("", "", "")
        return RecordResult(place, Outcome.RECYCLED, record.record_id, waiting.field, waiting.value, waiting.reason)
    if place in stored.places:
        outcome = Outcome.LATE if guided.late else Outcome.ACCEPTED
        return RecordResult(place, outcome, record.record_id, event=guided)
    if stored.contents.get((guided.started_at, guided.key_hash)) == guided.content_hash:
        return RecordResult(place, Outcome.DUPLICATE, record.record_id, event=guided)
    reason = f"{record.source} sent another record under this record_id and start before."
    return RecordResult(place, Outcome.CONFLICT, record.record_id, "record_id", record.record_id, reason, guided)


def _late_entry(delta: CounterDelta, now: datetime) -> TimelineEntry:
    return TimelineEntry(
        account_id=delta.account_id,
        at=now,
        kind="usage.late",
        summary=f"Usage of cycle {delta.cycle_number} came after its invoice; it goes on the next one",
        reason={
            "rule": "a cycle takes usage until it is issued",
            "cycle_number": delta.cycle_number,
            "service_id": delta.service_id,
            "price_code": delta.price_code,
            "events": delta.events,
            "quantity": delta.quantity,
        },
    )
