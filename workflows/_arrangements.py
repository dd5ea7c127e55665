"""What an account does when a payment plan is agreed, or a debt is written off, restored, handed over or taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.arrangements import ArrangementActivities
    from billing.messages.account import CollectionStage, Command, CommandResult, OpenCollection
    from billing.messages.arrangements import (
        AgreePaymentPlan,
        Arranged,
        CancelPaymentPlan,
        DebtRequest,
        HandOverCase,
        PlanRequest,
        RestoreDebt,
        TakeBackCase,
        WriteOffDebt,
    )
    from billing.messages.notices import NoticeKind, NoticeRequest

from workflows._collecting import Collector
from workflows._desk import Desk
from workflows._options import QUICK_WRITE

# With the case already, or done: everything else has dates of its own that a plan takes the place of.
WITH_THE_CASE = (CollectionStage.OVERDUE, CollectionStage.SETTLED)


class ArrangementCommands:
    """Each changes the books first, then what the account goes on collecting, and tells the case."""

    def __init__(self, desk: Desk, collector: Collector, call_off_retries: Callable[[], None]) -> None:
        self._desk = desk
        self._collector = collector
        self._call_off_retries = call_off_retries

    @property
    def handlers(self) -> Mapping[str, Callable[[Any], Awaitable[CommandResult]]]:
        """By the name of the update."""
        return {
            "agree_payment_plan": self._agree,
            "cancel_payment_plan": self._cancel,
            "write_off_debt": self._write_off,
            "restore_debt": self._restore,
            "hand_over_case": self._hand_over,
            "take_back_case": self._take_back,
        }

    async def _agree(self, command: AgreePaymentPlan) -> CommandResult:
        torn = self._torn(command)
        if torn is not None:
            return torn
        agreed = await self._change_plan(command, PlanRequest(self._desk.account_id, agree=command))
        planned = self._planned(agreed.invoice_ids)
        self._call_off_retries()
        for collection in planned:  # the case looks after the plan, so all that it covers joins the case
            await self._collector.pursuit.hand_over(collection, category="")
        await self._collector.pursuit.tell("payment plan")
        await self._collector.send(
            NoticeRequest(
                self._desk.account_id,
                NoticeKind.PLAN_AGREED,
                agreed.subject,
                amount_minor=agreed.first_minor,
                currency=agreed.currency,
                on=agreed.first_due_on,
                invoice_ids=agreed.invoice_ids,
                keep=True,
            )
        )
        return CommandResult(command.command_id, summary=agreed.summary)

    def _torn(self, command: AgreePaymentPlan) -> CommandResult | None:
        """The refusal of a plan that covers only some of the invoices that were announced together."""
        chosen = set(command.invoice_ids)
        for collection in self._planned(command.invoice_ids):
            missing = [one for one in collection.invoice_ids if one not in chosen]
            if missing:
                return CommandResult(
                    command.command_id,
                    accepted=False,
                    summary=f"{', '.join(missing)} was announced together with what the plan covers.",
                    field="invoice_ids",
                    value=", ".join(command.invoice_ids),
                    remedy=f"Add {', '.join(missing)}.",
                )
        return None

    def _planned(self, invoice_ids: tuple[str, ...]) -> list[OpenCollection]:
        """Collections of these invoices that have a date of their own ahead."""
        chosen = set(invoice_ids)
        return [
            one
            for one in self._desk.collections
            if one.stage not in WITH_THE_CASE and not one.is_retry and chosen & set(one.invoice_ids)
        ]

    async def _cancel(self, command: CancelPaymentPlan) -> CommandResult:
        cancelled = await self._change_plan(command, PlanRequest(self._desk.account_id, cancel=command))
        self._call_off_retries()
        await self._collector.pursuit.tell("payment plan")
        return CommandResult(command.command_id, summary=cancelled.summary)

    async def _write_off(self, command: WriteOffDebt) -> CommandResult:
        given_up = await self._decide(command, DebtRequest(self._desk.account_id, write_off=command))
        self._desk.settle(given_up.invoice_ids)
        await self._collector.pursuit.tell("written off")
        return CommandResult(command.command_id, summary=given_up.summary)

    async def _restore(self, command: RestoreDebt) -> CommandResult:
        restored = await self._decide(command, DebtRequest(self._desk.account_id, restore=command))
        collection = OpenCollection(
            restored.invoice_ids[0],
            restored.invoice_ids,
            restored.amount_minor,
            restored.currency,
            CollectionStage.OVERDUE,
        )
        await self._collector.pursuit.hand_over(collection, category="not_paid")
        return CommandResult(command.command_id, summary=restored.summary)

    async def _hand_over(self, command: HandOverCase) -> CommandResult:
        given = await self._decide(command, DebtRequest(self._desk.account_id, hand_over=command))
        self._call_off_retries()
        await self._collector.pursuit.tell("handed over")
        return CommandResult(command.command_id, summary=given.summary)

    async def _take_back(self, command: TakeBackCase) -> CommandResult:
        taken = await self._decide(command, DebtRequest(self._desk.account_id, take_back=command))
        await self._collector.pursuit.take_back()
        return CommandResult(command.command_id, summary=taken.summary)

    async def _change_plan(self, command: Command, request: PlanRequest) -> Arranged:
        return await workflow.execute_activity_method(
            ArrangementActivities.change_payment_plan,
            request,
            summary=f"Payment plan changed by {command.author}",
            **QUICK_WRITE,
        )

    async def _decide(self, command: Command, request: DebtRequest) -> Arranged:
        return await workflow.execute_activity_method(
            ArrangementActivities.decide_debt, request, summary=f"Debt decided by {command.author}", **QUICK_WRITE
        )
