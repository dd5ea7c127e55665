"""Dunning cases: open and join, decide the next step by the pinned policy, write down what was done, close."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from billing.domain.dunning_policy import (
    Bar,
    CaseFacts,
    Close,
    Decision,
    DunningAction,
    DunningPolicy,
    HandOver,
    Remind,
    Retry,
    Wait,
    Warn,
    decide,
)
from billing.messages.dunning import (
    CaseCommand,
    CaseCommandResult,
    CloseCaseRequest,
    DecideRequest,
    NextAction,
    NextStep,
    OpenCaseRequest,
    OpenedCase,
    StepDone,
)
from billing.messages.notices import NoticeKind
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.dunning import Case
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.dunning_commands import change_case
from billing.services.dunning_facts import read_facts


class DunningService:
    """One open case per account; all overdue invoices are in it. It decides and writes down; it never collects."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def open_case(self, request: OpenCaseRequest) -> OpenedCase:
        """Open the account's case, or let invoices and a failed attempt join the open one. Safe to repeat."""
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            case = await work.dunning.open_case(request.account_id)
            if case is None:
                case = await self._open(work, account, request)
            else:
                await _join(work, case, request)
            await work.commit()
        return OpenedCase(case.case_id, case.opened_at, case.policy_code, case.policy_version)

    async def _open(self, work: UnitOfWork, account: Account, request: OpenCaseRequest) -> Case:
        now = self._clock.now()
        brand = await work.accounts.brand(account.brand)
        code = account.dunning_policy_code or brand.dunning_policy_code
        policy = await work.dunning.policy(code, account.dunning_policy_version)
        case = await work.dunning.add_case(
            {
                "account_id": account.account_id,
                "policy_code": policy.policy_code,
                "policy_version": policy.policy_version,
                "opened_at": now,
                "invoice_ids": list(request.invoice_ids),
                "steps_done": [],
                "failures": _failures([], request.failed_attempt_id),
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
        """Write down the step just done, then decide the next one by the pinned policy version."""
        async with self._make_work() as work:
            account = await work.accounts.get(request.account_id)
            case = await work.dunning.case(request.account_id, request.case_id)
            now = self._clock.now()
            if request.done is not None:
                case = await _write_down(work, case, request.done, now)
            pinned = await work.dunning.policy(case.policy_code, case.policy_version)
            policy = DunningPolicy.from_dict({**pinned.definition, "version": pinned.policy_version})
            facts = await read_facts(work, account, case, now)
            step = _next_step(case, facts, decide(policy, facts, now), account)
            await work.dunning.change_case(
                case.account_id,
                case.case_id,
                {"stage": step.step or case.stage, "next_action_at": step.until},
            )
            await work.commit()
        return step

    async def close_case(self, request: CloseCaseRequest) -> None:
        """Close the case; safe to repeat."""
        async with self._make_work() as work:
            case = await work.dunning.case(request.account_id, request.case_id)
            if case.closed_at is not None:
                return
            now = self._clock.now()
            await work.dunning.change_case(
                case.account_id, case.case_id, {"closed_at": now, "outcome": request.outcome, "next_action_at": None}
            )
            words = {"settled": "everything is paid", "handed_over": "handed over to a person"}
            summary = f"Dunning case {case.case_id} closed: {words.get(request.outcome, request.outcome)}"
            await work.timeline.add(TimelineEntry(case.account_id, now, "case_closed", summary, {"rule": "case end"}))
            await work.commit()

    async def change_case(self, request: CaseCommand) -> CaseCommandResult:
        """Carry out a promise, hold, pause, resume or change of policy."""
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            result = await change_case(work, account, request, self._clock.now())
            await work.commit()
        return result


def _failures(known: list[dict[str, Any]], attempt_id: str) -> list[dict[str, Any]]:
    if not attempt_id or attempt_id in {one["attempt_id"] for one in known}:
        return known
    return [*known, {"attempt_id": attempt_id, "told": False}]


async def _join(work: UnitOfWork, case: Case, request: OpenCaseRequest) -> None:
    await work.dunning.change_case(
        case.account_id,
        case.case_id,
        {
            "invoice_ids": list(dict.fromkeys([*case.invoice_ids, *request.invoice_ids])),
            "failures": _failures([dict(one) for one in case.failures], request.failed_attempt_id),
            "last_failure_category": request.failure_category or case.last_failure_category,
        },
    )


async def _write_down(work: UnitOfWork, case: Case, done: StepDone, now: datetime) -> Case:
    """Keep what was done. A step that was interrupted is not done: the next decision looks at it again."""
    if done.detail in ("interrupted", "withdrawn"):
        return case
    told = [{**one, "told": True} for one in case.failures] if done.action is NextAction.NOTIFY else case.failures
    steps = [*case.steps_done, done.step] if done.step and done.step not in case.steps_done else list(case.steps_done)
    changed = replace(case, steps_done=steps, failures=list(told))
    await work.dunning.change_case(
        case.account_id, case.case_id, {"steps_done": steps, "failures": [dict(one) for one in told]}
    )
    reason = {"rule": f"policy {case.policy_code} version {case.policy_version}", "detail": done.detail}
    summary = f"Dunning step {done.step or done.action} done{f': {done.detail}' if done.detail else ''}"
    await work.timeline.add(TimelineEntry(case.account_id, now, "dunning_step", summary, reason))
    return changed


def _next_step(case: Case, facts: CaseFacts, decision: Decision, account: Account) -> NextStep:
    """The decision as the process carries it out."""
    base = NextStep(
        NextAction.WAIT,
        decision.reason,
        decision.step,
        level=facts.barring_level.value,
        amount_minor=facts.open_amount_minor,
        currency=facts.currency,
        invoice_ids=tuple(case.invoice_ids),
    )
    untold = [one["attempt_id"] for one in case.failures if not one["told"]]
    if untold and not isinstance(decision, Close):
        # Every failed try is told once, whatever the ladder says next.
        step = decision.step if _is_failed_notice(decision) else ""
        return replace(base, action=NextAction.NOTIFY, step=step, notice=NoticeKind.FAILED, occasion=untold[-1])
    return _as_step(base, decision)


def _is_failed_notice(decision: Decision) -> bool:
    return isinstance(decision, Remind) and decision.notice is DunningAction.FAILED_NOTICE


def _as_step(base: NextStep, decision: Decision) -> NextStep:
    match decision:
        case Remind():
            return replace(base, action=NextAction.NOTIFY, notice=NoticeKind.DUNNING_REMINDER)
        case Warn(bar_on=bar_on, level=level):
            return replace(
                base,
                action=NextAction.WARN,
                notice=NoticeKind.BARRING_WARNING,
                on=bar_on,
                occasion=f"{decision.step}-{bar_on}",
                level=level.value,
            )
        case Retry():
            return replace(base, action=NextAction.RETRY)
        case Bar(level=level):
            return replace(base, action=NextAction.BAR, level=level.value)
        case HandOver():
            return replace(base, action=NextAction.HAND_OVER)
        case Close():
            return replace(base, action=NextAction.CLOSE)
        case Wait(until=until):
            return replace(base, until=until)
    raise AssertionError(f"unknown decision {decision!r}")
