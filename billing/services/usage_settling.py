"""Settling: what every way of trying a kept record again shares, so that each counts once and its file stays right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage import NewIssue, UsageIssue
from billing.ports.usage_columns import RecordColumns
from billing.ports.usage_files import CANCELLED, CANCELLING, COUNT_OF
from billing.services.usage_batch import ReadBatch
from billing.services.usage_files import UsageFiles
from billing.services.usage_intake import Outcome, RecordResult, Taken, UsageIntake
from billing.services.usage_kept import issues_of

SETTLED = (Outcome.ACCEPTED, Outcome.LATE, Outcome.DUPLICATE, Outcome.PARTIAL)
TAKEN_BACK = (CANCELLING, CANCELLED)
_DESCRIBED = ("kind", "source", "record_id", "identifier", "event", "raw", "field", "reason")
_Moved = dict[str, Counter[str]]


class UsageSettling:
    """Locks kept records, takes them in again and keeps what became of each."""

    def __init__(self, intake: UsageIntake, files: UsageFiles) -> None:
        self._intake = intake
        self._files = files

    async def lock(self, work: UnitOfWork, read: Sequence[UsageIssue]) -> Sequence[UsageIssue]:
        """Those that still wait, locked after their files and sessions, as every import does it.

        Left out are those that somebody else works on, and those whose file is taken back.
        """
        gone = set()
        for file_id in sorted({issue.file_id for issue in read if issue.file_id is not None}):
            file = await work.usage.lock_file(file_id)
            if file.status in TAKEN_BACK:
                gone.add(file_id)
        await self._files.sessions.lock(work, read)
        return await work.usage.open_issues([each.issue_id for each in read if each.file_id not in gone], lock=True)

    async def take(
        self, work: UnitOfWork, issues: Sequence[UsageIssue], batch: ReadBatch, now: datetime, how: str
    ) -> Taken:
        """Take locked records in as ``batch`` has them, and settle them; the caller commits."""
        taken = await self.store(work, issues, batch, now)
        for place, issue in enumerate(issues):
            if issue.kind == Outcome.PARTIAL and taken.outcomes[place] != Outcome.REJECTED:
                await self._files.sessions.close(work, issue, batch.entry(place).event or {}, now)
        await self.settle(work, issues, taken, now, how)
        return taken

    async def store(self, work: UnitOfWork, issues: Sequence[UsageIssue], batch: ReadBatch, now: datetime) -> Taken:
        """Take records in as ``batch`` has them, one for each issue, and settle nothing.

        A conflict of a day that is archived stays one: what it conflicts with is not there to be compared with any
        more, and it would count beside it.
        """
        withheld = await _withhold(work, issues, batch)
        taken = await self._intake.store(work, batch, now, [issue.file_id for issue in issues])
        for place, result in withheld.items():
            taken.outcomes[place] = result.outcome
            taken.trouble[place] = result
        return taken

    async def settle(
        self, work: UnitOfWork, issues: Sequence[UsageIssue], taken: Taken, now: datetime, how: str
    ) -> None:
        """Resolve what was taken, say what is wrong now with the rest, and move the counts of their files."""
        kept = dict(zip(sorted(taken.trouble), issues_of(taken, now), strict=True))
        resolved: dict[str, list[str]] = {}
        moved: _Moved = {}
        for place, (issue, outcome) in enumerate(zip(issues, taken.outcomes, strict=True)):
            if outcome in SETTLED:
                resolved.setdefault(_resolution(issue, outcome, how), []).append(issue.issue_id)
            elif not await _keep(work, issue, kept[place]):
                continue
            _note_move(moved, issue, outcome)
        for resolution, issue_ids in resolved.items():
            changes = {"status": "resolved", "resolved_at": now, "resolution": resolution}
            await work.usage.change_issues(issue_ids, changes)
        for file_id in sorted(moved):
            await self._files.move_counts(work, file_id, moved[file_id])
        for file_id, starts in sorted(_starts(issues, taken).items()):
            await self._files.widen(work, file_id, starts)


async def _withhold(work: UnitOfWork, issues: Sequence[UsageIssue], batch: ReadBatch) -> dict[int, RecordResult]:
    """Take conflicts of archived days out of the columns; answers why, by place."""
    columns = batch.columns
    days = {
        index: columns.started_at[index].astimezone(UTC).date()
        for index, place in enumerate(columns.places)
        if issues[place].kind == Outcome.CONFLICT
        and (issues[place].source, issues[place].record_id) == (columns.source[index], columns.record_id[index])
    }
    dropped = set(await work.usage.dropped_days(min(days.values()), max(days.values()))) if days else set()
    withheld = {index: day for index, day in days.items() if day in dropped}
    if not withheld:
        return {}
    found = {columns.places[index]: _archived(columns, index, day) for index, day in withheld.items()}
    batch.columns = columns.at([index for index in range(len(columns)) if index not in withheld])
    return found


def _archived(columns: RecordColumns, index: int, day: date) -> RecordResult:
    reason = (
        f"The records of {day} are archived, and what it conflicts with is among them. Dismiss it; or send it under "
        "a record_id of its own, if it is usage that nobody counted."
    )
    at, record_id = columns.started_at[index].isoformat(), columns.record_id[index]
    return RecordResult(columns.places[index], Outcome.CONFLICT, record_id, "started_at", at, reason)


async def _keep(work: UnitOfWork, issue: UsageIssue, again: NewIssue) -> bool:
    """Keep what is wrong with a record now; False when it stays as it was."""
    if issue.kind == Outcome.PARTIAL and again.kind == Outcome.REJECTED:
        return False  # it still lacks what it lacked
    values = {name: getattr(again, name) for name in _DESCRIBED}
    if issue.status == "dismissed":
        return await work.usage.reopen_issue(issue.issue_id, values)
    if (again.kind, again.reason, again.raw) != (issue.kind, issue.reason, issue.raw):
        await work.usage.change_issue(issue.issue_id, values)
    return True


def _note_move(moved: _Moved, issue: UsageIssue, outcome: Outcome) -> None:
    if issue.file_id and issue.kind != outcome:
        counts = moved.setdefault(issue.file_id, Counter())
        counts[COUNT_OF[issue.kind]] -= 1
        counts[COUNT_OF[outcome.value]] += 1


def _starts(issues: Sequence[UsageIssue], taken: Taken) -> dict[str, list[datetime]]:
    """By file, the starts that its records have now: a corrected one may lie before or after all that came readable."""
    found: dict[str, list[datetime]] = {}
    columns = taken.batch.columns
    for place, started_at in zip(columns.places, columns.started_at, strict=True):
        file_id = issues[place].file_id
        if file_id is not None:
            found.setdefault(file_id, []).append(started_at)
    return found


def _resolution(issue: UsageIssue, outcome: Outcome, how: str) -> str:
    said = f"{outcome.value}: {how}"
    return f"{said} (before: {issue.resolution})" if issue.resolution else said


def changed_event(issue: UsageIssue, changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """A kept record with other values; a field whose new value is None is left out."""
    given = changes or {}
    return {name: value for name, value in {**issue.event, **given}.items() if value is not None or name not in given}
