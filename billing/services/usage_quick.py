"""A group of single records the short way: what is new, on time and has one price is stored in one small transaction.

Everything else (malformed, unknown, late, split by time, sent before) goes the long way that every batch goes, so what
becomes of a record is decided there alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from msgspec.structs import replace

from billing.domain import identity
from billing.domain.numbers import directory_spelling
from billing.ports.clock import BusinessClock
from billing.ports.usage_columns import EventColumns
from billing.ports.usage_quick import QuickStore
from billing.services.usage_batch import Entry, ReadBatch, read_batch
from billing.services.usage_counting import UsageCounting
from billing.services.usage_guiding import GuidedBatch, Guiding, PlainPrices
from billing.services.usage_intake import Outcome, RecordResult, UsageIntake, guided_event

COUNT_PAUSE_SECONDS = 0.1
TakeEntries = Callable[[Sequence[Entry]], Awaitable[Sequence[RecordResult]]]


class QuickIntake:
    """``take_the_rest`` is the long way."""

    def __init__(
        self,
        store: QuickStore,
        clock: BusinessClock,
        intake: UsageIntake,
        later: CountingLater,
        take_the_rest: TakeEntries,
    ) -> None:
        self._store = store
        self._clock = clock
        self._intake = intake
        self._take_the_rest = take_the_rest
        self._later = later
        self._plain = PlainPrices(intake.shelf.all)

    async def take(self, entries: Sequence[Entry]) -> Sequence[RecordResult]:
        """One result per entry, in order; when this returns, all of them are committed and counted."""
        now = self._clock.now()
        batch = read_batch(entries, now)
        results = await self._take_new(batch, now) if batch.columns.places else {}
        rest = [place for place in range(len(entries)) if place not in results]
        if rest:
            others = await self._take_the_rest([entries[place] for place in rest])
            results |= {place: replace(each, place=place) for place, each in zip(rest, others, strict=True)}
        return [results[place] for place in range(len(entries))]

    async def _take_new(self, batch: ReadBatch, now: datetime) -> dict[int, RecordResult]:
        records = batch.columns
        await self._intake.prepare(batch, now)
        spelled = [directory_spelling(identifier) for identifier in records.identifier]
        async with self._store.begin(sorted(set(spelled)), min(records.started_at), max(records.started_at)) as taking:
            plans = await self._intake.plans({(row[5], row[6]) for row in taking.owned})
            events = _plain(Guiding(taking.owned, plans, self._plain).guide(records, spelled), records.key_hash)
            if not len(events):
                return {}
            added = await taking.commit(records, events, now)
        self._later.note({events.account_id[row] for row, index in enumerate(events.record) if index in added})
        return {
            records.places[index]: RecordResult(
                records.places[index], Outcome.ACCEPTED, records.record_id[index], event=guided_event(events, row)
            )
            for row, index in enumerate(events.record)
            if index in added
        }


def _plain(guided: GuidedBatch, key_hash: Sequence[str]) -> EventColumns:
    """The events that may go the short way: of one part, on time, the first of their key, and of a number that was
    nobody else's."""
    events = guided.events
    first: dict[str, int] = {}
    for index in events.record:
        first.setdefault(key_hash[index], index)
    others = {index for index in events.record if first[key_hash[index]] != index}
    others |= guided.shared
    others |= {events.record[row] for row, part in enumerate(events.part) if part or events.late[row]}
    return events.without_records(others) if others else events


class CountingLater:
    """Adds up what was counted, a moment after it was answered; many accounts at once are left to the worker's loop."""

    def __init__(self, counting: UsageCounting) -> None:
        self._counting = counting
        self._accounts: set[int] = set()
        self._running: asyncio.Task[None] | None = None

    def note(self, account_ids: set[int]) -> None:
        """Pending counts of these accounts are to be added up soon."""
        self._accounts |= account_ids
        if self._accounts and (self._running is None or self._running.done()):
            self._running = asyncio.create_task(self._count())

    async def is_done(self) -> None:
        """Wait for what was noted."""
        if self._running is not None:
            await self._running

    async def _count(self) -> None:
        while self._accounts:
            await asyncio.sleep(COUNT_PAUSE_SECONDS)
            accounts, self._accounts = self._accounts, set()
            await self._counting.count_few([identity.show(identity.ACCOUNT, each) for each in sorted(accounts)])
