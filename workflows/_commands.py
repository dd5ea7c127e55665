"""What each command of an operator or customer does. A refusal is an answer, never a failed workflow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.dunning import DunningActivities
    from activities.invoicing import InvoicingActivities
    from activities.payments import PaymentActivities
    from billing.domain.restrictions import named
    from billing.messages.account import (
        AdjustBalance,
        ChangeCycleDay,
        ChangeDunningPolicy,
        ChangePaymentMethod,
        CloseAccount,
        CollectionStage,
        Command,
        CommandResult,
        HoldUntil,
        PauseCollection,
        PromiseToPay,
        RefundPayment,
        ResumeCollection,
        RetryCollection,
        WaiveInvoice,
    )
    from billing.messages.dunning import BarringState, CaseCommand, CaseCommandResult
    from billing.messages.identities import barring_workflow_id
    from billing.messages.invoicing import (
        AdjustBalanceRequest,
        ChangeCycleDayRequest,
        CloseAccountRequest,
        CorrectionResult,
        WaiveInvoiceRequest,
    )
    from billing.messages.payments import MethodReview, RefundRequest
    from billing.messages.restricting import BarService, UnbarService

from workflows._arrangements import ArrangementCommands
from workflows._board import of_brand
from workflows._collecting import Collector
from workflows._desk import Desk
from workflows._limits import LimitCommands, UsageStops
from workflows._options import COLLECT, QUICK_WRITE, order_priority
from workflows._promised import wait_for_promise
from workflows.barring import BarringWorkflow


class Commands:
    """Carries out commands one after the other, between the steps of the run."""

    def __init__(self, desk: Desk, collector: Collector, stops: UsageStops) -> None:
        self._desk = desk
        self._collector = collector
        self._stops = stops
        self._handlers: dict[str, Callable[[Any], Awaitable[CommandResult]]] = {
            "pause_collection": self._pause,
            "resume_collection": self._resume,
            "retry_collection": self._retry,
            "promise_to_pay": self._promise,
            "hold_until": self._hold,
            "change_cycle_day": self._change_cycle_day,
            "waive_invoice": self._waive,
            "adjust_balance": self._adjust,
            "refund_payment": self._refund,
            "bar_service": self._bar,
            "unbar_service": self._unbar,
            "change_dunning_policy": self._change_policy,
            "change_payment_method": self._change_method,
            "close_account": self._close,
            **LimitCommands(desk, stops).handlers,
            **ArrangementCommands(desk, collector, self._call_off_retries).handlers,
        }

    async def carry_out(self, kind: str, command: Command) -> None:
        """Do it and answer the caller; a refusal of an activity becomes the answer."""
        try:
            result = await self._handlers[kind](command)
        except ActivityError as error:
            result = refused(command, error)
        self._desk.inbox.answer(result)
        self._desk.show()

    async def _pause(self, command: PauseCollection) -> CommandResult:
        self._desk.paused = True
        try:
            await self._change_case("pause", command)
        except ActivityError:
            self._desk.paused = False
            raise
        return CommandResult(command.command_id, summary="Collection is paused until it is resumed.")

    async def _resume(self, command: ResumeCollection) -> CommandResult:
        await self._change_case("resume", command)
        self._desk.paused = False
        self._desk.hold_until = None
        return CommandResult(command.command_id, summary="Collection goes on; a date that passed is announced anew.")

    async def _hold(self, command: HoldUntil) -> CommandResult:
        summary = await self._change_case("hold_until", command, until=command.until)
        self._desk.hold_until = command.until
        return CommandResult(command.command_id, summary=summary)

    async def _promise(self, command: PromiseToPay) -> CommandResult:
        changed = await self._changed_case(
            "promise_to_pay", command, pay_by=command.pay_by, amount_minor=command.amount_minor
        )
        summary = changed.summary
        if changed.until is None or changed.in_case or not changed.invoice_ids:
            self._call_off_retries(changed.invoice_ids)
        elif wait_for_promise(self._desk, changed.invoice_ids, changed.until):
            summary += (
                " A debit announced for an earlier day is called off; what is not paid by then is announced anew."
            )
        return CommandResult(command.command_id, summary=summary)

    def _call_off_retries(self, invoice_ids: tuple[str, ...] = ()) -> None:
        """A further debit before the promised day would break our word: dunning asks again when the promise is over.

        Of ``invoice_ids`` only, or of everything.
        """
        for collection in list(self._desk.collections):
            if invoice_ids and not set(invoice_ids) & set(collection.invoice_ids):
                continue
            wanted = collection.stage is CollectionStage.RETRY_WANTED
            announced = collection.is_retry and collection.stage is CollectionStage.REMINDED
            if wanted or announced:
                self._desk.put(replace(collection, stage=CollectionStage.OVERDUE, wake_at=None, instalment=""))

    async def _change_policy(self, command: ChangeDunningPolicy) -> CommandResult:
        summary = await self._change_case(
            "change_dunning_policy",
            command,
            policy_code=command.policy_code,
            policy_version=command.policy_version,
            case_only=command.case_only,
        )
        return CommandResult(command.command_id, summary=summary)

    async def _change_case(self, kind: str, command: Command, **more: Any) -> str:
        return (await self._changed_case(kind, command, **more)).summary

    async def _changed_case(self, kind: str, command: Command, **more: Any) -> CaseCommandResult:
        request = CaseCommand(self._desk.account_id, kind, command.command_id, command.author, command.reason, **more)
        changed = await workflow.execute_activity_method(
            DunningActivities.change_case, request, summary=f"{kind} by {command.author}", **QUICK_WRITE
        )
        await self._collector.pursuit.tell(kind)
        return changed

    async def _retry(self, command: RetryCollection) -> CommandResult:
        overdue = [
            one
            for one in self._desk.collections
            if one.stage is CollectionStage.OVERDUE and command.invoice_id in ("", *one.invoice_ids)
        ]
        if not overdue:
            return CommandResult(
                command.command_id,
                accepted=False,
                summary="There is no overdue invoice to try again.",
                field="invoice_id",
                value=command.invoice_id,
                remedy="Look at the account's invoices; one that is announced is debited on its date by itself.",
            )
        for collection in overdue:
            self._collector.want_retry(collection, self._desk.now())
        return CommandResult(command.command_id, summary=f"{len(overdue)} amount(s) will be announced and tried again.")

    async def _change_cycle_day(self, command: ChangeCycleDay) -> CommandResult:
        changed = await workflow.execute_activity_method(
            InvoicingActivities.change_cycle_day,
            ChangeCycleDayRequest(
                self._desk.account_id,
                command.cycle_day,
                command.bridge,
                command.reason,
                command.author,
                command.command_id,
            ),
            summary=f"Change cycle day to {command.cycle_day}",
            **QUICK_WRITE,
        )
        self._desk.plan = changed.plan
        if self._desk.stops_review_at is not None:
            await self._stops.review()
        return CommandResult(command.command_id, summary=changed.explanation)

    async def _waive(self, command: WaiveInvoice) -> CommandResult:
        corrected = await workflow.execute_activity_method(
            InvoicingActivities.waive_invoice,
            WaiveInvoiceRequest(
                self._desk.account_id,
                command.invoice_id,
                command.reason,
                command.author,
                command.command_id,
                command.amount_minor,
                command.line_position,
            ),
            summary=f"Waive {command.invoice_id}",
            **QUICK_WRITE,
        )
        return await self._corrected(command, corrected)

    async def _adjust(self, command: AdjustBalance) -> CommandResult:
        corrected = await workflow.execute_activity_method(
            InvoicingActivities.adjust_balance,
            AdjustBalanceRequest(
                self._desk.account_id,
                command.amount_minor,
                command.description,
                command.reason,
                command.author,
                command.command_id,
            ),
            summary="Adjust the balance",
            **QUICK_WRITE,
        )
        return await self._corrected(command, corrected)

    async def _corrected(self, command: Command, corrected: CorrectionResult) -> CommandResult:
        self._desk.settle(corrected.settled_invoice_ids)
        await self._collector.pursuit.tell("correction")
        return CommandResult(command.command_id, summary=f"{corrected.document_id}: {corrected.explanation}")

    async def _refund(self, command: RefundPayment) -> CommandResult:
        result = await workflow.execute_activity_method(
            PaymentActivities.refund_payment,
            RefundRequest(
                self._desk.account_id,
                command.attempt_id,
                command.amount_minor,
                command.reason,
                command.author,
                command.command_id,
            ),
            summary=f"Refund {command.attempt_id}",
            **COLLECT,
        )
        return CommandResult(command.command_id, summary=result.explanation or f"Refund is {result.status}.")

    async def _bar(self, command: BarService) -> CommandResult:
        kinds = command.kinds
        level = named(kinds, command.data_kbps).level if kinds else command.level
        return await self._order(command, BarringState(**self._ordered(command), level=level, cause=command.cause))

    async def _unbar(self, command: UnbarService) -> CommandResult:
        state = BarringState(**self._ordered(command), level="none")
        lifting = replace(state, lift_causes=tuple(command.causes), lift_kinds=tuple(command.kinds))
        return await self._order(command, lifting)

    def _ordered(self, command: BarService | UnbarService) -> dict[str, Any]:
        """What every order of a person says."""
        desk = self._desk
        return {
            "account_id": desk.account_id,
            "brand": desk.brand,
            "number": desk.number,
            "order_id": desk.new_order_id(),
            "reason": command.reason,
            "author": command.author,
            "service_ids": (command.service_id,) if command.service_id else (),
            "clock": desk.deadline.clock,
        }

    async def _order(self, command: Command, state: BarringState) -> CommandResult:
        desk = self._desk
        await workflow.start_child_workflow(
            BarringWorkflow.run,
            state,
            id=barring_workflow_id(desk.brand, desk.number, state.order_id),
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary=f"Set services to {state.level} by {command.author}",
            search_attributes=of_brand(desk.brand),
            priority=order_priority(state.level),
        )
        summary = f"Order {state.order_id} to the network: services to {state.level}."
        return CommandResult(command.command_id, summary=summary)

    async def _change_method(self, command: ChangePaymentMethod) -> CommandResult:
        method = await self.review_method(command.method_id)
        return CommandResult(command.command_id, summary=method)

    async def review_method(self, method_id: str) -> str:
        """Look at the method in use after a change; announced debits follow it, and a lost one means paylink."""
        method = await workflow.execute_activity_method(
            PaymentActivities.review_method,
            MethodReview(self._desk.account_id, method_id),
            summary="Review the payment method in use",
            **QUICK_WRITE,
        )
        usable = method.kind.value != "none"
        for collection in list(self._desk.collections):
            planned = collection.stage in (CollectionStage.ISSUED, CollectionStage.ANNOUNCED, CollectionStage.REMINDED)
            if planned and collection.debits and not usable:
                await self._collector.cancel_debit(collection)
        await self._collector.pursuit.tell("payment method")
        return method.explanation

    async def _close(self, command: CloseAccount) -> CommandResult:
        changed = await workflow.execute_activity_method(
            InvoicingActivities.close_account,
            CloseAccountRequest(self._desk.account_id, command.reason, command.author, command.command_id),
            summary="Close the account",
            **QUICK_WRITE,
        )
        self._desk.plan = replace(changed.plan)
        self._desk.closing = True
        return CommandResult(command.command_id, summary=changed.explanation)


def refused(command: Command, error: ActivityError) -> CommandResult:
    """The answer to a command that an activity refused: message, field, value and remedy."""
    cause = error.cause
    details = cause.details[0] if isinstance(cause, ApplicationError) and cause.details else {}
    message = cause.message if isinstance(cause, ApplicationError) else str(cause)
    return CommandResult(
        command.command_id,
        accepted=False,
        summary=message,
        field=str(details.get("field", "")),
        value=str(details.get("value", "")),
        remedy=str(details.get("remedy", "")),
    )
