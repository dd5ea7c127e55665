"""Usage files: registered once by content, imported batch by batch, resumed where the last committed batch ended."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from billing.domain.errors import InvalidValue
from billing.messages.usage import ImportReport
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage import ChunkedFormat, DecodedChunk, DecodedLine, UsageFormat, chunks_of_lines
from billing.ports.usage_files import COUNT_OF, DONE, HELD, IMPORTING, KEPT_KINDS, REGISTERED, FileFilter, UsageFile
from billing.ports.usage_profiles import SourceProfile
from billing.services.usage_batch import read_chunk, take_whole
from billing.services.usage_counting import UsageCounting
from billing.services.usage_holds import as_texts, free, hold_for_totals, place, totals_trouble
from billing.services.usage_intake import Taken, UsageIntake
from billing.services.usage_kept import issues_of
from billing.services.usage_reports import FileReport, report_on, span_with, totals_with
from billing.services.usage_sessions import UsageSessions, note_parts
from billing.services.usage_spool import Spool

# A batch is what progress is told by: formats that take long to read are taken in smaller ones.
SLOW_SECONDS, TRIED_BATCHES, SMALLEST_BATCH = 0.8, 3, 1000
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
Progress = Callable[[ImportReport], None]


@dataclass(frozen=True, slots=True)
class Entered:
    """A registered file, whether it is new, and the files that had waited for it."""

    file: UsageFile
    is_new: bool
    freed: Sequence[UsageFile] = ()


class UsageFiles:
    """The file registry. ``spool`` is the directory that keeps the files; ``batch_size`` lines are one transaction."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        intake: UsageIntake,
        counting: UsageCounting,
        formats: Mapping[str, UsageFormat],
        spool: Path,
        batch_size: int = 10_000,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._intake = intake
        self._counting = counting
        self._formats = formats
        self._spool = Spool(spool)
        self.batch_size = batch_size
        self.sessions = UsageSessions(make_work, clock, formats)

    @property
    def profiles(self) -> Sequence[str]:
        """The names of the declared source profiles."""
        return sorted(self._formats)

    def profile(self, name: str) -> SourceProfile:
        """A declared source. Raises InvalidValue for one there is not."""
        return self._format(name).profile

    async def register(self, name: str, profile: str, chunks: AsyncIterator[bytes]) -> tuple[UsageFile, bool]:
        """Keep a file's content and register it; False when this content was registered under this profile before.

        Raises InvalidValue for an unknown profile and for a file above 1 GiB.
        """
        entered = await self.enter(name, profile, chunks)
        return entered.file, entered.is_new

    async def enter(self, name: str, profile: str, chunks: AsyncIterator[bytes]) -> Entered:
        """Register a file in its place among the others of its profile; it is held where their order is broken."""
        source = self._format(profile)
        spooled = await self._spool.keep(chunks, profile)
        declared = await asyncio.to_thread(source.declared_totals, spooled.path)
        values = {
            "name": _UNPRINTABLE.sub("", Path(name).name)[:200] or "unnamed",
            "sha256": spooled.sha256,
            "profile": profile,
            "status": REGISTERED,
            "size_bytes": spooled.size_bytes,
            "stored_as": spooled.path.name,
            "registered_at": self._clock.now(),
            "declared": as_texts(declared),
        }
        async with self._make_work() as work:
            await work.usage.lock_sequence(profile)
            file, is_new = await work.usage.register_file(values)
            if is_new:
                file = await place(work, source.profile, file, declared.sequence if declared else None)
            freed = await free(work, source.profile) if is_new else ()
            await work.commit()
        if not file.stored_as:  # known, and its content was forgotten
            await asyncio.to_thread(spooled.path.unlink, missing_ok=True)
        return Entered(file, is_new, freed)

    async def forget_contents_before(self, instant: datetime) -> int:
        """Remove the contents of files that were settled before an instant; what is known of them stays.

        Answers how many. A record of such a file is corrected by its fields, no longer by its raw line.
        """
        async with self._make_work() as work:
            old = await work.usage.files_with_content(instant)
            for file in old:
                await work.usage.change_file(file.file_id, {"stored_as": ""})
            # What was handed in again after it was cancelled is one content under one name.
            names = {file.stored_as for file in old}
            for name in sorted(names - await work.usage.contents_in_use(sorted(names))):
                await asyncio.to_thread(self._spool.path(name).unlink, missing_ok=True)
            await work.commit()
        return len(old)

    async def get(self, file_id: str) -> UsageFile:
        """Raises NotFound."""
        async with self._make_work() as work:
            return await work.usage.file(file_id)

    async def report(self, file_id: str) -> FileReport:
        """All that is known of a file; what was dismissed of it is told when its import is over."""
        async with self._make_work() as work:
            file = await work.usage.file(file_id)
            is_looked_for = file.status == DONE and any(getattr(file, COUNT_OF[kind]) for kind in KEPT_KINDS)
            dismissed = await work.usage.dismissed_of(file_id) if is_looked_for else {}
        return report_on(file, dismissed)

    async def list(self, wanted: FileFilter) -> Sequence[UsageFile]:
        """The newest files first."""
        async with self._make_work() as work:
            return await work.usage.files(wanted)

    async def import_file(self, file_id: str, on_progress: Progress | None = None) -> ImportReport:
        """Take a registered file from where its last committed batch ended; a finished or held file has no effect.

        Control totals are checked before the first record is counted.
        """
        file = await self._begin(file_id)
        if file.status != IMPORTING:
            return report_of(file)
        size, is_at_end = self.batch_size, False
        while file.status == IMPORTING and not is_at_end:
            file, is_at_end = await self._import_some(file, size, on_progress)
            size //= 2
        return await self._finish(file_id)

    async def _import_some(self, file: UsageFile, size: int, on_progress: Progress | None) -> tuple[UsageFile, bool]:
        """Batches of a size, to the end of the file, or until the first of them prove too slow to tell progress by."""
        chunks = chunks_of(self._format(file.profile), self._spool.path(file.stored_as), file.lines_done, size)
        loop = asyncio.get_running_loop()
        begun_at, batches = loop.time(), 0
        async with aclosing(_read_ahead(chunks)) as decoded:
            async for chunk in decoded:
                file = await self._import_batch(file, chunk)
                if file.status != IMPORTING:
                    return file, True
                if on_progress:
                    on_progress(report_of(file))
                batches += 1
                is_slow = loop.time() - begun_at > SLOW_SECONDS * batches
                if batches == TRIED_BATCHES and is_slow and size > SMALLEST_BATCH:
                    return file, False
        return file, True

    async def _begin(self, file_id: str) -> UsageFile:
        """The file as it may be imported; held when what it declares is not what it holds."""
        file = await self.get(file_id)
        if file.status != REGISTERED:
            return file
        decoder, path = self._format(file.profile), self._spool.path(file.stored_as)
        checked, reason = await asyncio.to_thread(totals_trouble, decoder, file.declared, path)
        async with self._make_work() as work:
            file = await work.usage.lock_file(file_id)
            if file.status == REGISTERED:
                values = {"status": IMPORTING, "started_at": self._clock.now(), "checked": checked}
                await work.usage.change_file(file_id, values)
                if reason:
                    await hold_for_totals(work, file, reason)
            file = await work.usage.file(file_id)
            await work.commit()
        return file

    async def _import_batch(self, file: UsageFile, chunk: DecodedChunk) -> UsageFile:
        now = self._clock.now()
        batch = read_chunk(chunk, now)
        await self._intake.prepare(batch, now)
        async with self._make_work() as work:
            locked = await work.usage.lock_file(file.file_id)
            if locked.status != IMPORTING or locked.lines_done >= chunk.line_numbers[-1]:
                return locked  # cancelled meanwhile, or another importer of the same file was here
            if locked.lines_done >= chunk.line_numbers[0]:
                batch = read_chunk(chunk.after(locked.lines_done), now)
            joined = await self.sessions.join(work, file.profile, batch.parts, now, file.file_id)
            if joined.events:
                take_whole(batch, joined.events, now)
                await self._intake.prepare(batch, now)
            taken = await self._intake.store(work, batch, now, file.file_id)
            note_parts(taken, joined)
            await work.usage.add_issues(issues_of(taken, now, file.file_id))
            await self._note(work, locked, taken, chunk.line_numbers[-1])
            file = await work.usage.file(file.file_id)
            await work.commit()
        await self._counting.count_few(taken.accounts)
        return file

    async def _note(self, work: UnitOfWork, file: UsageFile, taken: Taken, lines_done: int) -> None:
        counts = {COUNT_OF[outcome.value]: times for outcome, times in Counter(taken.outcomes).items()}
        counts["read"] = len(taken.outcomes)
        values = {name: getattr(file, name) + added for name, added in counts.items()}
        values |= totals_with(file, taken.batch.columns) | {"lines_done": lines_done}
        await work.usage.change_file(file.file_id, values)

    async def _finish(self, file_id: str) -> ImportReport:
        async with self._make_work() as work:
            file = await work.usage.lock_file(file_id)
            if file.status == IMPORTING:
                await work.usage.change_file(file_id, {"status": DONE, "finished_at": self._clock.now()})
            file = await work.usage.file(file_id)
            await work.commit()
        return report_of(file)

    async def decode_line(self, file_id: str, raw: str) -> DecodedLine:
        """A corrected line, read by the profile and header of its file."""
        file = await self.get(file_id)
        decoder = self._format(file.profile)
        if not file.stored_as:
            remedy = "Give changes: the fields that are different."
            raise InvalidValue("The content of this file was forgotten by age.", field="raw", value="", remedy=remedy)
        header = await asyncio.to_thread(decoder.header_of, self._spool.path(file.stored_as))
        return decoder.decode_line(raw, header)

    async def move_counts(self, work: UnitOfWork, file_id: str, moved: Mapping[str, int]) -> None:
        """Move lines between the outcomes of a file."""
        file = await work.usage.lock_file(file_id)
        await work.usage.change_file(file_id, {name: getattr(file, name) + by for name, by in moved.items()})

    async def widen(self, work: UnitOfWork, file_id: str, starts: Sequence[datetime]) -> None:
        """Let the span of a file hold the starts of records that were corrected: by it they are found again."""
        file = await work.usage.lock_file(file_id)
        wider = span_with(file, starts)
        if wider != {name: getattr(file, name) for name in wider}:
            await work.usage.change_file(file_id, wider)

    def format(self, profile: str) -> UsageFormat:
        """How the files of a profile are read. Raises InvalidValue for one there is not."""
        return self._format(profile)

    def _format(self, profile: str) -> UsageFormat:
        if profile not in self._formats:
            remedy = f"Use one of: {', '.join(self.profiles)}."
            raise InvalidValue("There is no such profile.", field="profile", value=profile, remedy=remedy)
        return self._formats[profile]


