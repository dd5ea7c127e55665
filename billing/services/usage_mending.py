"""Mending: records that wait are guided again, or corrected and sent again; each counts once, however often tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain.errors import InvalidValue, UnableTo
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage import DecodedChunk, DecodedLine, UsageIssue
from billing.services.usage_batch import Entry, ReadBatch, read_batch, read_chunk, take_whole
from billing.services.usage_counting import UsageCounting
from billing.services.usage_files import UsageFiles
from billing.services.usage_intake import Outcome, RecordResult, Taken, UsageIntake
from billing.services.usage_sessions import Joined, note_parts
from billing.services.usage_settling import SETTLED, TAKEN_BACK, UsageSettling, changed_event

_PAGE = 500


@dataclass(frozen=True, slots=True)
class ReguideReport:
    """How many waiting records were tried, and how many of them are counted now."""

    tried: int = 0
    resolved: int = 0


class UsageMending:
    """What an operator, upkeep and a new number can do for kept records."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        intake: UsageIntake,
        counting: UsageCounting,
        files: UsageFiles,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._intake = intake
        self._counting = counting
        self._files = files
        self._settling = UsageSettling(intake, files)

    async def reguide(self, identifier: str = "") -> ReguideReport:
        """Guide every recycled record again, of one identifier or of all; page by page, each page committed."""
        report, after = ReguideReport(), ""
        while read := await self._waiting(identifier, after):
            after = read[-1].issue_id
            taken = await self._reguide_page(read)
            resolved = sum(outcome in SETTLED for outcome in taken.outcomes)
            report = ReguideReport(report.tried + len(taken.outcomes), report.resolved + resolved)
        return report

    async def _waiting(self, identifier: str, after: str) -> Sequence[UsageIssue]:
        async with self._make_work() as work:
            return await work.usage.lock_recycled(identifier, after, _PAGE)

    async def _reguide_page(self, read: Sequence[UsageIssue]) -> Taken:
        now = self._clock.now()
        await self._intake.prepare(_as_batch(read), now)
        async with self._make_work() as work:
            locked = await self._settling.lock(work, read)
            page = [issue for issue in locked if issue.kind == Outcome.RECYCLED]
            taken = await self._settling.take(work, page, _as_batch(page), now, "guided again")
            await work.commit()
        await self._counting.count_few(taken.accounts)
        return taken

    async def resubmit(
        self, issue_id: str, *, changes: Mapping[str, Any] | None = None, raw: str | None = None, author: str
    ) -> RecordResult:
        """Send a kept record again, with ``changes`` to its fields or a corrected ``raw`` line of its file.

        It stays open when it still cannot be taken; one that was dismissed is open again then. Raises NotFound,
        UnableTo for one that is resolved, InvalidValue for a raw line of a record that came from no file.
        """
        async with self._make_work() as work:
            issue = await work.usage.lock_issue(issue_id)
        batch = await self._corrected(issue, changes, raw)
        now = self._clock.now()
        await self._intake.prepare(batch, now)
        async with self._make_work() as work:
            issue = await self._lock_unresolved(work, issue)
            joined = await self._join(work, issue, batch, now)
            taken = await self._settling.store(work, [issue], batch, now)
            note_parts(taken, joined)
            if issue.kind == Outcome.PARTIAL:
                if Outcome.REJECTED in taken.outcomes:
                    return taken.results()[0]  # it still lacks what it lacked
                await self._files.sessions.close(work, issue, batch.entry(0).event or {}, now)
            await self._settling.settle(work, [issue], taken, now, f"sent again by {author}")
            await work.commit()
        await self._counting.count_few(taken.accounts)
        return taken.results()[0]

    async def _lock_unresolved(self, work: UnitOfWork, issue: UsageIssue) -> UsageIssue:
        """The record, after its file and its session as every import locks them."""
        file = None if issue.file_id is None else await work.usage.lock_file(issue.file_id)
        await self._files.sessions.lock(work, [issue])
        issue = await work.usage.lock_issue(issue.issue_id)
        if issue.status == "resolved":
            remedy = "GET /v1/usage/issues?status=open lists those that wait."
            raise UnableTo("This record is resolved.", field="issue_id", value=issue.issue_id, remedy=remedy)
        if file is not None and file.status in TAKEN_BACK:
            remedy = f"Import the right file; {file.file_id} is {file.status}."
            raise UnableTo(
                "The file of this record is taken back.", field="issue_id", value=issue.issue_id, remedy=remedy
            )
        return issue

    async def _join(self, work: UnitOfWork, issue: UsageIssue, batch: ReadBatch, now: datetime) -> Joined:
        """A corrected line may be a part of a session, and make it whole."""
        if not batch.parts or issue.file_id is None:
            return Joined()
        file = await work.usage.file(issue.file_id)
        joined = await self._files.sessions.join(work, file.profile, batch.parts, now, issue.file_id)
        if joined.events:
            take_whole(batch, joined.events, issue.created_at)
            await self._intake.prepare(batch, now)
        return joined

    async def _corrected(self, issue: UsageIssue, changes: Mapping[str, Any] | None, raw: str | None) -> ReadBatch:
        """The record as it is sent again. What came in time keeps its right to be counted, however late corrected."""
        if raw is None:
            entry = Entry(changed_event(issue, changes), issue.raw, issue.line_number)
            return read_batch([entry], issue.created_at)
        if issue.kind == Outcome.PARTIAL:
            remedy = "Give changes: the fields that are missing, such as quantity."
            raise InvalidValue("A session has no line of its own.", field="raw", value=raw[:100], remedy=remedy)
        if issue.file_id is None:
            remedy = "Give changes: the fields that are different."
            raise InvalidValue("Only a line of a file has a raw form.", field="raw", value=raw[:100], remedy=remedy)
        decoded = await self._files.decode_line(issue.file_id, raw)
        line_number = issue.line_number or 0
        line = DecodedLine(line_number, raw, decoded.event, decoded.field, decoded.reason, decoded.part)
        return read_chunk(DecodedChunk(1, [raw], [line_number], unusual={0: line}), issue.created_at)


def _as_batch(issues: Sequence[UsageIssue]) -> ReadBatch:
    """Kept records as they were read when they came: their start was checked then."""
    return read_batch([Entry(issue.event, issue.raw, issue.line_number) for issue in issues], None)
