"""A stream of records without end: taken in batches as they arrive, read no faster than they are committed.

Three things run side by side: reading (which waits while as much is held as one batch may be), taking (one batch at a
time, whatever was read meanwhile), and reporting (which tells the newest state, so a client that does not listen while
it sends holds nothing up).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from billing.services.usage_batch import Entry
from billing.services.usage_intake import Outcome, RecordResult
from billing.services.usage_lines import LineSplitter

MOST_RECORDS_HELD = 5000
MOST_BYTES_HELD = 8 * 2**20
MOST_PROBLEMS_TOLD = 100
LISTEN_SECONDS = 60.0
_TROUBLE = (Outcome.CONFLICT, Outcome.RECYCLED, Outcome.REJECTED)


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What kept one line from being taken; the record itself is among the kept ones."""

    line: int
    outcome: str
    record_id: str
    field: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything up to ``acknowledged_line`` is committed. ``counts`` (by outcome) are of the whole stream.

    ``problems`` are those since the report before, at most 100; ``problems_left_out`` says how many more there were.
    """

    acknowledged_line: int = 0
    records: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    problems: Sequence[LineProblem] = ()
    problems_left_out: int = 0


TakeEntries = Callable[[Sequence[Entry]], Awaitable[Sequence[RecordResult]]]
Report = Callable[[Progress], Awaitable[None]]


class StreamIntake:
    """One stream. ``take`` commits a batch and answers one result per entry, in order."""

    def __init__(
        self, take: TakeEntries, *, most_records: int = MOST_RECORDS_HELD, most_bytes: int = MOST_BYTES_HELD
    ) -> None:
        self._take = take
        self._most_records = most_records
        self._most_bytes = most_bytes
        self._lines = LineSplitter()
        self._held: list[Entry] = []
        self._held_bytes = 0
        self._lines_held_to = 0
        self._has_ended = False
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._tally = _Tally()

    async def run(self, chunks: AsyncIterator[bytes], report: Report) -> Progress:
        """Take the whole stream; answers the last state, whose problems no report has told.

        Raises what taking raises: everything acknowledged before stays, and nothing after it was taken. What ``chunks``
        raises ends the stream: the lines that were complete are taken, and then it is raised.
        """
        reading = asyncio.create_task(self._read(chunks))
        reporting = asyncio.create_task(self._report(report))
        try:
            await self._take_all()
            await reading
        finally:
            reading.cancel()
            self._tally.is_over = True
            self._tally.news.set()
            # A report that has begun is finished: its problems are not told again.
            await asyncio.wait([reading, reporting], timeout=LISTEN_SECONDS)
            reporting.cancel()
        return self._tally.told()

    @property
    def acknowledged(self) -> Progress:
        """What is committed by now, with the problems not told yet."""
        return self._tally.told()

    async def _read(self, chunks: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in chunks:
                self._hold(self._lines.feed(chunk), len(chunk))
                while self._is_full():
                    self._has_room.clear()
                    await self._has_room.wait()
            self._hold(self._lines.finish(), 0)
        finally:
            self._has_ended = True
            self._changed.set()

    def _hold(self, entries: Iterable[Entry], size: int) -> None:
        self._held.extend(entries)
        self._held_bytes += size
        self._lines_held_to = self._lines.lines_read
        self._changed.set()

    def _is_full(self) -> bool:
        return len(self._held) >= self._most_records or self._held_bytes >= self._most_bytes

    async def _take_all(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._held or self._lines_held_to > self._tally.line:
                await self._take_held()
            if self._has_ended:
                return

    async def _take_held(self) -> None:
        entries, line = self._held, self._lines_held_to
        self._held, self._held_bytes = [], 0
        self._has_room.set()
        for start in range(0, len(entries), self._most_records):
            part = entries[start : start + self._most_records]
            is_last = start + len(part) == len(entries)
            results = await self._take(part)
            self._tally.add(part, results, line if is_last else part[-1].line_number or 0)
        if not entries:
            self._tally.line = line

    async def _report(self, report: Report) -> None:
        while True:
            await self._tally.news.wait()
            self._tally.news.clear()
            if self._tally.is_over:
                return
            await report(self._tally.told())


class _Tally:
    """Counts what became of the lines, and keeps the problems until they are told."""

    def __init__(self) -> None:
        self.line = 0
        self.news = asyncio.Event()
        self.is_over = False
        self._counts: Counter[str] = Counter()
        self._problems: list[LineProblem] = []
        self._left_out = 0

    def add(self, entries: Sequence[Entry], results: Sequence[RecordResult], line: int) -> None:
        self._counts.update(Counter(result.outcome.value for result in results))
        for entry, result in zip(entries, results, strict=True):
            if result.outcome in _TROUBLE:
                self._add_problem(entry, result)
        self.line = line
        self.news.set()

    def _add_problem(self, entry: Entry, result: RecordResult) -> None:
        if len(self._problems) >= MOST_PROBLEMS_TOLD:
            self._left_out += 1
            return
        trouble = (result.record_id, result.field, result.value, result.reason)
        self._problems.append(LineProblem(entry.line_number or 0, result.outcome.value, *trouble))

    def told(self) -> Progress:
        """The state now; its problems are not told again."""
        problems, left_out = tuple(self._problems), self._left_out
        self._problems, self._left_out = [], 0
        return Progress(self.line, self._counts.total(), dict(self._counts), problems, left_out)
