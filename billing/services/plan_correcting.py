"""A published price was wrong: from an instant on, one version of a plan counts as another.

Lines get the corrected version in their past, usage is rated again, and what a billed cycle costs more or less is on
the next invoice. Accounts are corrected some at a time, each completely in one transaction, so that no invoice falls in
between; a process that dies goes on after the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from billing.domain.errors import Conflict, InvalidValue, UnableTo
from billing.messages.plan_corrections import CorrectPlanRequest
from billing.ports.clock import BusinessClock
from billing.ports.numbers import PlanRow
from billing.ports.plan_corrections import CycleDifference, NewPlanCorrection, PlanCorrection
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_corrections import RERATED, Change, EventsOf
from billing.ports.usage_intake import ServicePlan
from billing.services.plan_correction_differences import cycles_since, differences_between, told
from billing.services.usage_counting import UsageCounting
from billing.services.usage_decisions import stated
from billing.services.usage_following import Followed, UsageFollowing
from billing.services.usage_plans import PlanShelf
from billing.services.usage_records import AHEAD

# Issuing waits for a transaction that rates usage again, so it is kept short.
ACCOUNTS_AT_ONCE = 5
MOST_PREVIEWED = 20
OnProgress = Callable[[PlanCorrection], None]


@dataclass(frozen=True)
class CorrectionPreview:
    """What a correction would change for some accounts: ``events`` would be rated again, ``waiting`` of them would have
    no price."""

    accounts: Sequence[str]
    currency: str
    events: int
    waiting: int
    differences: Sequence[CycleDifference]


class PlanCorrections:
    """Requests, previews and carries out corrections."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        process: Process,
        following: UsageFollowing,
        counting: UsageCounting,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._following = following
        self._counting = counting
        self._shelf = PlanShelf()

    async def request(self, new: NewPlanCorrection) -> PlanCorrection:
        """Record a correction and start it; the same one again, while it runs, is the one that runs.

        Raises NotFound for a version that was never published, InvalidValue for one that cannot stand for the other or
        an instant that is not behind us, UnableTo where usage since then is archived, Conflict while another correction
        of the plan runs.
        """
        new = replace(new, reason=stated(new.reason))
        async with self._make_work() as work:
            await work.accounts.lock_catalogue()
            currency = await self._check(work, new)
            correction = _same(new, await work.plan_corrections.unfinished(new.plan_code))
            if correction is None:
                correction = await work.plan_corrections.add(new, currency, self._clock.now())
                await work.commit()
        await self._process.start_plan_correction(CorrectPlanRequest(correction.correction_id))
        return correction

    async def preview(self, new: NewPlanCorrection, account_ids: Sequence[str] = ()) -> CorrectionPreview:
        """Carry it out for these accounts, or for the first that have the version, and keep nothing of it.

        Raises as ``request`` does, and NotFound for an account there is not.
        """
        async with self._make_work() as work:
            currency = await self._check(work, new)
            named = list(dict.fromkeys(account_ids))
            accounts = named or await work.plan_corrections.accounts_with(new, None, MOST_PREVIEWED)
            followed, differences = await self._correct(work, new, accounts) if accounts else (Followed(), [])
        return CorrectionPreview(accounts, currency, followed.seen, followed.recycled, differences)

    async def of(self, plan_code: str = "", limit: int = 100) -> Sequence[PlanCorrection]:
        """Corrections, of one plan or of all, the newest first."""
        async with self._make_work() as work:
            return await work.plan_corrections.of(plan_code, limit)

    async def get(self, correction_id: str) -> PlanCorrection:
        """One correction. Raises NotFound."""
        async with self._make_work() as work:
            return await work.plan_corrections.get(correction_id)

    async def differences(
        self, correction_id: str, after: tuple[str, int] | None = None, limit: int = 100
    ) -> Sequence[CycleDifference]:
        """What it changed, by account and cycle. Raises NotFound."""
        async with self._make_work() as work:
            await work.plan_corrections.get(correction_id)
            return await work.plan_corrections.differences(correction_id, after, limit)

    async def start_unfinished(self) -> int:
        """For upkeep: start what nobody carries out; answers how many are not finished."""
        async with self._make_work() as work:
            waiting = await work.plan_corrections.unfinished()
        for each in waiting:
            await self._process.start_plan_correction(CorrectPlanRequest(each.correction_id))
        return len(waiting)

    async def carry_out(self, correction_id: str, on_progress: OnProgress = lambda correction: None) -> PlanCorrection:
        """Correct every account, from the last one that is done on; may be repeated at any time."""
        correction = await self.get(correction_id)
        while correction.finished_at is None:
            async with self._make_work() as work:
                wanted = correction, correction.last_account_id, ACCOUNTS_AT_ONCE
                accounts = await work.plan_corrections.accounts_with(*wanted)
            if not accounts:
                break
            correction = await self._correct_some(correction_id, accounts, last=accounts[-1])
            on_progress(correction)
        if correction.finished_at is None:
            correction = await self._finish(correction, on_progress)
        return correction

    async def _finish(self, correction: PlanCorrection, on_progress: OnProgress) -> PlanCorrection:
        """Whoever guided by the directory as it was has stored what it guided: that is rated again too."""
        async with self._make_work() as work:
            await work.usage.wait_for_intake()
        after: str | None = None
        while True:
            async with self._make_work() as work:
                accounts = await work.plan_corrections.accounts_counting(correction, after, ACCOUNTS_AT_ONCE)
            if not accounts:
                break
            after = accounts[-1]
            on_progress(await self._correct_some(correction.correction_id, accounts))
        async with self._make_work() as work:
            done = replace(await work.plan_corrections.lock(correction.correction_id), finished_at=self._clock.now())
            await work.plan_corrections.change(done)
            await work.commit()
        return done

    async def _correct_some(
        self, correction_id: str, accounts: Sequence[str], last: str | None = None
    ) -> PlanCorrection:
        async with self._make_work() as work:
            known = await work.plan_corrections.lock(correction_id)
            followed, differences = await self._correct(work, known, accounts)
            changed = [list(own) for _, own in groupby(differences, key=lambda each: each.account_id)]
            await work.plan_corrections.add_differences(correction_id, differences)
            await work.timeline.add_all([told(known, own, self._clock.now()) for own in changed])
            done = replace(
                known,
                last_account_id=last or known.last_account_id,
                accounts=known.accounts + (len(changed) if last else 0),
                events=known.events + followed.seen,
                waiting=known.waiting + followed.recycled,
                difference_minor=known.difference_minor + sum(each.difference_minor for each in differences),
            )
            await work.plan_corrections.change(done)
            await work.commit()
        await self._counting.count_few(sorted(followed.accounts))
        return done

    async def _correct(
        self, work: UnitOfWork, correction: NewPlanCorrection, accounts: Sequence[str]
    ) -> tuple[Followed, list[CycleDifference]]:
        """Accounts are locked before the intake, as issuing locks them. Nothing is committed here."""
        now = self._clock.now()
        await work.accounts.lock_all(accounts)
        await work.usage.begin_intake()
        rows = _corrected_lines(await work.usage.service_plans(accounts), correction)
        before = {each: await cycles_since(work, self._shelf, each, correction.since, now) for each in accounts}
        for (account_id, service_id), own in rows.items():
            await work.accounts.write_plans(account_id, service_id, own, correction.since)
        followed = await self._follow(work, correction, accounts)
        differences = []
        for account_id in accounts:
            after = await cycles_since(work, self._shelf, account_id, correction.since, now)
            differences += differences_between(before[account_id], after)
        return followed, differences

    async def _follow(self, work: UnitOfWork, correction: NewPlanCorrection, accounts: Sequence[str]) -> Followed:
        version = correction.plan_code, correction.plan_version
        last = self._clock.now() + AHEAD + timedelta(days=1)
        wanted = EventsOf(correction.since, last, plan=version, accounts=accounts)
        change = Change(RERATED, correction.reason, correction.author, self._clock.now())
        total = Followed()
        while True:
            page = await self._following.follow_page(work, wanted, change, total.last)
            total = total.plus(page)
            if page.last is None:
                return total

    async def _check(self, work: UnitOfWork, new: NewPlanCorrection) -> str:
        """The currency of the plan, where the correction can be carried out."""
        wrong = await work.accounts.plan(new.plan_code, new.plan_version)
        await work.accounts.plan(new.plan_code, new.corrected_version)
        if new.plan_version == new.corrected_version:
            remedy = "Publish the corrected plan first; it gets a version of its own."
            value = new.corrected_version
            raise InvalidValue(
                "A version cannot stand for itself.", field="corrected_version", value=value, remedy=remedy
            )
        if new.since >= self._clock.now():
            remedy = "Use an earlier instant; POST /v1/accounts/{account_id}/services/{service_id}/plan changes plans."
            raise InvalidValue("It is not behind us.", field="since", value=new.since.isoformat(), remedy=remedy)
        _refuse_archived(new.since, [each.day for each in await work.usage.archives() if each.dropped_at])
        return (await work.accounts.brand(wrong.brand)).currency


