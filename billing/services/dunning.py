"""Dunning cases: open and join, decide the next step by the pinned policy, write down what was done, close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from billing.domain.dunning_policy import DunningAction, DunningPolicy
from billing.domain.retry import FailureCategory
from billing.messages.dunning import (
    CaseCommand,
    CaseCommandResult,
    CloseCaseRequest,
    DecideRequest,
    NextAction,
    NextStep,
    OpenCaseRequest,
    OpenedCase,
)
from billing.messages.notices import NoticeKind
from billing.messages.payments import PaymentStatus
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.barring import Order
from billing.ports.clock import BusinessClock
from billing.ports.dunning import Case
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.dunning_assignments import policy_of
from billing.services.dunning_commands import change_case
from billing.services.dunning_facts import read_view
from billing.services.dunning_fees import charge_reconnection
from billing.services.dunning_plans import PlanLook, look_at_plan
from billing.services.dunning_promises import settle_promises
from billing.services.dunning_records import failures_with, write_down
from billing.services.dunning_steps import next_step

STORY_KINDS = ("case_opened", "dunning_step", "case_closed")
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class CaseStory:
    """An account's cases, newest first, and what was done in them and why, oldest first."""

    cases: Sequence[Case]
    entries: Sequence[TimelineEntry]


class DunningService:
    """One open case per account; all overdue invoices are in it. It decides and writes down; it never collects."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def open_case(self, request: OpenCaseRequest) -> OpenedCase:
        """Open the account's case, or let invoices and a failed attempt join the open one. Safe to repeat."""
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            told_of = await _told_already(work, request)
            case = await work.dunning.open_case(request.account_id)
            if case is None:
                case = await self._open(work, account, request, told_of)
            else:
                await _join(work, case, request, told_of)
            await work.commit()
        return OpenedCase(case.case_id, case.opened_at, case.policy_code, case.policy_version)

    async def _open(self, work: UnitOfWork, account: Account, request: OpenCaseRequest, told_of: str) -> Case:
        now = self._clock.now()
        policy = await policy_of(work, account)
        case = await work.dunning.add_case(
            {
                "account_id": account.account_id,
                "policy_code": policy.policy_code,
                "policy_version": policy.policy_version,
                "opened_at": now,
                "invoice_ids": list(request.invoice_ids),
                "steps_done": _replaced_steps(policy.definition, told_of),
                "failures": failures_with([], request.failed_attempt_id, told=bool(told_of)),
                "last_failure_category": request.failure_category,
            }
        )
        reason = {
            "rule": f"policy {policy.policy_code} version {policy.policy_version}, pinned",
            "failure": request.failure_category,
            "attempt_id": request.failed_attempt_id,
            "invoices": list(request.invoice_ids),
        }
        summary = f"Dunning case {case.case_id} opened for {', '.join(request.invoice_ids)}"
        await work.timeline.add(TimelineEntry(account.account_id, now, "case_opened", summary, reason))
        return case

    async def decide(self, request: DecideRequest) -> NextStep:
        """Write down the step just done, then decide the next one by the pinned policy version. Safe to repeat."""
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            case = await work.dunning.case(request.account_id, request.case_id)
            now = self._clock.now()
            policy = await pinned_policy(work, case)
            if request.done is not None:
                case = await write_down(work, case, policy, request.done, now)
            await settle_promises(work, account, now)
            case, step = await _decide(work, account, case, policy, now)
            await work.dunning.change_case(
                case.account_id,
                case.case_id,
                {"stage": step.step or case.stage, "next_action_at": step.until, "reason": step.reason},
            )
            orders = [one for one in await work.barring.orders(account.account_id) if _is_of(one, case)]
            await work.commit()
        return replace(step, stage=case.steps_done[-1] if case.steps_done else "opened", orders_placed=len(orders))

    async def close_case(self, request: CloseCaseRequest) -> None:
        """Close the case; safe to repeat."""
        async with self._make_work() as work:
            await work.accounts.lock(request.account_id)
            case = await work.dunning.case(request.account_id, request.case_id)
            if case.closed_at is not None:
                return
            now = self._clock.now()
            if request.outcome == "settled":
                await charge_reconnection(work, case, await pinned_policy(work, case), now)
            await work.dunning.change_case(
                case.account_id, case.case_id, {"closed_at": now, "outcome": request.outcome, "next_action_at": None}
            )
            words = {
                "settled": "nothing is owed any more, or too little to be paid by itself",
                "handed_over": "handed over to a person",
            }
            summary = f"Dunning case {case.case_id} closed: {words.get(request.outcome, request.outcome)}"
            reason = {"rule": case.reason, "steps": list(case.steps_done)}
            await work.timeline.add(TimelineEntry(case.account_id, now, "case_closed", summary, reason))
            await work.commit()

    async def change_case(self, request: CaseCommand) -> CaseCommandResult:
        """Carry out a promise, hold, pause, resume or change of policy."""
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            result = await change_case(work, account, request, self._clock.now())
            await work.commit()
        return result

    async def story(self, account_id: str) -> CaseStory:
        """An account's cases with what was done and why. Raises NotFound."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            cases = await work.dunning.cases(account_id)
            entries = [one for one in await work.timeline.of(account_id) if one.kind in STORY_KINDS]
        return CaseStory(list(reversed(cases)), sorted(entries, key=lambda one: one.at))


def _is_of(order: Order, case: Case) -> bool:
    """An order of this case, by its name: ``<case id>-<number>``."""
    return order.order_id.rpartition("-")[0] == case.case_id


async def _told_already(work: UnitOfWork, request: OpenCaseRequest) -> str:
    """Why the customer hears nothing of this failure from dunning; empty when a failed notice is due."""
    if request.failure_category == FailureCategory.MERCHANT_ERROR:
        return "our own failure"
    if not request.failed_attempt_id:
        return ""
    attempt = await work.payments.attempt(request.account_id, request.failed_attempt_id)
    # The account has told of a reversed payment in neutral words.
    return "reversal" if attempt is not None and attempt.status == PaymentStatus.DISPUTED else ""


def _replaced_steps(definition: Mapping[str, Any], told_of: str) -> list[str]:
    """Steps a case begins with as done: the notice of a reversal takes the place of the first failed notice."""
    if told_of != "reversal":
        return []
    steps = DunningPolicy.from_dict(definition).steps
    return [one.name for one in steps if one.day == 0 and one.action is DunningAction.FAILED_NOTICE]


async def _join(work: UnitOfWork, case: Case, request: OpenCaseRequest, told_of: str) -> None:
    known = [dict(one) for one in case.failures]
    await work.dunning.change_case(
        case.account_id,
        case.case_id,
        {
            "invoice_ids": list(dict.fromkeys([*case.invoice_ids, *request.invoice_ids])),
            "failures": failures_with(known, request.failed_attempt_id, told=bool(told_of)),
            "last_failure_category": request.failure_category or case.last_failure_category,
        },
    )


async def pinned_policy(work: UnitOfWork, case: Case) -> DunningPolicy:
    """The version that the case walks by."""
    pinned = await work.dunning.policy(case.policy_code, case.policy_version)
    return DunningPolicy.from_dict({**pinned.definition, "version": pinned.policy_version})


async def _decide(
    work: UnitOfWork, account: Account, case: Case, policy: DunningPolicy, now: datetime
) -> tuple[Case, NextStep]:
    """The ladder's next step; a running payment plan comes first, unless everything stands still."""
    look = PlanLook(case)
    if not (account.paused or (account.hold_until is not None and now < account.hold_until)):
        look = await look_at_plan(work, account, case, policy, now)
    case = look.case
    view = await read_view(work, account, case, policy, now)
    step = await _not_twice(work, case, next_step(case, view, policy, now), now)
    if view.facts.handed_over or step.action is NextAction.CLOSE:
        return case, step
    if look.step is not None:
        return case, replace(look.step, level=view.facts.barring_level)
    if step.action is NextAction.WAIT and look.until is not None:
        until = look.until if step.until is None else min(step.until, look.until)
        step = replace(step, until=until, reason=f"{look.reason}; {step.reason}")
    return case, step


async def _not_twice(work: UnitOfWork, case: Case, step: NextStep, now: datetime) -> NextStep:
    """A warning that reached nobody is sent again on another day, with another date, and never twice a day."""
    if step.notice is not NoticeKind.BARRING_WARNING:
        return step
    tried = await work.notices.of_occasion(case.account_id, case.case_id, NoticeKind.BARRING_WARNING, step.occasion)
    if not tried:
        return step
    reason = f"the warning for {step.on} was tried and reached nobody; again tomorrow ({step.reason})"
    return NextStep(NextAction.WAIT, reason, until=now + ONE_DAY, currency=step.currency)
