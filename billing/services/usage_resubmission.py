"""Sending many kept records again with one correction: page by page, each record once, none waiting for another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.domain.errors import InvalidValue
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.ports.usage import IssueSelection, SelectedIssues, UsageIssue
from billing.services.usage_batch import Entry, ReadBatch, read_kept
from billing.services.usage_counting import UsageCounting
from billing.services.usage_files import UsageFiles
from billing.services.usage_intake import Outcome, Taken, UsageIntake
from billing.services.usage_records import FIELDS
from billing.services.usage_selecting import MOST_SELECTED, pages_of, select
from billing.services.usage_settling import SETTLED, UsageSettling, changed_event

MOST_SHOWN = 20
Changes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StillFailing:
    """A record that could not be taken this time either, and why."""

    issue_id: str
    outcome: Outcome
    field: str
    value: str
    reason: str


@dataclass(slots=True)
class Resubmitted:
    """What became of a selection: ``matched`` is the sum of ``outcomes``, ``skipped`` and ``left``.

    ``skipped`` were settled, or worked on by somebody else, meanwhile, or their file is taken back; ``left`` are beyond
    what one call does. ``failing`` are the first of those that still wait. A ``dry_run`` kept nothing of it.
    """

    matched: int
    left: int
    dry_run: bool
    skipped: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failing: list[StillFailing] = field(default_factory=list)

    def note(self, asked: Sequence[str], issues: Sequence[UsageIssue], taken: Taken) -> None:
        """Add a page."""
        self.skipped += len(asked) - len(issues)
        self.outcomes.update(outcome.value for outcome in taken.outcomes)
        for place, outcome in enumerate(taken.outcomes):
            if outcome not in SETTLED and len(self.failing) < MOST_SHOWN:
                why = taken.trouble[place]
                shown = StillFailing(issues[place].issue_id, outcome, why.field, why.value, why.reason)
                self.failing.append(shown)


class UsageResubmission:
    """Sends kept records again."""

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
        self._settling = UsageSettling(intake, files)
        self.limit = MOST_SELECTED

    async def resubmit(
        self, wanted: IssueSelection, changes: Changes, *, author: str, dry_run: bool = False
    ) -> Resubmitted:
        """Send the selected records again, each with ``changes`` to its fields; None leaves a field out.

        Every page is a transaction of its own, so a call that dies may be made again. Raises InvalidValue for changes
        that no record could have, and what ``select`` raises.
        """
        _check(changes)
        async with self._make_work() as work:
            selected = await select(work, wanted, self.limit)
        report = Resubmitted(selected.matched, selected.matched - len(selected.issue_ids), dry_run)
        now = self._clock.now()
        if dry_run:
            await self._preview(report, selected, changes, now)
            return report
        for issue_ids in pages_of(selected):
            await self._send_page(report, issue_ids, changes, now, f"sent again by {author}")
        return report

    async def _send_page(
        self, report: Resubmitted, issue_ids: Sequence[str], changes: Changes, now: datetime, how: str
    ) -> None:
        read, _ = await self._read(issue_ids, changes, now)
        async with self._make_work() as work:
            page = await self._settling.lock(work, read)
            taken = await self._settling.take(work, page, _changed(page, changes), now, how)
            await work.commit()
        report.note(issue_ids, page, taken)
        await self._counting.count_few(taken.accounts)

    async def _preview(self, report: Resubmitted, selected: SelectedIssues, changes: Changes, now: datetime) -> None:
        """All pages in one transaction that is never committed, so that repeats are found among all of them."""
        pages = [(issue_ids, *(await self._read(issue_ids, changes, now))) for issue_ids in pages_of(selected)]
        async with self._make_work() as work:
            for issue_ids, page, batch in pages:
                taken = await self._settling.store(work, page, batch, now)
                report.note(issue_ids, page, taken)

    async def _read(
        self, issue_ids: Sequence[str], changes: Changes, now: datetime
    ) -> tuple[Sequence[UsageIssue], ReadBatch]:
        """A page as it is now, unlocked, and the days it needs made."""
        async with self._make_work() as work:
            page = await work.usage.open_issues(issue_ids)
        batch = _changed(page, changes)
        await self._intake.prepare(batch, now)
        return page, batch


def _changed(issues: Sequence[UsageIssue], changes: Changes) -> ReadBatch:
    return read_kept([(_entry(issue, changes), issue.created_at) for issue in issues])


def _entry(issue: UsageIssue, changes: Changes) -> Entry:
    """A line that could not be read has no fields to change: it keeps the reason that it has."""
    event = changed_event(issue, changes) if issue.event else None
    return Entry(event, issue.raw, issue.line_number, issue.field, issue.reason)


def _check(changes: Changes) -> None:
    if "record_id" in changes:
        remedy = "Correct it record by record, at /v1/usage/issues/{issue_id}/resubmit."
        value = str(changes["record_id"])[:100]
        raise InvalidValue("Every record has its own.", field="changes.record_id", value=value, remedy=remedy)
    for name, value in changes.items():
        if name not in FIELDS and value is not None:
            remedy = f"Use fields of a record: {', '.join(sorted(FIELDS - {'record_id'}))}; null leaves any field out."
            raise InvalidValue(
                "No record has this field.", field=f"changes.{name[:100]}", value=str(value)[:100], remedy=remedy
            )