async def _read_ahead(chunks: Iterator[DecodedChunk]) -> AsyncGenerator[DecodedChunk, None]:
    """The next chunk is decoded in a thread while the database takes this one."""
    waiting = asyncio.create_task(asyncio.to_thread(next, chunks, None))
    try:
        while chunk := await waiting:
            waiting = asyncio.create_task(asyncio.to_thread(next, chunks, None))
            yield chunk
    finally:
        # A thread cannot be interrupted: the file is not closed under it.
        await asyncio.wait([waiting])


def chunks_of(decoder: UsageFormat, path: Path, after_line: int, size: int) -> Iterator[DecodedChunk]:
    """A file by about ``size`` lines, many lines at once where the format can."""
    if isinstance(decoder, ChunkedFormat):
        yield from decoder.decode_chunks(path, after_line, size)
        return
    yield from chunks_of_lines(decoder.decode(path, after_line), size)


def report_of(file: UsageFile) -> ImportReport:
    """What became of a file so far."""
    return ImportReport(
        file_id=file.file_id,
        file_name=file.name,
        profile=file.profile,
        read=file.read,
        accepted=file.accepted,
        duplicates=file.duplicates,
        conflicts=file.conflicts,
        recycled=file.recycled,
        rejected=file.rejected,
        late=file.late,
        done=file.status == DONE,
        status=file.status,
        hold_reason=file.hold_reason if file.status == HELD else "",
        partial=file.partial,
    )
