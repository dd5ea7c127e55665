"""Running payment plans as a case sees them: what they cover, what is done about them next, and how they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from billing.domain.cycle_calendar import local_date
from billing.domain.dunning_ladder import DunningPolicy
from billing.domain.ledger import spread
from billing.domain.payment_plan import (
    Ask,
    Instalment,
    Kept,
    Missed,
    PlanDecision,
    PlanFacts,
    Rest,
    Tell,
    asked,
    decide_plan,
    instalment_in_turn,
    told,
)
from billing.messages.dunning import NextAction, NextStep, StepDone
from billing.messages.notices import NoticeKind
from billing.messages.payments import PaymentStatus
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.arrangements import StoredPlan
from billing.ports.dunning import Case
from billing.ports.ledger import OpenInvoice
from billing.ports.notices import TAKEN
from billing.ports.payments import Attempt, AttemptPurpose
from billing.ports.unit_of_work import UnitOfWork

RUNNING, KEPT, BROKEN, CANCELLED, REPLACED = "running", "kept", "broken", "cancelled", "replaced"
INSTALMENT_STEP = "instalment@"
_FAILURES = (PaymentStatus.FAILED, PaymentStatus.ACTION_REQUIRED)
_IN_FLIGHT = (PaymentStatus.PENDING, PaymentStatus.UNKNOWN)
_NOTICES_READ = 1000


@dataclass(frozen=True)
class PlanLook:
    """A case after its plan was looked at. ``step`` is to be done now, else ``until`` the plan wants to look again."""

    case: Case
    step: NextStep | None = None
    until: datetime | None = None
    reason: str = ""


def instalments_of(plan: StoredPlan) -> tuple[Instalment, ...]:
    """The plan's instalments, in their order."""
    return tuple([Instalment.from_dict(one) for one in plan.instalments])


async def owed_of(work: UnitOfWork, account_id: str, invoice_ids: Sequence[str]) -> list[OpenInvoice]:
    """Those of the invoices on which something undisputed is open, oldest first."""
    opened = await work.ledger.open_invoices(account_id)
    return [one for one in opened if one.invoice_id in invoice_ids and one.open_minor > one.disputed_minor]


def owed_minor(invoices: Sequence[OpenInvoice]) -> int:
    """Open and undisputed, minor units."""
    return sum(one.open_minor - one.disputed_minor for one in invoices)


async def next_part_of_plan(work: UnitOfWork, account_id: str, opened: Sequence[OpenInvoice]) -> Sequence[OpenInvoice]:
    """Open invoices as a customer with a running plan pays them now: of what it covers, what is left of the instalment
    in turn, on the oldest invoices first; everything else as it is."""
    plan = await work.arrangements.running_plan(account_id)
    if plan is None:
        return opened
    owed = [one for one in opened if one.invoice_id in plan.invoice_ids and one.open_minor > one.disputed_minor]
    turn = instalment_in_turn(instalments_of(plan), plan.total_minor, owed_minor(owed))
    shares = spread(turn[1] if turn else 0, [(one.invoice_id, one.open_minor - one.disputed_minor) for one in owed])
    return [
        replace(one, open_minor=one.disputed_minor + shares.get(one.invoice_id, 0)) if one in owed else one
        for one in opened
    ]


async def look_at_plan(
    work: UnitOfWork, account: Account, case: Case, policy: DunningPolicy, now: datetime
) -> PlanLook:
    """What the account's running plan asks for now; one that ended is written down as kept or broken."""
    plan = await work.arrangements.running_plan(account.account_id)
    if plan is None:
        return PlanLook(case)
    owed = await owed_of(work, account.account_id, plan.invoice_ids)
    facts = await _facts(work, account, case, plan, owed, policy)
    decision = decide_plan(facts, now)
    match decision:
        case Kept() | Missed():
            status = KEPT if isinstance(decision, Kept) else BROKEN
            return PlanLook(await end_plan(work, account, plan, status, decision.reason, "evenflow", now) or case)
        case Rest(until=until):
            return PlanLook(case, None, until, decision.reason)
    return PlanLook(case, _step(plan, decision, owed))


def _step(plan: StoredPlan, decision: PlanDecision, owed: Sequence[OpenInvoice]) -> NextStep:
    base = NextStep(
        NextAction.WAIT,
        f"{decision.reason} (payment plan {plan.plan_id})",
        currency=plan.currency,
        invoice_ids=tuple(one.invoice_id for one in owed),
    )
    if isinstance(decision, Ask):
        name = f"{plan.plan_id}-{decision.instalment.number}"
        return replace(
            base,
            action=NextAction.RETRY,
            step=f"{INSTALMENT_STEP}{name}",
            occasion="again" if decision.instalment.asked_at else "asked",
            amount_minor=decision.amount_minor,
            on=decision.instalment.due_on,
            instalment=name,
        )
    assert isinstance(decision, Tell)
    name = f"{plan.plan_id}-{decision.instalment.number}"
    failed = decision.failed_attempt
    return replace(
        base,
        action=NextAction.NOTIFY,
        step=f"{INSTALMENT_STEP}{name}",
        notice=NoticeKind.FAILED if failed else NoticeKind.INSTALMENT_DUE,
        occasion=failed or name,
        amount_minor=decision.amount_minor,
        on=None if failed else decision.by,
    )


