"""Dunning: one case per account with overdue money, walked by a pinned policy until it is paid or handed over."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.dunning import DunningActivities
    from activities.notices import NoticeActivities
    from billing.messages.account import (
        CaseChanged,
        ClockChanged,
        CollectionRequested,
        DunningEnded,
        InvoicesOverdue,
        OrderWithdrawn,
    )
    from billing.messages.dunning import (
        BarringState,
        CloseCaseRequest,
        DecideRequest,
        DunningState,
        NextAction,
        NextStep,
        OpenCaseRequest,
        StepDone,
    )
    from billing.messages.identities import account_workflow_id, barring_workflow_id
    from billing.messages.notices import NoticeKind, NoticeRequest, NoticeResult

from workflows._board import Board, of_brand
from workflows._deadline import Deadline
from workflows._options import NOTIFY, QUICK_WRITE, order_priority
from workflows.barring import BarringWorkflow

# A step that was refused is tried again after this; staff mend the cause meanwhile.
TAKE_AGAIN = timedelta(hours=6)
# An account whose process is not there is asked again after this: upkeep, or a person, brings it back.
ASK_AGAIN = timedelta(minutes=15)


@workflow.defn(name="DunningWorkflow")
class DunningWorkflow:
    """Asks the policy for the next step, carries it out, and starts the next run; it never collects by itself.

    The account workflow is the only collector: dunning asks it by signal. Barring is a sub-workflow.
    """

    @workflow.init
    def __init__(self, state: DunningState) -> None:
        self._state = state
        self._joined = list(state.joined)
        self._changed = False
        self._deadline = Deadline(state.clock)
        self._board = Board()

    @workflow.run
    async def run(self, state: DunningState) -> str:
        try:
            return await self._walk()
        except (ActivityError, ChildWorkflowError) as error:
            await self._wait_for_a_person(error)
            self._go_on(self._state.done)

    # The runbook, in the order it is called --------------------------------------------------------------------

    async def _walk(self) -> str:
        """One step of the ladder, or the end of the case."""
        await self._write_down_what_is_overdue()
        step = await self._decide()
        while step.action is NextAction.WAIT:
            await self._wait(step)
            await self._write_down_what_is_overdue()
            step = await self._decide()
        if step.action is NextAction.CLOSE:
            return await self._close(step, "settled")
        done = await self._carry_out(step)
        if step.action is NextAction.HAND_OVER:
            await self._write_down(done)
            return await self._close(step, "handed_over")
        return self._go_on(done)

    async def _write_down_what_is_overdue(self) -> None:
        """Open the case, or let newly failed invoices join it."""
        while self._joined:
            overdue = self._joined[0]
            case = await workflow.execute_activity_method(
                DunningActivities.open_case,
                OpenCaseRequest(
                    self._state.account_id, overdue.invoice_ids, overdue.failure_category, overdue.failed_attempt_id
                ),
                summary=f"Overdue: {', '.join(overdue.invoice_ids)}",
                **QUICK_WRITE,
            )
            self._joined.remove(overdue)
            self._state = replace(self._state, case_id=case.case_id)

    async def _decide(self) -> NextStep:
        """What the pinned policy says now; the step just done is written down in the same transaction."""
        self._changed = False
        step = await workflow.execute_activity_method(
            DunningActivities.decide_next_step,
            DecideRequest(self._state.account_id, self._state.case_id, self._state.done),
            summary="Decide by the case's policy",
            **QUICK_WRITE,
        )
        placed = max(self._state.orders_placed, step.orders_placed)
        self._state = replace(self._state, done=None, orders_placed=placed)
        self._board.show_dunning(step.step or step.stage, step.until, step.level)
        return step

    async def _write_down(self, done: StepDone) -> None:
        self._state = replace(self._state, done=done)
        await self._decide()

    async def _wait(self, step: NextStep) -> None:
        """Until the policy wants to look again, or the case changed."""
        while not self._news() and (step.until is None or self._deadline.now() < step.until):
            await self._deadline.wait(step.until, self._news, f"dunning: {step.reason}"[:200])

    async def _carry_out(self, step: NextStep) -> StepDone:
        match step.action:
            case NextAction.NOTIFY | NextAction.WARN:
                detail = await self._notify(step)
            case NextAction.RETRY:
                detail = await self._ask_to_collect(step)
            case NextAction.BAR:
                detail = await self._set_services_to(step.level, step.reason)
            case _:
                detail = ""
        return StepDone(step.step, step.action, detail, step.occasion)

    async def _notify(self, step: NextStep) -> str:
        request = NoticeRequest(
            self._state.account_id,
            step.notice or NoticeKind.DUNNING_REMINDER,
            self._state.case_id,
            step.occasion or step.step,
            step.amount_minor,
            step.currency,
            step.on,
            step.invoice_ids,
            hurry=step.hurry,
            channels=step.channels,
        )
        notice = await self._send(request)
        while notice.wait_until is not None and self._deadline.now() < notice.wait_until:
            await self._deadline.wait(notice.wait_until, self._news, "until the end of quiet hours")
            if self._news():
                return "interrupted"
            notice = await self._send(request)
        return notice.status

    async def _send(self, request: NoticeRequest) -> NoticeResult:
        return await workflow.execute_activity_method(
            NoticeActivities.send_notice, request, summary=f"Notice: {request.kind}", **NOTIFY
        )

    async def _ask_to_collect(self, step: NextStep) -> str:
        account = workflow.get_external_workflow_handle(account_workflow_id(self._state.brand, self._state.number))
        asked = CollectionRequested(f"{self._state.case_id}-{step.step}", step.invoice_ids, self._deadline.now())
        if step.instalment:
            asked = replace(
                asked,
                message_id=f"{asked.message_id}-{step.occasion}",
                instalment=step.instalment,
                amount_minor=step.amount_minor,
                currency=step.currency,
                debit_on=step.on,
            )
        try:
            await account.signal("collection_requested", asked)
        except FailureError:
            workflow.logger.info("the account %s is not there to be asked to collect", self._state.account_id)
            await self._deadline.wait(self._deadline.now() + ASK_AGAIN, self._news, "until the account is there again")
            return "interrupted"
        return "asked"

    async def _set_services_to(self, level: str, reason: str) -> str:
        """Order the level from the network; when money arrives meanwhile the order is withdrawn and put right."""
        order_number = self._state.orders_placed + 1
        self._state = replace(self._state, orders_placed=order_number)
        order_id = f"{self._state.case_id}-{order_number}"
        order = BarringState(
            self._state.account_id,
            self._state.brand,
            self._state.number,
            order_id,
            level,
            reason,
            clock=self._deadline.clock,
        )
        barring = await workflow.start_child_workflow(
            BarringWorkflow.run,
            order,
            id=barring_workflow_id(self._state.brand, self._state.number, order_id),
            static_summary=f"Set services to {level}",
            search_attributes=of_brand(self._state.brand),
            priority=order_priority(level),
        )
        lifting = level == "none"
        await workflow.wait_condition(lambda: barring.done() or (self._changed and not lifting))
        if not barring.done():
            with suppress(FailureError):  # it ended in this very moment, and its outcome is as good
                await barring.signal(BarringWorkflow.order_withdrawn, OrderWithdrawn(why="the case changed"))
        return (await barring).outcome

    async def _close(self, step: NextStep, outcome: str) -> str:
        """Lift what the case barred, at once; then tell the account."""
        if outcome == "settled" and step.level != "none":
            await self._set_services_to("none", step.reason)
        await workflow.execute_activity_method(
            DunningActivities.close_case,
            CloseCaseRequest(self._state.account_id, self._state.case_id, outcome),
            summary=f"Close the case: {outcome}",
            **QUICK_WRITE,
        )
        if not self._joined:
            await self._tell_the_account(outcome, step.invoice_ids if outcome == "settled" else ())
        if self._joined:  # also what joined while the account was told: a new case begins
            self._go_on(None)
        return outcome

    async def _wait_for_a_person(self, error: FailureError) -> None:
        """A step was refused: the case stands until news or for some hours, and is looked at again."""
        workflow.logger.error("dunning step of %s not taken: %s", self._state.account_id, error.cause)
        self._board.ask_for_a_person(str(error.cause))
        again, known = self._deadline.now() + TAKE_AGAIN, len(self._joined)
        self._changed = False

        def is_news() -> bool:
            return self._changed or len(self._joined) > known

        while not is_news() and self._deadline.now() < again:
            await self._deadline.wait(again, is_news, "until the cause is mended")

    async def _tell_the_account(self, outcome: str, left_invoice_ids: tuple[str, ...]) -> None:
        account = workflow.get_external_workflow_handle(account_workflow_id(self._state.brand, self._state.number))
        try:
            await account.signal(
                "dunning_ended",
                DunningEnded(f"{self._state.case_id}-{outcome}", self._state.case_id, outcome, left_invoice_ids),
            )
        except FailureError:
            workflow.logger.info("the account %s ended before its case", self._state.account_id)

    def _go_on(self, done: StepDone | None) -> NoReturn:
        """The next step is another run, so that no case grows a long history."""
        self._deadline.clear()
        workflow.continue_as_new(
            replace(self._state, joined=tuple(self._joined), done=done, clock=self._deadline.clock)
        )

    # Messages --------------------------------------------------------------------------------------------------

    def _news(self) -> bool:
        return self._changed or bool(self._joined)

    @workflow.signal(name="invoices_overdue", description="More invoices failed or fell due unpaid.")
    def invoices_overdue(self, fact: InvoicesOverdue) -> None:
        self._joined.append(fact)

    @workflow.signal(name="case_changed", description="Money, a promise, a dispute, a hold or a pause changed.")
    def case_changed(self, fact: CaseChanged) -> None:
        self._changed = True

    @workflow.signal(name="clock_changed", description="A new segment of business time began.")
    def clock_changed(self, fact: ClockChanged) -> None:
        self._deadline.change_clock(fact.clock)
