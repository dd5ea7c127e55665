"""What is agreed or decided about a debt, as Temporal updates of the account: validated, then answered when done."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from billing.messages.account import CommandResult
    from billing.messages.arrangements import (
        AgreePaymentPlan,
        CancelPaymentPlan,
        HandOverCase,
        RestoreDebt,
        TakeBackCase,
        WriteOffDebt,
    )

from workflows._desk import Desk
from workflows._updates import require, require_reason


class ArrangementUpdates:
    """Update handlers of the account workflow."""

    _desk: Desk

    @workflow.update(name="agree_payment_plan", description="Pay what is open in instalments.")
    async def agree_payment_plan(self, command: AgreePaymentPlan) -> CommandResult:
        return await self._desk.inbox.ask("agree_payment_plan", command)

    @agree_payment_plan.validator
    def _may_agree_payment_plan(self, command: AgreePaymentPlan) -> None:
        require_reason(command)
        count = len(command.instalments)
        require(count > 0, "instalments", count, "A plan has instalments.", "Name dates and amounts.")

    @workflow.update(name="cancel_payment_plan", description="End a running payment plan.")
    async def cancel_payment_plan(self, command: CancelPaymentPlan) -> CommandResult:
        return await self._desk.inbox.ask("cancel_payment_plan", command)

    @cancel_payment_plan.validator
    def _may_cancel_payment_plan(self, command: CancelPaymentPlan) -> None:
        require_reason(command)
        plan_id = command.plan_id
        require(bool(plan_id), "plan_id", plan_id, "Which plan?", "Name the running payment plan.")

    @workflow.update(name="write_off_debt", description="Give up what is open of invoices.")
    async def write_off_debt(self, command: WriteOffDebt) -> CommandResult:
        return await self._desk.inbox.ask("write_off_debt", command)

    @write_off_debt.validator
    def _may_write_off_debt(self, command: WriteOffDebt) -> None:
        require_reason(command)

    @workflow.update(name="restore_debt", description="Take a write-off back: it is owed again.")
    async def restore_debt(self, command: RestoreDebt) -> CommandResult:
        return await self._desk.inbox.ask("restore_debt", command)

    @restore_debt.validator
    def _may_restore_debt(self, command: RestoreDebt) -> None:
        require_reason(command)
        name = command.write_off_id
        require(bool(name), "write_off_id", name, "Which write-off?", "Name it as the list of write-offs does.")

    @workflow.update(name="hand_over_case", description="Give a case to a collection agency.")
    async def hand_over_case(self, command: HandOverCase) -> CommandResult:
        return await self._desk.inbox.ask("hand_over_case", command)

    @hand_over_case.validator
    def _may_hand_over_case(self, command: HandOverCase) -> None:
        require_reason(command)
        agency = command.agency
        require(bool(agency.strip()), "agency", agency, "To whom?", "Name the collection agency.")

    @workflow.update(name="take_back_case", description="Press for a handed-over case again.")
    async def take_back_case(self, command: TakeBackCase) -> CommandResult:
        return await self._desk.inbox.ask("take_back_case", command)

    @take_back_case.validator
    def _may_take_back_case(self, command: TakeBackCase) -> None:
        require_reason(command)
