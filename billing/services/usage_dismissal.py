"""Dismissing kept records: they are put aside with a reason, never counted, and not tried again by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.errors import Conflict
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage import IssueSelection, UsageIssue
from billing.services.usage_decisions import decision
from billing.services.usage_intake import Outcome
from billing.services.usage_selecting import MOST_SELECTED, pages_of, select
from billing.services.usage_sessions import UsageSessions


@dataclass(frozen=True, slots=True)
class Dismissed:
    """``matched`` is the sum of ``dismissed``, ``skipped`` (settled, or worked on by somebody else, meanwhile) and
    ``left`` (beyond what one call does). A ``dry_run`` dismissed nothing of it."""

    matched: int
    dismissed: int
    skipped: int
    left: int
    dry_run: bool


class UsageDismissal:
    """Puts kept records aside. A session that is dismissed is closed: parts that come later are conflicts."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, sessions: UsageSessions) -> None:
        self._make_work = make_work
        self._clock = clock
        self._sessions = sessions
        self.limit = MOST_SELECTED

    async def dismiss(self, issue_id: str, *, author: str, reason: str) -> UsageIssue:
        """Put one record aside. Raises NotFound, InvalidValue without a reason, Conflict for one that waits no more."""
        now = self._clock.now()
        resolution = _resolution(author, reason, now)
        async with self._make_work() as work:
            known = await work.usage.lock_issue(issue_id)
        async with self._make_work() as work:
            await self._sessions.lock(work, [known])
            issue = await work.usage.lock_issue(issue_id)
            _refuse_ended(issue)
            await self._put_aside(work, [issue], resolution, now)
            issue = await work.usage.lock_issue(issue_id)
            await work.commit()
        return issue

    async def dismiss_all(
        self, wanted: IssueSelection, *, author: str, reason: str, dry_run: bool = False
    ) -> Dismissed:
        """Put the selected records aside, page by page.

        Raises InvalidValue without a reason, and what ``select`` raises.
        """
        now = self._clock.now()
        resolution = _resolution(author, reason, now)
        async with self._make_work() as work:
            selected = await select(work, wanted, self.limit)
        dismissed = 0
        for issue_ids in pages_of(selected):
            dismissed += await self._page(issue_ids, resolution, now, dry_run=dry_run)
        chosen = len(selected.issue_ids)
        return Dismissed(selected.matched, dismissed, chosen - dismissed, selected.matched - chosen, dry_run)

    async def _page(self, issue_ids: Sequence[str], resolution: str, now: datetime, *, dry_run: bool) -> int:
        async with self._make_work() as work:
            read = await work.usage.open_issues(issue_ids)
            if dry_run:
                return len(read)
            await self._sessions.lock(work, read)
            page = await work.usage.open_issues([issue.issue_id for issue in read], lock=True)
            await self._put_aside(work, page, resolution, now)
            await work.commit()
        return len(page)

    async def _put_aside(self, work: UnitOfWork, issues: Sequence[UsageIssue], resolution: str, now: datetime) -> None:
        changes = {"status": "dismissed", "resolved_at": now, "resolution": resolution}
        await work.usage.change_issues([issue.issue_id for issue in issues], changes)
        for issue in issues:
            if issue.kind == Outcome.PARTIAL:
                await self._sessions.close(work, issue, {}, now)


def _resolution(author: str, reason: str, now: datetime) -> str:
    return f"dismissed by {author}: {decision(author, reason, now)['decision_reason']}"


def _refuse_ended(issue: UsageIssue) -> None:
    if issue.status == "open":
        return
    remedy = "Nothing is left to do for it: its resolution says how it ended."
    if issue.status == "dismissed":
        remedy = f"POST /v1/usage/issues/{issue.issue_id}/resubmit sends it again after all."
    message = f"This record is {issue.status}: {issue.resolution}."
    raise Conflict(message, field="issue_id", value=issue.issue_id, remedy=remedy)
