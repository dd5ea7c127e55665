"""Usage: take records from any source, answer live balances, keep what cannot be taken.

Owns: intake, guiding, deduplication, counters, thresholds, the file registry, kept records and the live balance.
Does not own: prices (billing.domain.rating), invoices, the number directory (accounts), notices about thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from billing.domain.errors import InvalidValue, UnableTo
from billing.ports.balance import BalanceSource
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.ports.usage import IssueFilter, UsageFormat, UsageIssue
from billing.ports.usage_quick import QuickStore
from billing.services.add_ons import AddOns
from billing.services.plan_correcting import PlanCorrections
from billing.services.usage_archive import UsageArchive
from billing.services.usage_arrivals import UsageArrivals
from billing.services.usage_balance import AccountBalance, UsageBalance
from billing.services.usage_batch import Entry, read_batch
from billing.services.usage_cancelling import UsageCancelling
from billing.services.usage_counting import UsageCounting
from billing.services.usage_dismissal import UsageDismissal
from billing.services.usage_explaining import UsageExplaining
from billing.services.usage_files import UsageFiles
from billing.services.usage_following import UsageFollowing
from billing.services.usage_grouping import Grouping, Waiting
from billing.services.usage_intake import RecordResult, UsageIntake
from billing.services.usage_kept import issues_of
from billing.services.usage_mending import ReguideReport, UsageMending
from billing.services.usage_moves import UsageMoves
from billing.services.usage_outlook import UsageOutlook
from billing.services.usage_quick import CountingLater, QuickIntake, TakeEntries
from billing.services.usage_records import RETENTION
from billing.services.usage_resent import UsageResent
from billing.services.usage_resubmission import UsageResubmission
from billing.services.usage_streams import UsageStreams
from billing.services.usage_thresholds import ThresholdDispatch

MOST_RECORDS = 10_000
DAY_IS_OVER_AFTER = timedelta(days=1)
DAYS_AHEAD = 3
ARCHIVE = "usage-archive"


class UsageService:
    """The front of usage for doors, command line and process: ``files``, ``arrivals``, ``streams``, ``thresholds``,
    ``cancelling``, ``mending``, ``resubmission``, ``dismissal``, ``moves``, ``resent``, ``explaining``, ``outlook``,
    ``plan_corrections`` and ``add_ons`` are its parts.

    ``formats`` are the source profiles by name; ``spool`` is the directory that keeps uploaded files, ``archive`` the
    one for days of events that are dropped (``usage-archive`` beside the spool unless told). ``quick`` takes
    single records the short way; without it they go the way of every batch.
    """

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        process: Process,
        formats: Mapping[str, UsageFormat],
        spool: Path,
        balances: BalanceSource | None = None,
        archive: Path | None = None,
        quick: QuickStore | None = None,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._intake = UsageIntake(make_work)
        self.thresholds = ThresholdDispatch(make_work, clock, process)
        self.counting = UsageCounting(make_work, clock, self._intake.shelf, self.thresholds)
        self.files = UsageFiles(make_work, clock, self._intake, self.counting, formats, spool)
        self.arrivals = UsageArrivals(make_work, clock, process, self.files)
        self.archive = UsageArchive(make_work, clock, archive or spool.parent / ARCHIVE)
        self.cancelling = UsageCancelling(make_work, clock, process, self.counting, self.files.sessions)
        self.mending = UsageMending(make_work, clock, self._intake, self.counting, self.files)
        self.resubmission = UsageResubmission(make_work, clock, self._intake, self.counting, self.files)
        self.dismissal = UsageDismissal(make_work, clock, self.files.sessions)
        following = UsageFollowing(self._intake, self.files)
        self.moves = UsageMoves(make_work, clock, following, self.mending, self.counting)
        self.plan_corrections = PlanCorrections(make_work, clock, process, following, self.counting)
        self.resent = UsageResent(make_work, clock, self.files, self.counting)
        self.add_ons = AddOns(make_work, clock, self._intake.shelf)
        self.explaining = UsageExplaining(make_work, clock, self._intake.shelf)
        self.outlook = UsageOutlook(make_work, clock, self._intake)
        self.streams = UsageStreams(make_work, clock, self._intake, self.counting)
        self._balance = UsageBalance(make_work, clock, self._intake.shelf, balances)
        together: TakeEntries = self.take_entries
        self._later = CountingLater(self.counting)
        if quick is not None:
            together = QuickIntake(quick, clock, self._intake, self._later, self.take_entries).take
        self._singles: Grouping[Entry, RecordResult] = Grouping(together)

    async def take(self, events: Sequence[Mapping[str, Any]]) -> Sequence[RecordResult]:
        """Take records of the HTTP shape; when this returns, they are committed and counted.

        Answers one result per record, in order. Raises InvalidValue for more than 10,000 records at once.
        """
        return await self.take_entries([Entry(event) for event in events])

    async def take_one(self, entry: Entry) -> RecordResult:
        """Take one record together with others that are taken at the same time; its ``place`` is among those.

        Raises TooBusy when too many are waiting.
        """
        return await self._singles.take(entry)

    def put_one(self, waiting: Waiting[Entry, RecordResult]) -> None:
        """``take_one`` without a task: whoever waits is told. Raises TooBusy."""
        self._singles.put(waiting)

    async def counting_is_done(self) -> None:
        """Wait until the single records that were taken are added up; for the end of a process."""
        await self._later.is_done()

    async def take_entries(self, entries: Sequence[Entry]) -> Sequence[RecordResult]:
        """``take`` for records of which some could not be decoded."""
        if len(entries) > MOST_RECORDS:
            remedy = f"Send at most {MOST_RECORDS} records at once, a stream, or a file."
            raise InvalidValue("The batch is too large.", field="events", value=len(entries), remedy=remedy)
        now = self._clock.now()
        batch = read_batch(entries, now)
        await self._intake.prepare(batch, now)
        async with self._make_work() as work:
            taken = await self._intake.store(work, batch, now)
            await work.usage.add_issues(issues_of(taken, now))
            await work.commit()
        await self.counting.count_few(taken.accounts)
        return taken.results()

    async def balance(self, account_id: str) -> AccountBalance:
        """The live balance of an account, exact at the last acknowledgement."""
        return await self._balance.of(account_id)

    async def issues(self, wanted: IssueFilter) -> Sequence[UsageIssue]:
        """Kept records: rejected, recycled and conflicts."""
        async with self._make_work() as work:
            return await work.usage.issues(wanted)

    async def reguide(self, identifier: str = "") -> ReguideReport:
        """Guide waiting records again: by command, on schedule, or when ``identifier`` appears in the directory."""
        return await self.mending.reguide(identifier)

    async def reguide_waiting(self) -> int:
        """Guide everything that waits again, for upkeep; answers how many records are counted now."""
        return (await self.mending.reguide()).resolved

    async def resubmit(
        self, issue_id: str, *, changes: Mapping[str, Any] | None = None, raw: str | None = None, author: str
    ) -> RecordResult:
        """Send a kept record again, corrected."""
        return await self.mending.resubmit(issue_id, changes=changes, raw=raw, author=author)

    async def forget_events_before(self, day: date) -> int:
        """Archive and drop the raw events of whole UTC days before ``day``; counters, invoices, kept records stay.

        Answers how many days were dropped. Raises UnableTo for a day within the 90 days in which a record may still be
        sent again: without its first copy it would count twice.
        """
        latest = (self._clock.now() - RETENTION).date()
        if day > latest:
            remedy = f"Use {latest} or earlier."
            raise UnableTo("Records of this day may still be sent again.", field="day", value=day, remedy=remedy)
        return await self.archive.put_away(day)

    async def forget_older_than(self, keep_days: int) -> int:
        """Drop the raw events of whole days, and contents of files, more than ``keep_days`` ago; 0 keeps them for ever.

        Days that are over get their index by service here, and the days to come their partitions.
        """
        now = self._clock.now()
        async with self._make_work() as work:
            await work.usage.ensure_days([now.date() + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)])
            await work.commit()
        async with self._make_work() as work:
            await work.usage.index_days_before((now - DAY_IS_OVER_AFTER).date())
            await work.commit()
        if not keep_days:
            return 0
        await self.files.forget_contents_before(self._clock.now() - timedelta(days=keep_days))
        return await self.forget_events_before((self._clock.now() - timedelta(days=keep_days)).date())