async def _facts(
    work: UnitOfWork,
    account: Account,
    case: Case,
    plan: StoredPlan,
    owed: Sequence[OpenInvoice],
    policy: DunningPolicy,
) -> PlanFacts:
    instalments, open_minor = instalments_of(plan), owed_minor(owed)
    if open_minor < (await work.accounts.brand(account.brand)).minimum_charge_minor:
        open_minor = 0  # too little to be paid by itself: nobody could keep the plan
    turn = instalment_in_turn(instalments, plan.total_minor, open_minor)
    failed = await _failed_debit(work, account.account_id, turn[0]) if turn else None
    untold = {one["attempt_id"] for one in case.failures if not one["told"]}
    live = await work.payments.live_attempts(account.account_id)
    return PlanFacts(
        instalments=instalments,
        total_minor=plan.total_minor,
        open_minor=open_minor,
        paid_by=plan.paid_by,
        zone=account.zone,
        grace_days=policy.arrangements.grace_days,
        attempt_in_flight=any(one.status in _IN_FLIGHT for one in live),
        announced_on=await _announced_on(work, plan, turn[0]) if turn else None,
        failed_at=(failed.settled_at or failed.created_at) if failed else None,
        failed_attempt=failed.attempt_id if failed else "",
        failure_told=failed is None or failed.attempt_id not in untold,
    )


async def _failed_debit(work: UnitOfWork, account_id: str, one: Instalment) -> Attempt | None:
    """The newest debit since the account was asked for this instalment, when it failed."""
    if one.asked_at is None:
        return None
    tried = [
        each
        for each in await work.payments.attempts(account_id)
        if each.purpose == AttemptPurpose.DEBIT and each.created_at >= one.asked_at
    ]
    newest = max(tried, key=lambda each: each.created_at, default=None)
    return newest if newest is not None and newest.status in _FAILURES else None


async def _announced_on(work: UnitOfWork, plan: StoredPlan, one: Instalment) -> date | None:
    """The date that the customer was told for this instalment's debit."""
    named = [
        each.named_on
        for each in await work.notices.of(plan.account_id, _NOTICES_READ)
        if each.kind is NoticeKind.INSTALMENT
        and each.occasion == f"{plan.plan_id}-{one.number}"
        and each.status in TAKEN
        and each.named_on is not None
    ]
    return max(named, default=None)


async def note_instalment(work: UnitOfWork, account_id: str, done: StepDone, now: datetime, *, told_anew: bool) -> bool:
    """Write down that an instalment was asked for or told of; False when that is written down already.

    ``told_anew``: the customer was told of a failed debit that nothing had been told of.
    """
    plan_id, _, number = done.step.removeprefix(INSTALMENT_STEP).rpartition("-")
    plan = await work.arrangements.plan(account_id, plan_id)
    before = instalments_of(plan)
    last = next(one for one in before if one.number == int(number))
    is_ask = done.action is NextAction.RETRY
    if (last.asked_at and done.occasion == "asked") if is_ask else (last.told_at and not told_anew):
        return False
    after = (asked if is_ask else told)(before, int(number), now)
    await work.arrangements.change_plan(account_id, plan_id, {"instalments": [one.to_dict() for one in after]})
    return True


async def end_plan(
    work: UnitOfWork, account: Account, plan: StoredPlan, status: str, why: str, author: str, now: datetime
) -> Case | None:
    """End a running plan; days at which it let the case rest push the ladder's later days. Answers the open case."""
    values = {"status": status, "ended_at": now, "end_reason": why}
    await work.arrangements.change_plan(account.account_id, plan.plan_id, values)
    reason = {"rule": why, "plan_id": plan.plan_id, "made_at": plan.made_at.isoformat()}
    summary = f"Payment plan {plan.plan_id} is {status}: {why}"
    await work.timeline.add(TimelineEntry(account.account_id, now, "payment_plan_ended", summary, reason, author))
    case = await work.dunning.open_case(account.account_id)
    if case is None or not plan.rests_case or status == KEPT:
        return case
    begun = max(plan.made_at, case.opened_at)
    days = (local_date(now, account.zone) - local_date(begun, account.zone)).days
    rested = case.rested_days + max(0, days)
    await work.dunning.change_case(case.account_id, case.case_id, {"rested_days": rested})
    return replace(case, rested_days=rested)
