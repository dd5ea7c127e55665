"""Following: usage that was counted goes where it belongs now, after a number moved, or after a line or its plan was
entered late.

Events are guided again by the directory as it is now, page by page in the order of their keys; those that come out the
same are not touched. So following may be repeated, and a process that dies begins again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from billing.domain import identity
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage import NewIssue
from billing.ports.usage_columns import RecordColumns
from billing.ports.usage_corrections import Change, EventKey, EventsOf, StoredEvent
from billing.ports.usage_files import COUNT_OF
from billing.services.usage_batch import Entry, ReadBatch
from billing.services.usage_files import UsageFiles
from billing.services.usage_guiding import GuidedBatch, Waiting
from billing.services.usage_intake import Outcome, RecordResult, UsageIntake
from billing.services.usage_kept import issue_of
from billing.services.usage_reversal import cycle_of, recount

EVENTS_AT_ONCE = 1000


@dataclass(slots=True)
class Followed:
    """How many events were looked at; of these ``changed`` were guided elsewhere, ``recycled`` wait now, and
    ``repeats`` were there already where they belong. ``last`` is the last key of the page; None when there was none.
    """

    seen: int = 0
    changed: int = 0
    recycled: int = 0
    repeats: int = 0
    accounts: set[str] = field(default_factory=set)
    last: EventKey | None = None

    def plus(self, other: Followed) -> Followed:
        """Both together, with the other's last key."""
        return Followed(
            self.seen + other.seen,
            self.changed + other.changed,
            self.recycled + other.recycled,
            self.repeats + other.repeats,
            self.accounts | other.accounts,
            other.last,
        )


@dataclass(slots=True)
class _Event:
    """One stored event with all its rows, and where it belongs now: other rows, or a reason why it waits."""

    rows: list[StoredEvent]
    now: list[StoredEvent] = field(default_factory=list)
    waiting: Waiting | None = None

    @property
    def first(self) -> StoredEvent:
        return self.rows[0]

    @property
    def has_changed(self) -> bool:
        return list(map(_place, self.rows)) != list(map(_place, self.now))


class UsageFollowing:
    """Guides stored events again."""

    def __init__(self, intake: UsageIntake, files: UsageFiles) -> None:
        self._intake = intake
        self._files = files

    async def follow_page(
        self, work: UnitOfWork, wanted: EventsOf, change: Change, after: EventKey | None = None
    ) -> Followed:
        """One page of events after a key, in a transaction that has begun an intake. The caller commits, and adds up
        the counts of the accounts.
        """
        events = _whole(await work.usage.lock_events(wanted, EVENTS_AT_ONCE, after))
        if not events:
            return Followed()
        records = _columns(events)
        _note(events, await self._intake.guide(work, records))
        changed = [event for event in events if event.has_changed]
        batch = ReadBatch(len(events), records)
        done = await self._move(work, changed, batch, events, change) if changed else Followed()
        return replace(done, seen=len(events), last=events[-1].first.key)

    async def _move(
        self, work: UnitOfWork, changed: Sequence[_Event], batch: ReadBatch, events: Sequence[_Event], change: Change
    ) -> Followed:
        gone = [row for event in changed for row in event.rows]
        come = [row for event in changed for row in event.now]
        closed = await work.usage.closed_cycles({cycle_of(row) for row in (*gone, *come)})
        come = [replace(row, late=cycle_of(row) in closed) for row in come]
        await work.usage.remove_events([event.first.key for event in changed])
        stored = await work.usage.put_back(come)
        accounts = await recount(work, gone, [row for row in come if row.key in stored], change, closed)
        index_of = {id(event): index for index, event in enumerate(events)}
        waiting = [(index_of[id(event)], event) for event in changed if event.waiting]
        await work.usage.add_issues([_issue(batch, index, event, change) for index, event in waiting])
        became = [_became(event, stored) for event in changed]
        words = [word for event, word in zip(changed, became, strict=True) for _ in event.rows]
        await work.usage.remember(gone, change, words)
        await self._move_counts(work, zip(changed, became, strict=True))
        repeats = became.count(Outcome.DUPLICATE)
        return Followed(0, len(changed) - len(waiting) - repeats, len(waiting), repeats, set(accounts))

    async def _move_counts(self, work: UnitOfWork, changed: Iterable[tuple[_Event, str]]) -> None:
        """What was counted of a file and waits now, or was there already, is in its report as that."""
        moved: dict[str, Counter[str]] = {}
        for event, became in changed:
            to = COUNT_OF.get(became)
            if to and event.first.file_id is not None:
                counts = moved.setdefault(identity.show(identity.FILE, event.first.file_id), Counter())
                counts["late" if event.first.late else "accepted"] -= 1
                counts[to] += 1
        for file_id in sorted(moved):
            await self._files.move_counts(work, file_id, moved[file_id])


def _whole(rows: Sequence[StoredEvent]) -> list[_Event]:
    """Rows in the order of their keys and parts, by event."""
    found: dict[EventKey, _Event] = {}
    for row in rows:
        found.setdefault(row.key, _Event([])).rows.append(row)
    return list(found.values())


def _columns(events: Sequence[_Event]) -> RecordColumns:
    """The events as the records they came from."""
    first = [event.first for event in events]
    return RecordColumns(
        list(range(len(first))),
        [each.source for each in first],
        [each.record_id for each in first],
        [each.identifier for each in first],
        [each.meter for each in first],
        [each.quantity for each in first],
        [each.started_at for each in first],
        [each.destination for each in first],
        [each.visited for each in first],
        [each.traffic_class for each in first],
        [each.amount for each in first],
        [json.dumps(dict(each.attributes), sort_keys=True) for each in first],
        [each.key_hash.hex for each in first],
    )


def _note(events: Sequence[_Event], guided: GuidedBatch) -> None:
    """Write down where each event belongs now."""
    for row in guided.events.rows():
        index, part, account, service, cycle, late, plan_code, version, price_code, band, count, billed, amount = row
        first = events[index].first
        events[index].now.append(
            replace(
                first,
                part=part,
                account_id=account,
                service_id=service,
                cycle_number=cycle,
                late=late,
                plan_code=plan_code,
                plan_version=version,
                price_code=price_code,
                band=band,
                events=count,
                billable_quantity=billed,
                counted_amount=amount,
                quantity=0 if part else first.quantity,
            )
        )
    for index, waiting in guided.waiting.items():
        events[index].waiting = waiting


def _place(row: StoredEvent) -> tuple[object, ...]:
    """What a row counts, and where."""
    return row.part, row.counter, row.events, row.billable_quantity, row.counted_amount


def _became(event: _Event, stored: set[EventKey]) -> str:
    if event.waiting:
        return Outcome.RECYCLED
    now = event.now[0]
    if now.key not in stored:
        return Outcome.DUPLICATE
    account, service = identity.show(identity.ACCOUNT, now.account_id), identity.show(identity.SERVICE, now.service_id)
    return f"{account} {service} {now.plan_code} version {now.plan_version} {now.price_code} cycle {now.cycle_number}"


def _issue(batch: ReadBatch, index: int, event: _Event, change: Change) -> NewIssue:
    waiting, first = event.waiting, event.first
    assert waiting is not None
    result = RecordResult(index, Outcome.RECYCLED, first.record_id, waiting.field, waiting.value, waiting.reason)
    file_id = None if first.file_id is None else identity.show(identity.FILE, first.file_id)
    return issue_of(Entry(None), batch.record(index), result, change.at, file_id)
