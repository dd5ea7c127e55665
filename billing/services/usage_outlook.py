"""What would happen to usage, before somebody decides it: which waiting numbers are known by now, what taking a file
back would change; and which sources have gone quiet.

What would happen is tried in transactions that are never committed, by the code that would do it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from billing.domain.errors import UnableTo
from billing.ports.clock import BusinessClock
from billing.ports.plan_corrections import CycleDifference
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage import IssueSelection, UsageIssue
from billing.ports.usage_corrections import CANCELLED as TAKEN_BACK
from billing.ports.usage_corrections import Change, EventsOf
from billing.ports.usage_files import CANCELLED, CANCELLING, REJECTED, FileEffect, UsageFile
from billing.ports.usage_waiting import WaitingFilter, WaitingLine, WaitingTotals
from billing.services.plan_correction_differences import cycles_since, differences_between
from billing.services.usage_batch import Entry, read_batch
from billing.services.usage_dropped import refuse_partly_gone
from billing.services.usage_intake import UsageIntake
from billing.services.usage_reversal import reverse
from billing.services.usage_selecting import MOST_SELECTED, pages_of
from billing.services.usage_settling import SETTLED

MOST_ACCOUNTS = 20
_AT_ONCE = 2000
_ARRIVALS = 12
# A source that sent nothing for so many of its usual intervals is quiet; fewer files tell no interval.
_QUIET_INTERVALS = 2
_LEAST_ARRIVALS = 4
_LEAST_QUIET = timedelta(hours=1)
_DAY_MINUTES = 24 * 60


@dataclass(slots=True)
class WaitingNumber:
    """Records of one line that wait: how many, since when, how many of them would be counted now, and what the others
    lack (``reason`` of the first)."""

    identifier: str
    records: int = 0
    known: int = 0
    first_kept_at: datetime | None = None
    field: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Waiting:
    """What waits by line, the ones that would be counted now first; ``left`` records were not looked at."""

    numbers: Sequence[WaitingNumber]
    records: int
    known: int
    left: int


@dataclass(frozen=True)
class Cancelling:
    """What taking a file back would change: ``effects`` by account and cycle for the whole file; ``differences`` in
    money (of ``currency``) for the first ``priced_accounts``; ``kept`` records that wait would be closed."""

    file: UsageFile
    effects: Sequence[FileEffect]
    differences: Sequence[CycleDifference]
    priced_accounts: int
    kept: int
    currency: str = ""

    @property
    def accounts(self) -> int:
        """How many accounts have usage of it."""
        return len({each.account_id for each in self.effects})

    @property
    def events(self) -> int:
        """How many records would be taken back."""
        return sum(each.events for each in self.effects)


@dataclass(frozen=True)
class SourceSilence:
    """When files of a profile came last, how often they usually come, and whether it is quiet for too long."""

    profile: str
    last_at: datetime | None
    usual_interval: timedelta | None
    quiet_for: timedelta = field(default_factory=timedelta)

    @property
    def is_quiet(self) -> bool:
        """Whether a person should ask why nothing comes."""
        if self.usual_interval is None:
            return False
        return self.quiet_for > max(self.usual_interval * _QUIET_INTERVALS, _LEAST_QUIET)


class UsageOutlook:
    """Looks ahead, and changes nothing."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, intake: UsageIntake) -> None:
        self._make_work = make_work
        self._clock = clock
        self._intake = intake

    async def waiting_lines(self, wanted: WaitingFilter) -> Sequence[WaitingLine]:
        """What waits, by line and reason; nothing is tried or locked."""
        async with self._make_work() as work:
            return await work.usage.waiting_lines(wanted)

    async def waiting_totals(self, wanted: WaitingFilter) -> WaitingTotals:
        """How many rows and records that list has."""
        async with self._make_work() as work:
            return await work.usage.waiting_totals(wanted)

    async def waiting(self, identifier: str = "") -> Waiting:
        """Which recycled records would be counted now if they were guided again, by line: as costly as guiding them."""
        now = self._clock.now()
        async with self._make_work() as work:
            wanted = IssueSelection(kind="recycled", identifier=identifier)
            selected = await work.usage.select_issues(wanted, MOST_SELECTED)
            pages = [await work.usage.open_issues(ids) for ids in pages_of(selected)]
        numbers: dict[str, WaitingNumber] = {}
        batches = [read_batch([Entry(each.event, each.raw, each.line_number) for each in page], None) for page in pages]
        for batch in batches:
            await self._intake.prepare(batch, now)
        async with self._make_work() as work:  # never committed
            for page, batch in zip(pages, batches, strict=True):
                taken = await self._intake.store(work, batch, now, [issue.file_id for issue in page])
                _note(numbers, page, [outcome in SETTLED for outcome in taken.outcomes])
        listed = sorted(numbers.values(), key=lambda each: (not each.known, each.identifier))
        known = sum(each.known for each in listed)
        return Waiting(listed, selected.matched, known, selected.matched - len(selected.issue_ids))

    async def cancelling(self, file_id: str) -> Cancelling:
        """What taking a file back would change. Raises NotFound, UnableTo for one that has nothing to take back, or not
        all of it any more."""
        async with self._make_work() as work:
            file = await work.usage.file(file_id)
            if file.status in (REJECTED, CANCELLING, CANCELLED):
                remedy = "Nothing of it is counted, or it is being taken back already."
                raise UnableTo(f"This file is {file.status}.", field="file_id", value=file_id, remedy=remedy)
            await refuse_partly_gone(work, file)
            effects = await work.usage.effects_of_file(file)
            kept = await work.usage.select_issues(IssueSelection(file_id=file_id), 1)
            accounts = sorted({each.account_id for each in effects})[:MOST_ACCOUNTS]
            currency = await _currency(work, accounts)
        differences = await self._priced(file, accounts) if accounts else []
        return Cancelling(file, effects, differences, len(accounts), kept.matched, currency)

    async def _priced(self, file: UsageFile, accounts: Sequence[str]) -> list[CycleDifference]:
        """Take the accounts' records back in a transaction that is not committed."""
        if file.span is None:
            return []
        since, last = file.span
        now = self._clock.now()
        wanted = EventsOf(since, last, file_id=file.file_id, accounts=accounts)
        change = Change(TAKEN_BACK, "preview", "preview", now)
        async with self._make_work() as work:
            await work.accounts.lock_all(accounts)
            await work.usage.begin_intake()
            before = {each: await cycles_since(work, self._intake.shelf, each, since, now) for each in accounts}
            while events := await work.usage.take_out(wanted, _AT_ONCE):
                await reverse(work, events, change)
            found: list[CycleDifference] = []
            for account_id in accounts:
                after = await cycles_since(work, self._intake.shelf, account_id, since, now)
                found += differences_between(before[account_id], after)
        return found

    async def sources(self, profiles: Iterable[str]) -> Sequence[SourceSilence]:
        """Each profile, with when its files came last; those that are quiet for too long first."""
        async with self._make_work() as work:
            arrivals = await work.usage.recent_arrivals(_ARRIVALS)
        now = self._clock.now()
        found = [silence_of(profile, arrivals.get(profile, ()), now) for profile in profiles]
        return sorted(found, key=lambda each: (not each.is_quiet, each.last_at is None, each.profile))


