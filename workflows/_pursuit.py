"""What an account does about its overdue amounts: dunning presses for them, and always collects through the account."""

from __future__ import annotations

from dataclasses import replace

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from billing.messages.account import CaseChanged, CollectionStage, InvoicesOverdue, OpenCollection
    from billing.messages.dunning import DunningState
    from billing.messages.identities import dunning_workflow_id

from workflows._board import of_brand
from workflows._desk import Desk
from workflows.dunning import DunningWorkflow


class Pursuit:
    """The account's line to its dunning case: one case at a time, started where it is needed and not there."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def hand_over(self, collection: OpenCollection, *, category: str, attempt: str = "") -> None:
        """Let dunning press for a failed or unpaid amount; it joins the account's case if one runs."""
        self._desk.put(replace(collection, stage=CollectionStage.OVERDUE, wake_at=None, instalment=""))
        overdue = InvoicesOverdue(attempt or collection.invoice_id, collection.invoice_ids, category, attempt)
        if not (self._desk.dunning_running and await self._signal("invoices_overdue", overdue)):
            await self._start(overdue)
        self._desk.show(failure_code=category)

    async def _start(self, *joined: InvoicesOverdue, case_id: str = "") -> None:
        desk = self._desk
        # Whatever an older case still has to say of its end is overtaken by the new one.
        desk.inbox.drop_kind("dunning_ended")
        state = DunningState(
            desk.account_id, desk.brand, desk.number, case_id, clock=desk.deadline.clock, joined=joined
        )
        try:
            await workflow.start_child_workflow(
                DunningWorkflow.run,
                state,
                id=dunning_workflow_id(desk.brand, desk.number),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                static_summary=f"Dunning of account {desk.brand}/{desk.number}",
                search_attributes=of_brand(desk.brand),
            )
        except WorkflowAlreadyStartedError:
            for overdue in joined:
                await self._signal("invoices_overdue", overdue)
        desk.dunning_running = True

    async def tell(self, why: str) -> None:
        """Let the case be read again; one that should run and does not is started.

        What was handed over is not pressed for again; a newer case beside it is told like any other.
        """
        desk = self._desk
        if desk.handed_over_case and not desk.has_overdue:
            await self._lift()
        is_wanted = desk.has_overdue and not desk.handed_over_case
        if not (desk.dunning_running or is_wanted):
            return
        if not await self._signal("case_changed", CaseChanged(why=why)) and is_wanted:
            await self._start(*self._overdue())

    async def take_back(self) -> None:
        """What was handed over is pressed for again: a new case begins."""
        self._desk.handed_over_case = ""
        await self.tell("taken back")

    async def find(self, case_id: str) -> None:
        """The case, if any, should run: it is told to look again, or started where it is not there."""
        told = await self._signal("case_changed", CaseChanged(why="upkeep"))
        if not told and (case_id or self._desk.has_overdue):
            await self._start(*self._overdue(), case_id=case_id)

    def _overdue(self) -> list[InvoicesOverdue]:
        overdue = [one for one in self._desk.collections if one.stage is CollectionStage.OVERDUE]
        return [InvoicesOverdue(one.invoice_id, one.invoice_ids) for one in overdue]

    async def _lift(self) -> None:
        """The money came in after all: the case is looked at once more, and lifts what it barred."""
        case_id, self._desk.handed_over_case = self._desk.handed_over_case, ""
        await self._start(case_id=case_id)

    async def _signal(self, signal: str, payload: object) -> bool:
        case = workflow.get_external_workflow_handle(dunning_workflow_id(self._desk.brand, self._desk.number))
        try:
            await case.signal(signal, payload)
        except FailureError:  # the case closed in this very moment; the caller starts a new one where there is need
            self._desk.dunning_running = False
            return False
        return True
