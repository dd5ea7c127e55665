"""Taking a batch: guide, deduplicate, store and count, in the caller's one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum

import msgspec

from billing.domain import identity
from billing.domain.numbers import directory_spelling
from billing.domain.rating import PlanDefinition
from billing.ports.accounts import TimelineEntry
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_columns import CounterKey, EventColumns, LateCounts, RecordColumns
from billing.ports.usage_intake import FileOf, RecordContent
from billing.services.usage_batch import ReadBatch
from billing.services.usage_guiding import NO_CYCLE, GuidedBatch, Guiding, PlanKey, Waiting, counts_of, late_counts_of
from billing.services.usage_plans import PlanShelf
from billing.services.usage_records import RETENTION
from billing.services.usage_repeats import content_of, repeats_within, taken_before, without


class Outcome(StrEnum):
    """What became of one record."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # the same record again: nothing changed
    CONFLICT = "conflict"  # the same key with other content: kept aside
    RECYCLED = "recycled"  # unknown number or no price: kept, guided again later
    REJECTED = "rejected"  # malformed: kept with field and reason
    LATE = "late"  # its cycle was issued: priced by that cycle, on the next invoice
    PARTIAL = "partial"  # a part of a session: kept until the others come


class GuidedEvent(msgspec.Struct, frozen=True):
    """Where a record was counted. Of a call that time bands split: price and band of its first part, and the billable
    quantity of all.
    """

    account_id: str
    service_id: str
    cycle_number: int
    plan_code: str
    plan_version: int
    price_code: str
    band: str
    billable_quantity: int
    late: bool


class RecordResult(msgspec.Struct, frozen=True):
    """The answer for one record, by its ``place`` in the batch; empty fields do not apply to the outcome."""

    place: int
    outcome: Outcome
    record_id: str = ""
    field: str = ""
    value: str = ""
    reason: str = ""
    event: GuidedEvent | None = None


@dataclass(slots=True)
class Taken:
    """What became of a batch: ``outcomes`` and, where there is one, ``trouble`` (a result with its reason) by place.

    ``accounts`` are those whose counters moved.
    """

    batch: ReadBatch
    events: EventColumns
    outcomes: list[Outcome]
    trouble: dict[int, RecordResult] = field(default_factory=dict)
    accounts: Sequence[str] = ()

    def results(self) -> list[RecordResult]:
        """One result per record, in order."""
        columns = self.batch.columns
        rows = {record: row for row, record in reversed(list(enumerate(self.events.record)))}
        index_of = {place: index for index, place in enumerate(columns.places)}
        return [
            self.trouble.get(place) or self._plain(place, outcome, index_of.get(place), rows)
            for place, outcome in enumerate(self.outcomes)
        ]

    def _plain(self, place: int, outcome: Outcome, index: int | None, rows: Mapping[int, int]) -> RecordResult:
        if index is None:
            return RecordResult(place, outcome)
        row = rows.get(index)
        event = None if row is None else guided_event(self.events, row)
        return RecordResult(place, outcome, self.batch.columns.record_id[index], event=event)


def guided_event(events: EventColumns, row: int) -> GuidedEvent:
    """The event whose first part is in this row, as it is answered."""
    record, billable, part = events.record[row], events.billable_quantity[row], row + 1
    while part < len(events.record) and events.record[part] == record:
        billable += events.billable_quantity[part]
        part += 1
    return GuidedEvent(
        identity.show(identity.ACCOUNT, events.account_id[row]),
        identity.show(identity.SERVICE, events.service_id[row]),
        events.cycle_number[row],
        events.plan_code[row],
        events.plan_version[row],
        events.price_code[row],
        events.band[row],
        billable,
        events.late[row],
    )


