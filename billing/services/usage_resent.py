"""The daily check: a record that was sent again with another start is stored twice, and every copy but the first one
received is taken back.

Copies are found without a lock and decided anew under one, page by page. So the check may be repeated, run twice at
once, and die in between.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from billing.domain import identity
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_corrections import RESENT, Change, EventKey, StoredEvent
from billing.ports.usage_resent import SentAgain
from billing.services.reconcile import Watched
from billing.services.usage_counting import UsageCounting
from billing.services.usage_files import UsageFiles
from billing.services.usage_reversal import reverse

EVENTS_AT_ONCE = 1000
RECORDS_AT_ONCE = 10_000
# With more starts it is no record that was sent again: its source gives one record_id to many records.
MOST_STARTS = 20
MOST_ALARMS = 10
# A round of upkeep waits so long for the check, which goes on beside the rounds that follow.
PATIENCE_SECONDS = 10.0
_WHY = "a source sent one record_id with several starts; the copy that was received first stays"


@dataclass(frozen=True, slots=True)
class _Copy:
    """A later copy with all its rows, beside the first one received."""

    first: StoredEvent
    rows: Sequence[StoredEvent]

    @property
    def reason(self) -> str:
        own = self.rows[0]
        starts = f"first with the start {self.first.started_at.isoformat()}, again with {own.started_at.isoformat()}"
        other = "" if _content(own) == _content(self.first) else " and other content"
        return f"{own.source} sent {own.record_id} {starts}{other}"


class UsageResent:
    """Takes back what was sent again with another start. When it last looked is remembered until the process ends."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, files: UsageFiles, counting: UsageCounting
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._files = files
        self._counting = counting
        self._running: asyncio.Task[Watched] | None = None
        self._began_on: date | None = None
        self._checked_on: date | None = None

    async def look_after(self, days: int) -> Watched:
        """Check once a business day, for upkeep; 0 ``days`` never.

        A check that takes long goes on beside the rounds, and the round in which it ends has its result. One that
        failed fails that round, and the next one begins it again.
        """
        today = self._clock.now().date()
        if self._running is None:
            if not days or self._checked_on == today:
                return Watched()
            self._began_on = today
            self._running = asyncio.create_task(self.check(days))
        running = self._running
        await asyncio.wait([running], timeout=PATIENCE_SECONDS)
        if not running.done() or running is not self._running:
            return Watched()
        self._running = None
        found = running.result()
        self._checked_on = self._began_on
        return found

    async def check(self, days: int) -> Watched:
        """Look through the events that started in the last ``days`` UTC days, and today; may be called again.

        Answers how many copies were taken back, with an alarm for record_ids that stand for too many records.
        """
        first_day = (self._clock.now() - timedelta(days=days)).astimezone(UTC).date()
        since = datetime.combine(first_day, time(), UTC)
        taken, many, named, page = 0, 0, list[SentAgain](), await self._page(since)
        while page:
            reused = [each for each in page if each.copies > MOST_STARTS]
            many += len(reused)
            named += reused[: MOST_ALARMS - len(named)]
            for keys in _batches(each for each in page if each.copies <= MOST_STARTS):
                taken += await self._take_back(keys)
            page = await self._page(since, page[-1]) if len(page) == RECORDS_AT_ONCE else ()
        return Watched(taken, await self._alarms(named, many - len(named)))

    async def _page(self, since: datetime, last: SentAgain | None = None) -> Sequence[SentAgain]:
        after = None if last is None else last.record
        async with self._make_work() as work:
            return await work.usage.sent_again(since, MOST_STARTS, RECORDS_AT_ONCE, after)

    async def _take_back(self, keys: Sequence[EventKey]) -> int:
        """All copies of some records, in one transaction; answers how many were taken back."""
        async with self._make_work() as work:
            await work.usage.begin_intake()
            copies = list(_later(await work.usage.lock_these(keys)))
            if not copies:
                return 0
            # Before the rows are gone: an import that holds a file may be about to send one of them again.
            await self._move_counts(work, copies)
            await work.usage.remove_events([copy.rows[0].key for copy in copies])
            change = Change(RESENT, _WHY, "evenflow", self._clock.now())
            accounts = await reverse(work, [row for copy in copies for row in copy.rows], change)
            for copy in copies:
                await work.usage.remember(copy.rows, replace(change, reason=copy.reason))
            await work.commit()
        await self._counting.count_few(accounts)
        return len(copies)

    async def _move_counts(self, work: UnitOfWork, copies: Iterable[_Copy]) -> None:
        """In the report of the file it came from, a later copy is a duplicate."""
        moved: dict[str, Counter[str]] = {}
        for copy in copies:
            own = copy.rows[0]
            if own.file_id is not None:
                counts = moved.setdefault(identity.show(identity.FILE, own.file_id), Counter())
                counts["late" if own.late else "accepted"] -= 1
                counts["duplicates"] += 1
        for file_id in sorted(moved):
            await self._files.move_counts(work, file_id, moved[file_id])

    async def _alarms(self, named: Sequence[SentAgain], unnamed: int) -> tuple[str, ...]:
        """A sentence for each of some records that have too many starts, and one for all others."""
        async with self._make_work() as work:
            rows = await work.usage.lock_these([key for each in named for key in each.keys])
        names = {(row.key_hash, row.account_id): f"{row.source} sent {row.record_id}" for row in rows}
        alarms = [
            f"{names.get(each.record, 'a source sent a record')} of {identity.show(identity.ACCOUNT, each.record[1])} "
            f"with {each.copies} starts: all are counted, see what names its records"
            for each in named
        ]
        return (*alarms, f"{unnamed} more record_ids have as many starts") if unnamed else tuple(alarms)


def _batches(records: Iterable[SentAgain]) -> Iterator[Sequence[EventKey]]:
    """The keys of whole records, as many as one transaction takes back."""
    batch: list[EventKey] = []
    for record in records:
        if batch and len(batch) + len(record.keys) > EVENTS_AT_ONCE:
            yield batch
            batch = []
        batch += record.keys
    if batch:
        yield batch


def _later(rows: Iterable[StoredEvent]) -> Iterator[_Copy]:
    """Of rows by key and part: the copies of each record that were not received first; on a tie the earlier start
    stays."""
    records: dict[tuple[object, int], list[list[StoredEvent]]] = {}
    for (_, key_hash, account_id), own in groupby(rows, key=lambda row: row.key):
        records.setdefault((key_hash, account_id), []).append(list(own))
    for events in records.values():
        first, *later = sorted(events, key=lambda each: (each[0].received_at, each[0].started_at))
        for event in later:
            yield _Copy(first[0], event)


def _content(row: StoredEvent) -> tuple[object, ...]:
    return (
        *(row.identifier, row.meter, row.quantity, row.destination, row.visited, row.traffic_class, row.amount),
        dict(row.attributes),
    )