def _refuse_archived(since: datetime, dropped: Iterable[object]) -> None:
    newest = max((str(day) for day in dropped), default="")
    if newest and since.astimezone(UTC).date().isoformat() <= newest:
        raise UnableTo(
            f"Usage until {newest} is archived, and cannot be rated again.",
            field="since",
            value=since.isoformat(),
            remedy=f"Use an instant after {newest} (UTC), and correct what lies before by adjustments.",
        )


def _same(new: NewPlanCorrection, running: Sequence[PlanCorrection]) -> PlanCorrection | None:
    """The correction that runs, when it says the same. Raises Conflict when it says something else."""
    for each in running:
        if each.says != new.says:
            raise Conflict(
                f"{each.correction_id} corrects this plan at the moment.",
                field="plan_code",
                value=new.plan_code,
                remedy=f"Wait until GET /v1/plan-corrections/{each.correction_id} has a finished_at.",
            )
        return each
    return None


def _corrected_lines(
    periods: Sequence[ServicePlan], correction: NewPlanCorrection
) -> Mapping[tuple[str, str], Sequence[PlanRow]]:
    """The plans of every line that has the wrong version after the instant, as they are to be."""
    found = {}
    for line, own in groupby(periods, key=lambda each: (each.account_id, each.service_id)):
        mine = list(own)
        rows = corrected_rows(mine, correction)
        if rows != [_row(each) for each in mine]:
            found[line] = rows
    return found


def corrected_rows(periods: Sequence[ServicePlan], correction: NewPlanCorrection) -> list[PlanRow]:
    """The plans of one line, in order of time, where one version counts as another from an instant on."""
    wrong = correction.plan_code, correction.plan_version
    rows: list[PlanRow] = []
    for each in periods:
        row = _row(each)
        lasts = each.active_to is None or each.active_to > correction.since
        if (each.plan_code, each.plan_version) == wrong and lasts:
            if each.active_from < correction.since:
                rows.append(row)
            begins = max(each.active_from, correction.since)
            row = PlanRow(begins, correction.plan_code, correction.corrected_version)
        if not rows or (rows[-1].plan_code, rows[-1].plan_version) != (row.plan_code, row.plan_version):
            rows.append(row)
    return rows


def _row(period: ServicePlan) -> PlanRow:
    return PlanRow(period.active_from, period.plan_code, period.plan_version)
