"""A stream is taken in batches as it arrives: never read ahead of its commits, and told without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from billing.services.usage_batch import Entry
from billing.services.usage_intake import Outcome, RecordResult
from billing.services.usage_streaming import MOST_PROBLEMS_TOLD, Progress, StreamIntake

LINE = b'{"n":1}\n'


@dataclass
class Books:
    """Commits batches; ``gate`` holds commits up, ``fails_at`` is the batch that cannot be taken."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fails_at: int = -1
    batches: list[list[int]] = field(default_factory=list)

    async def take(self, entries: Sequence[Entry]) -> Sequence[RecordResult]:
        await self.gate.wait()
        if len(self.batches) == self.fails_at:
            raise ConnectionError("the database is away")
        self.batches.append([entry.line_number or 0 for entry in entries])
        return [
            RecordResult(place, Outcome.ACCEPTED if entry.event else Outcome.REJECTED, field=entry.field)
            for place, entry in enumerate(entries)
        ]


def open_books(**changes: int) -> Books:
    books = Books(**changes)
    books.gate.set()
    return books


async def chunks_of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


async def hear_nothing(_progress: Progress) -> None: ...


async def test_every_line_is_taken_once_and_in_order() -> None:
    books = open_books()
    last = await StreamIntake(books.take, most_records=3).run(chunks_of(*[LINE * 2] * 10), hear_nothing)
    assert [line for batch in books.batches for line in batch] == list(range(1, 21))
    assert max(map(len, books.batches)) <= 3
    assert (last.acknowledged_line, last.records, last.counts) == (20, 20, {"accepted": 20})


async def test_nothing_is_read_while_as_much_is_held_as_a_batch_may_be() -> None:
    books, read = Books(), 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            await asyncio.sleep(0)
            read += 1
            yield LINE

    running = asyncio.create_task(StreamIntake(books.take, most_records=5).run(chunks(), hear_nothing))
    await asyncio.sleep(0.05)
    assert read <= 11  # one batch that is being taken and one that is held
    books.gate.set()
    assert (await running).records == 100


async def test_each_report_counts_everything_before_it_and_the_last_line_is_the_last() -> None:
    told: list[Progress] = []

    async def hear(progress: Progress) -> None:
        told.append(progress)

    last = await StreamIntake(open_books().take, most_records=1).run(chunks_of(*[LINE] * 5, b"\n\n"), hear)
    lines = [progress.acknowledged_line for progress in told]
    assert lines == sorted(lines)
    assert all(progress.records == progress.acknowledged_line for progress in told)
    assert (last.acknowledged_line, last.records) == (7, 5)  # two empty lines are lines, and no records


async def test_a_client_that_does_not_listen_holds_nothing_up_and_hears_of_every_problem_later() -> None:
    told: list[Progress] = []
    listens = asyncio.Event()

    async def hear(progress: Progress) -> None:
        await listens.wait()
        told.append(progress)

    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in chunks_of(*[b"x\n"] * 9):
            yield chunk
        listens.set()

    last = await StreamIntake(open_books().take, most_records=1).run(chunks(), hear)
    assert [problem.line for progress in (*told, last) for problem in progress.problems] == list(range(1, 10))


async def test_of_many_problems_some_are_told_and_the_others_counted() -> None:
    last = await StreamIntake(open_books().take).run(chunks_of(b"x\n" * 150), hear_nothing)
    assert last.counts == {"rejected": 150}
    books, told = open_books(), list[Progress]()

    async def hear(progress: Progress) -> None:
        told.append(progress)

    last = await StreamIntake(books.take).run(chunks_of(b"x\n" * 150), hear)
    every = [*told, last]
    assert sum(len(progress.problems) for progress in every) == MOST_PROBLEMS_TOLD
    assert sum(progress.problems_left_out for progress in every) == 50


async def test_a_batch_that_cannot_be_taken_ends_the_stream_after_what_was_acknowledged() -> None:
    intake = StreamIntake(open_books(fails_at=2).take, most_records=2)
    with pytest.raises(ConnectionError):
        await intake.run(chunks_of(*[LINE] * 50), hear_nothing)
    assert intake.acknowledged.acknowledged_line == intake.acknowledged.records
    assert 2 <= intake.acknowledged.records <= 4


async def test_a_connection_that_is_lost_leaves_whole_lines_taken_and_half_a_line_not() -> None:
    async def lost() -> AsyncIterator[bytes]:
        yield LINE * 3 + b'{"n":'
        raise ConnectionResetError

    books = open_books()
    with pytest.raises(ConnectionResetError):
        await StreamIntake(books.take).run(lost(), hear_nothing)
    assert [line for batch in books.batches for line in batch] == [1, 2, 3]
