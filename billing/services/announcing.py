"""Announcing: the customer is told amount and date before money is taken, and the debit moves with a late notice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, time

from billing.domain.cycle_calendar import at_local_time, local_date
from billing.domain.cycle_plan import CyclePlan, MethodKind, replan_debit
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.money import Money
from billing.messages.announcing import Announced, AnnounceRequest, AnnounceRetryRequest
from billing.messages.notices import NoticeKind, NoticeRequest, NoticeResult
from billing.messages.payments import RetryPlan, RetryPlanRequest
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.invoicing_cycles import store_plan
from billing.services.notices import FAILED, REPEATED, SENT, NoticeService
from billing.services.payments import PaymentService
from billing.services.planned_methods import planned_method

# A notice is late when midnight passes between planning and sending it; more than one such midnight is a broken vendor.
MOST_NOTICES = 3


class AnnouncingService:
    """Joins dates and notices; both steps are safe to repeat."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, notices: NoticeService, payments: PaymentService
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._notices = notices
        self._payments = payments

    async def announce_invoice(self, request: AnnounceRequest) -> Announced:
        """Send the ready notice with amount and debit date; one that left late is followed by one with a new date."""
        for _ in range(MOST_NOTICES):
            plan = await self._plan_as_of_now(request)
            notice = await self._tell_invoice(request, plan)
            if notice.wait_until is not None:
                return Announced(False, notice.explanation, notice.wait_until)
            if request.amount_minor <= 0 or await self._is_announced(request, plan):
                break
        else:
            return Announced(False, notice.explanation)
        if plan.debit_on == request.debit_on:
            return Announced(True)
        return Announced(
            True,
            notice.explanation,
            debit_on=plan.debit_on,
            reminder_at=plan.reminder_at,
            submit_at=plan.submit_at,
            debit_at=plan.debit_at,
        )

    async def _tell_invoice(self, request: AnnounceRequest, plan: CyclePlan) -> NoticeResult:
        return await self._notices.send(
            NoticeRequest(
                request.account_id,
                _ready_kind(request),
                request.invoice_id,
                plan.debit_on.isoformat() if request.amount_minor > 0 else "",
                max(request.amount_minor, 0),
                request.currency,
                plan.debit_on,
                request.invoice_ids,
            )
        )

    async def _is_announced(self, request: AnnounceRequest, plan: CyclePlan) -> bool:
        """True when the notice left in time for the plan's debit; without a debit any time is good."""
        if not request.debits:
            return True
        async with self._make_work() as work:
            return await work.notices.announced(
                request.account_id, request.invoice_id, request.amount_minor, plan.debit_on
            )

    async def _plan_as_of_now(self, request: AnnounceRequest) -> CyclePlan:
        """The stored plan, moved when its ready notice did not leave on its day; the move is stored and explained."""
        now = self._clock.now()
        async with self._make_work() as work:
            cycle = await work.accounts.lock_cycle(request.account_id, request.cycle_number)
            plan = await _by_method_in_use(work, request, CyclePlan.from_dict(dict(cycle.plan)), now)
            account = await work.accounts.get(request.account_id)
            brand = await work.accounts.brand(account.brand)
            method = await planned_method(work, request.account_id, now)
            moved = replan_debit(plan, now, method.policy_of(brand))
            if request.amount_minor <= 0 or moved.debit_on == plan.debit_on:
                return plan
            if await work.notices.announced(
                request.account_id, request.invoice_id, request.amount_minor, plan.debit_on
            ):
                return plan  # it left in time; this is a repeat
            await store_plan(work, request.account_id, moved)
            await work.timeline.add(_moved(request, plan, moved, now))
            await work.commit()
            return moved

    async def announce_retry(self, request: AnnounceRetryRequest) -> Announced:
        """Find the next date a debit may be tried, and tell the customer; not told when nothing may be tried."""
        plan = await self._payments.plan_retry(
            RetryPlanRequest(
                request.account_id, request.invoice_ids, request.not_before, request.most_minor, request.debit_on
            )
        )
        if not plan.possible or plan.debit_on is None or plan.submit_at is None:
            await self._explain(request, plan)
            return Announced(False, plan.explanation)
        now = self._clock.now()
        if plan.notify_at is not None and plan.notify_at > now:
            return Announced(False, plan.explanation, plan.notify_at)
        notice = await self._tell_retry(request, plan)
        if notice.wait_until is not None or notice.status == FAILED:
            return Announced(False, notice.explanation, notice.wait_until)
        if notice.status in (SENT, REPEATED):
            await self._explain_date(request, plan)
        return Announced(
            True,
            plan.explanation,
            None,
            plan.invoice_ids,
            plan.amount_minor,
            plan.currency,
            plan.debit_on,
            submit_at=plan.submit_at,
            debit_at=await self._debit_at(request.account_id, plan),
        )

    async def _tell_retry(self, request: AnnounceRetryRequest, plan: RetryPlan) -> NoticeResult:
        return await self._notices.send(
            NoticeRequest(
                request.account_id,
                NoticeKind.INSTALMENT if request.instalment else NoticeKind.RETRY,
                plan.invoice_ids[0],
                request.occasion,
                plan.amount_minor,
                plan.currency,
                plan.debit_on,
                plan.invoice_ids,
            )
        )

    async def _debit_at(self, account_id: str, plan: RetryPlan) -> datetime:
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            brand = await work.accounts.brand(account.brand)
        policy = CyclePolicy.from_dict(dict(brand.cycle_policy))
        assert plan.debit_on is not None
        return at_local_time(plan.debit_on, time(policy.debit_hour_local), brand.zone)

    async def _explain(self, request: AnnounceRetryRequest, plan: RetryPlan) -> None:
        summary, why = f"No further debit: {plan.explanation}", _why(request, plan) | {"why": plan.explanation}
        await self._write_once(request.account_id, "retry_not_possible", summary, why, ("occasion", "invoices", "why"))

    async def _explain_date(self, request: AnnounceRetryRequest, plan: RetryPlan) -> None:
        """Once per date, also when the notice left and whoever sent it ended before this was written."""
        summary = f"Another debit of {Money(plan.amount_minor, plan.currency)} on {plan.debit_on}: {plan.explanation}"
        why = _why(request, plan) | {"debit_on": str(plan.debit_on)}
        await self._write_once(request.account_id, "retry_planned", summary, why, ("occasion", "invoices", "debit_on"))

    async def _write_once(
        self, account_id: str, kind: str, summary: str, why: Mapping[str, object], about: Collection[str]
    ) -> None:
        async with self._make_work() as work:
            await work.accounts.lock(account_id)
            await work.timeline.add_once(TimelineEntry(account_id, self._clock.now(), kind, summary, why), about)
            await work.commit()


