"""A bulk action: batch by batch, a few at once, until every chosen account has had its turn. It can stand still and be
called off at any time; what was done stays done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.bulk_actions import BulkActionActivities
    from billing.messages.account import Command, CommandResult
    from billing.messages.bulk_actions import (
        BulkActionState,
        BulkBatch,
        BulkBatchRequest,
        BulkNote,
        BulkReport,
        CancelBulkAction,
        PauseBulkAction,
        ResumeBulkAction,
    )

from workflows._options import BULK_BATCH, QUICK_WRITE
from workflows._updates import require_reason

# Accounts of one call, and calls at once.
ACCOUNTS_PER_BATCH = 20
BATCHES_AT_ONCE = 3
A_MOMENT = timedelta(seconds=1)
_ENDED = "The action has ended."


@workflow.defn(name="BulkActionWorkflow")
class BulkActionWorkflow:
    """One confirmed action; its id is the action's, so that it is carried out by one run at a time.

    Which accounts are chosen, and what became of each, is in the database; the workflow only gives them their turn.
    """

    @workflow.init
    def __init__(self, state: BulkActionState) -> None:
        self._state = state
        self._paused = state.paused
        self._cancelled = state.cancelled
        self._is_over = False
        self._one_command = asyncio.Lock()

    @workflow.run
    async def run(self, state: BulkActionState) -> BulkReport:
        for _ in range(state.rounds):
            await self._wait_while_paused()
            accounts = await self._next_accounts()
            if not accounts:
                return await self._finish()
            await self._give_them_their_turn(accounts)
        return await self._go_on()

    # The runbook, in the order it is called --------------------------------------------------------------------

    async def _wait_while_paused(self) -> None:
        if self._paused:
            workflow.set_current_details("**paused** by an operator")
        await workflow.wait_condition(lambda: not self._paused or self._cancelled)

    async def _next_accounts(self) -> tuple[str, ...]:
        if self._cancelled:
            return ()
        batch = await workflow.execute_activity_method(
            BulkActionActivities.next_bulk_batch,
            BulkBatchRequest(self._state.bulk_id, ACCOUNTS_PER_BATCH * BATCHES_AT_ONCE),
            summary="Whose turn it is",
            **QUICK_WRITE,
        )
        return batch.account_ids

    async def _give_them_their_turn(self, accounts: tuple[str, ...]) -> None:
        workflow.set_current_details(f"from account **{accounts[0]}** on")
        parts = [accounts[at : at + ACCOUNTS_PER_BATCH] for at in range(0, len(accounts), ACCOUNTS_PER_BATCH)]
        turns = await asyncio.gather(*(self._carry_out(part) for part in parts))
        if not any(turns):  # a command that makes it stand still is on its way to us
            await workflow.sleep(A_MOMENT, summary="nothing was begun")

    async def _carry_out(self, accounts: tuple[str, ...]) -> int:
        return await workflow.execute_activity_method(
            BulkActionActivities.carry_out_bulk_batch,
            BulkBatch(self._state.bulk_id, accounts),
            summary=f"{len(accounts)} accounts from {accounts[0]} on",
            **BULK_BATCH,
        )

    async def _finish(self) -> BulkReport:
        self._is_over = True
        await workflow.wait_condition(workflow.all_handlers_finished)
        report = await workflow.execute_activity_method(
            BulkActionActivities.finish_bulk_action,
            BulkBatchRequest(self._state.bulk_id, 0),
            summary="Write down the end",
            **QUICK_WRITE,
        )
        workflow.set_current_details(_in_words(report))
        return report

    async def _go_on(self) -> NoReturn:
        await workflow.wait_condition(workflow.all_handlers_finished)
        runs_done = self._state.runs_done + 1
        workflow.continue_as_new(
            replace(self._state, paused=self._paused, cancelled=self._cancelled, runs_done=runs_done)
        )

    # Messages --------------------------------------------------------------------------------------------------

    @workflow.update(name="pause_bulk_action", description="Begin nothing more until it is resumed.")
    async def pause_bulk_action(self, command: PauseBulkAction) -> CommandResult:
        return await self._change(command, "paused", "Paused; what is on the way is still ended.")

    @workflow.update(name="resume_bulk_action", description="Go on after a pause.")
    async def resume_bulk_action(self, command: ResumeBulkAction) -> CommandResult:
        return await self._change(command, "running", "It goes on.")

    @workflow.update(name="cancel_bulk_action", description="Begin nothing more, for good.")
    async def cancel_bulk_action(self, command: CancelBulkAction) -> CommandResult:
        return await self._change(command, "cancelled", "Cancelled; what was done stays done.")

    @pause_bulk_action.validator
    def _may_pause(self, command: PauseBulkAction) -> None:
        require_reason(command)

    @resume_bulk_action.validator
    def _may_resume(self, command: ResumeBulkAction) -> None:
        require_reason(command)

    @cancel_bulk_action.validator
    def _may_cancel(self, command: CancelBulkAction) -> None:
        require_reason(command)

    async def _change(self, command: Command, state: str, summary: str) -> CommandResult:
        """One command after the other: written down first, so that accounts on the way see it, then obeyed."""
        async with self._one_command:
            noted = not self._is_over and await workflow.execute_activity_method(
                BulkActionActivities.note_bulk_state,
                BulkNote(self._state.bulk_id, state, command.author, command.reason),
                summary=f"{state} by {command.author}",
                **QUICK_WRITE,
            )
            if not noted:
                return CommandResult(command.command_id, accepted=False, summary=_ENDED, field="bulk_id")
            self._paused = state == "paused"
            self._cancelled = self._cancelled or state == "cancelled"
        return CommandResult(command.command_id, summary=summary)


def _in_words(report: BulkReport) -> str:
    return (
        f"**{report.state}**: {report.done} done, {report.unchanged} as before, {report.refused} refused, "
        f"{report.skipped} skipped, {report.failed} without an answer, {report.left} left"
    )