class UsageIntake:
    """The one path of every record."""

    def __init__(self, make_work: UnitOfWorkFactory) -> None:
        self.shelf = PlanShelf()
        self._make_work = make_work
        self._known_days: set[date] = set()

    async def prepare(self, batch: ReadBatch, now: datetime) -> None:
        """Make the partitions a batch needs, in a transaction of their own."""
        # Days beyond the retention may have been dropped by another process since.
        oldest = (now - RETENTION).date()
        self._known_days = {day for day in self._known_days if day >= oldest}
        days = {started_at.astimezone(UTC).date() for started_at in batch.columns.started_at} - self._known_days
        if days:
            async with self._make_work() as work:
                await work.usage.ensure_days(sorted(days))
                await work.commit()
            self._known_days |= days

    async def plans(self, keys: Iterable[PlanKey]) -> Mapping[PlanKey, PlanDefinition]:
        """At least these; read in a transaction of their own when one was not used before."""
        wanted = set(keys)
        if self.shelf.has(wanted):
            return self.shelf.all
        async with self._make_work() as work:
            return await self.shelf.get(work, wanted)

    async def store(self, work: UnitOfWork, batch: ReadBatch, now: datetime, file_id: FileOf = None) -> Taken:
        """Guide, deduplicate, store and count; the caller commits, and folds the counts."""
        records = batch.columns
        await work.usage.begin_intake()
        guided = await self.guide(work, records)
        before = await taken_before(work, records, guided)
        if before:
            guided = without(guided, before)
        repeats = repeats_within(records, guided)
        events = guided.events.without_records(repeats) if repeats else guided.events
        known = before | dict(await work.usage.add_events(records, events, file_id, now))
        fresh = events.without_records(known) if known else events
        late = late_counts_of(fresh, records.started_at) if any(fresh.late) else {}
        await work.usage.add_pending(counts_of(fresh), now)
        await self._add_late(work, late, now)
        contents = known | {place: content_of(records, first) for place, first in repeats.items()}
        waiting = {index: each for index, each in guided.waiting.items() if index not in contents}
        return _taken(batch, guided.events, waiting, contents, fresh)

    async def guide(self, work: UnitOfWork, records: RecordColumns) -> GuidedBatch:
        """Where records belong by the directory as it is now; nothing is stored.

        Nearly all usage belongs to its account's oldest open cycle; the other cycles are read for the rest only."""
        if not records.places:
            return GuidedBatch(EventColumns(), {})
        spelled = [directory_spelling(identifier) for identifier in records.identifier]
        guided = (await self._guiding(work, records, spelled, every=False)).guide(records, spelled)
        outside = [index for index, each in guided.waiting.items() if each.field == NO_CYCLE]
        if not outside:
            return guided
        numbers = [spelled[index] for index in outside]
        again = (await self._guiding(work, records, numbers, every=True)).guide(records, spelled, outside)
        still = {index: each for index, each in guided.waiting.items() if each.field != NO_CYCLE}
        return GuidedBatch(guided.events.merged(again.events), still | again.waiting, guided.shared | again.shared)

    async def _guiding(
        self, work: UnitOfWork, records: RecordColumns, spelled: Sequence[str], *, every: bool
    ) -> Guiding:
        first, last = min(records.started_at), max(records.started_at)
        owned = await work.usage.owned_cycles(sorted(set(spelled)), first, last, every=every)
        plans = await self.shelf.get(work, {(row[5], row[6]) for row in owned})
        return Guiding(owned, plans)

    async def _add_late(self, work: UnitOfWork, late: Mapping[CounterKey, LateCounts], now: datetime) -> None:
        if late:
            await work.usage.add_late(late, now)
            await work.timeline.add_all([_late_entry(key, late[key], now) for key in sorted(late)])


def _taken(
    batch: ReadBatch,
    events: EventColumns,
    waiting: Mapping[int, Waiting],
    known: Mapping[int, RecordContent],
    fresh: EventColumns,
) -> Taken:
    outcomes = [Outcome.ACCEPTED] * batch.size
    taken = Taken(batch, events, outcomes)
    places = batch.columns.places
    for row, late in enumerate(fresh.late):
        if late:
            outcomes[places[fresh.record[row]]] = Outcome.LATE
    _note_trouble(taken, _malformed(batch))
    _note_trouble(taken, _waiting(batch, waiting))
    _note_known(taken, known)
    taken.accounts = [identity.show(identity.ACCOUNT, each) for each in sorted(set(fresh.account_id))]
    return taken


def _note_trouble(taken: Taken, results: Iterable[RecordResult]) -> None:
    for result in results:
        taken.outcomes[result.place] = result.outcome
        taken.trouble[result.place] = result


def _malformed(batch: ReadBatch) -> Iterable[RecordResult]:
    for place, each in batch.malformed.items():
        yield RecordResult(place, Outcome.REJECTED, "", each.field, each.value, each.reason)


def _waiting(batch: ReadBatch, waiting: Mapping[int, Waiting]) -> Iterable[RecordResult]:
    records = batch.columns
    for index, each in waiting.items():
        place, record_id = records.places[index], records.record_id[index]
        yield RecordResult(place, Outcome.RECYCLED, record_id, each.field, each.value, each.reason)


def _note_known(taken: Taken, known: Mapping[int, RecordContent]) -> None:
    records = taken.batch.columns
    rows = {
        record: row for row, record in enumerate(taken.events.record) if record in known and not taken.events.part[row]
    }
    for index, stored in known.items():
        place, record_id = records.places[index], records.record_id[index]
        if stored == content_of(records, index):
            taken.outcomes[place] = Outcome.DUPLICATE
            continue
        reason = f"{records.source[index]} sent another record under this record_id and start before."
        event = guided_event(taken.events, rows[index]) if index in rows else None
        result = RecordResult(place, Outcome.CONFLICT, record_id, "record_id", record_id, reason, event)
        _note_trouble(taken, [result])


def _late_entry(key: CounterKey, counts: LateCounts, now: datetime) -> TimelineEntry:
    account_id, cycle_number, service_id, _, _, price_code, _ = key
    return TimelineEntry(
        account_id=identity.show(identity.ACCOUNT, account_id),
        at=now,
        kind="usage.late",
        summary=f"Usage of cycle {cycle_number} came after its invoice; it goes on the next one",
        reason={
            "rule": "a cycle takes usage until it is issued",
            "cycle_number": cycle_number,
            "service_id": identity.show(identity.SERVICE, service_id),
            "price_code": price_code,
            "events": counts[0],
            "quantity": counts[1],
        },
    )