def _why(request: AnnounceRetryRequest, plan: RetryPlan) -> dict[str, object]:
    """Rule, version and inputs of a decision about a retry."""
    return {
        "rule": plan.rule or "retry by category and scheme",
        "policy_version": plan.policy_version,
        "occasion": request.occasion,
        "invoices": list(request.invoice_ids),
        "inputs": dict(plan.inputs),
    }


async def _by_method_in_use(work: UnitOfWork, request: AnnounceRequest, plan: CyclePlan, now: datetime) -> CyclePlan:
    """The plan for a customer who chose Bacs since it was made: that notice has to be longer."""
    kind = (await planned_method(work, request.account_id, now)).kind
    return replace(plan, method_kind=kind) if request.debits and kind is MethodKind.BACS_DEBIT else plan


def _ready_kind(request: AnnounceRequest) -> NoticeKind:
    if request.amount_minor <= 0:
        return NoticeKind.NOTHING_TO_PAY
    return NoticeKind.READY if request.debits else NoticeKind.READY_TO_PAY


def _moved(request: AnnounceRequest, plan: CyclePlan, moved: CyclePlan, now: datetime) -> TimelineEntry:
    return TimelineEntry(
        request.account_id,
        now,
        "debit_moved",
        f"The notice leaves late, so the debit moves from {plan.debit_on} to {moved.debit_on}",
        {
            "rule": "notice before debit, in local calendar days",
            "planned_notice_on": local_date(plan.ready_notice_at, plan.zone).isoformat(),
            "notice_on": local_date(now, plan.zone).isoformat(),
            "invoice_id": request.invoice_id,
        },
    )
