"""Old days of events: written to a compressed file each, checked by reading it again, and only then dropped."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import IO
from uuid import uuid4

from billing.domain.errors import InvalidValue, NotFound
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.ports.usage_archive import ArchivedDay
from billing.ports.usage_corrections import EventsOf
from billing.services.usage_spool import put_in_place, to_disk

_PIECE_BYTES = 2**20


class UsageArchive:
    """The archive below ``directory``: ``usage-2027-02-01.csv.gz`` holds the events that started on that UTC day.

    What is stored of a day after it was dropped is in ``usage-2027-02-01.1.csv.gz`` and so on: a file whose events are
    in the database no more is never written again.
    """

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, directory: Path) -> None:
        self._make_work = make_work
        self._clock = clock
        self._directory = directory

    async def list(self) -> Sequence[ArchivedDay]:
        """Every file of days that were archived, the newest day first."""
        async with self._make_work() as work:
            return await work.usage.archives()

    async def check(self, day: date) -> ArchivedDay:
        """Read all files of a day again; answers its first. Raises NotFound for a day without one, InvalidValue for a
        file that is damaged."""
        async with self._make_work() as work:
            archives = await work.usage.archives_of(day)
        if not archives:
            remedy = "GET /v1/usage/archives lists the days there are."
            raise NotFound(f"{day} is not archived.", field="day", value=day, remedy=remedy)
        for archive in archives:
            await asyncio.to_thread(self._verify, archive)
        return archives[0]

    async def put_away(self, before: date) -> int:
        """Archive and drop every whole UTC day before ``before``; answers how many were dropped.

        Safe to be interrupted and to be run twice: a half file has a passing name, and a day whose events changed since
        its file was made is written again.
        """
        async with self._make_work() as work:
            days = await work.usage.stored_days(before)
        return sum([await self._put_away_day(day) for day in days])

    async def _put_away_day(self, day: date) -> bool:
        async with self._make_work() as work:
            dropped = [each.supplement for each in await work.usage.archives_of(day) if each.dropped_at]
            # Records that wait have their day made whenever they are tried again; most of them wait on.
            if dropped and not await work.usage.has_events(_starting_on(day)):
                return False
        archive = await self._write(day, max(dropped, default=-1) + 1)
        await asyncio.to_thread(self._verify, archive)
        async with self._make_work() as work:
            await work.usage.keep_archive(archive)
            await work.commit()
        async with self._make_work() as work:
            is_dropped = await work.usage.drop_archived(archive, self._clock.now())
            await work.commit()
        return is_dropped

    async def _write(self, day: date, supplement: int = 0) -> ArchivedDay:
        await asyncio.to_thread(self._directory.mkdir, parents=True, exist_ok=True)
        name = f"usage-{day}.{supplement}.csv.gz" if supplement else f"usage-{day}.csv.gz"
        passing = self._directory / f"{name}.{uuid4().hex}.part"
        try:
            with await asyncio.to_thread(passing.open, "wb") as raw:
                lines = await self._compress(day, raw)
                await asyncio.to_thread(to_disk, raw)
            size, digest = await asyncio.to_thread(_size_and_hash, passing)
            await asyncio.to_thread(put_in_place, passing, self._directory / name)
        finally:
            await asyncio.to_thread(passing.unlink, missing_ok=True)
        return ArchivedDay(day, name, lines - 1, size, digest, self._clock.now(), supplement=supplement)

    async def _compress(self, day: date, raw: IO[bytes]) -> int:
        """Write the day's rows, each on a line of its own; answers how many lines there are."""
        lines, waiting = 0, bytearray()
        # No name and no time inside, so that the same events give the same file.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            async with self._make_work() as work:
                async for row in work.usage.rows_of(day):
                    lines += 1
                    waiting += row
                    if len(waiting) >= _PIECE_BYTES:
                        await asyncio.to_thread(packed.write, bytes(waiting))
                        waiting.clear()
            await asyncio.to_thread(packed.write, bytes(waiting))
        return lines

    def _verify(self, archive: ArchivedDay) -> None:
        path = self._directory / archive.file_name
        remedy = "Restore it from a backup; while the day is in the database, the next upkeep writes it again."
        try:
            found = _size_and_hash(path)
            with gzip.open(path, "rb") as packed:
                while packed.read(_PIECE_BYTES):
                    pass
        except (OSError, EOFError) as fault:
            raise InvalidValue(
                f"The archive cannot be read: {fault}.", field="day", value=archive.day, remedy=remedy
            ) from None
        if found != (archive.size_bytes, archive.sha256):
            raise InvalidValue("The archive is not as it was written.", field="day", value=archive.day, remedy=remedy)


def _starting_on(day: date) -> EventsOf:
    first = datetime.combine(day, time(), UTC)
    return EventsOf(first, first + timedelta(days=1, microseconds=-1))


def _size_and_hash(path: Path) -> tuple[int, str]:
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256")
    return path.stat().st_size, digest.hexdigest()