async def _currency(work: UnitOfWork, accounts: Sequence[str]) -> str:
    if not accounts:
        return ""
    return (await work.accounts.brand((await work.accounts.get(accounts[0])).brand)).currency


def silence_of(profile: str, arrivals: Sequence[datetime], now: datetime) -> SourceSilence:
    """From the latest arrivals of a profile, the newest first."""
    if not arrivals:
        return SourceSilence(profile, None, None)
    seconds = [(later - earlier).total_seconds() for later, earlier in pairwise(arrivals)]
    usual = timedelta(seconds=median(seconds)) if len(arrivals) >= _LEAST_ARRIVALS else None
    return SourceSilence(profile, arrivals[0], usual, now - arrivals[0])


def _note(numbers: dict[str, WaitingNumber], page: Sequence[UsageIssue], counted: Sequence[bool]) -> None:
    for issue, is_counted in zip(page, counted, strict=True):
        number = numbers.setdefault(issue.identifier, WaitingNumber(issue.identifier))
        number.records += 1
        number.known += is_counted
        earliest = number.first_kept_at
        number.first_kept_at = issue.created_at if earliest is None else min(earliest, issue.created_at)
        if not is_counted and not number.reason:
            number.field, number.reason = issue.field, issue.reason


def in_hours(interval: timedelta | None) -> str:
    """An interval as people say it: "6 hours", "2 days"."""
    if interval is None:
        return ""
    minutes = round(interval.total_seconds() / 60)
    if minutes >= 2 * _DAY_MINUTES:
        return f"{round(minutes / _DAY_MINUTES)} days"
    return f"{round(minutes / 60)} hours" if minutes >= 2 * 60 else f"{minutes} minutes"
