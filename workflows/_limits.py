"""What an account does about its limits: tell the customer, have the network stop usage, and let it go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.limits import LimitActivities
    from billing.messages.account import CommandResult, InboxItem, UsageThresholdCrossed
    from billing.messages.dunning import BarringState
    from billing.messages.identities import barring_workflow_id
    from billing.messages.limits import (
        AgreeRequest,
        AgreeToContinue,
        ChangeLimitRequest,
        RemoveUsageLimit,
        ReviewStopsRequest,
        SetUsageLimit,
        StopOrder,
    )
    from billing.messages.notices import NoticeKind, NoticeRequest

from workflows._board import of_brand
from workflows._collecting import Collector
from workflows._desk import Desk
from workflows._options import QUICK_WRITE, order_priority
from workflows.barring import BarringWorkflow

# Usage that costs goes on while a notice waits for the morning: these do not wait.
AT_ONCE = (NoticeKind.USAGE_STOPPED, NoticeKind.ROAMING_80, NoticeKind.ROAMING_STOPPED, NoticeKind.ROAMING_REMINDER)


def limit_item(fact: UsageThresholdCrossed, account_id: str) -> InboxItem:
    """A crossed limit as it waits to be handled."""
    return InboxItem(
        "usage_threshold_crossed",
        fact.message_id,
        fact.service_id or account_id,
        f"{fact.cycle_number}-{fact.limit}-{fact.percent}",
        amount_minor=fact.amount_minor,
        currency=fact.currency,
        notice=fact.notice,
        stops=fact.stops,
    )


class UsageStops:
    """Keeps what the network stops in step with the account's limits."""

    def __init__(self, desk: Desk, collector: Collector) -> None:
        self._desk = desk
        self._collector = collector

    async def limit_crossed(self, fact: InboxItem) -> None:
        """Stop what a cap covers, then tell the customer."""
        if fact.stops:
            await self.review()
        kind = NoticeKind(fact.notice)
        request = NoticeRequest(
            self._desk.account_id,
            kind,
            fact.subject,
            fact.detail,
            fact.amount_minor,
            fact.currency,
            hurry=kind in AT_ONCE,
            keep=True,
        )
        await self._collector.send(request)

    async def review(self) -> None:
        """Have the network stop, or let go on, whatever limits say now; look again when the cycle ends."""
        desk = self._desk
        review = await workflow.execute_activity_method(
            LimitActivities.review_usage_stops,
            ReviewStopsRequest(desk.account_id, desk.next_order_number()),
            summary="Compare limits with what the network stops",
            **QUICK_WRITE,
        )
        desk.stops_review_at = review.look_again_at
        for order in review.orders:
            await self._carry_out(order)

    async def _carry_out(self, order: StopOrder) -> None:
        desk = self._desk
        state = BarringState(
            desk.account_id,
            desk.brand,
            desk.number,
            order.order_id,
            order.level,
            order.reason,
            "limits",
            order.service_ids,
            desk.deadline.clock,
        )
        await workflow.start_child_workflow(
            BarringWorkflow.run,
            state,
            id=barring_workflow_id(desk.brand, desk.number, order.order_id),
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary=order.reason,
            search_attributes=of_brand(desk.brand),
            priority=order_priority(order.level),
        )


class LimitCommands:
    """What customers and operators say about limits."""

    def __init__(self, desk: Desk, stops: UsageStops) -> None:
        self._desk = desk
        self._stops = stops

    @property
    def handlers(self) -> Mapping[str, Callable[[Any], Awaitable[CommandResult]]]:
        """By the name of the update."""
        return {
            "set_usage_limit": self._set,
            "remove_usage_limit": self._remove,
            "agree_to_continue": self._agree,
        }

    async def _set(self, command: SetUsageLimit) -> CommandResult:
        return await self._change(command, command.value)

    async def _remove(self, command: RemoveUsageLimit) -> CommandResult:
        return await self._change(command, None)

    async def _change(self, command: SetUsageLimit | RemoveUsageLimit, value: int | None) -> CommandResult:
        request = ChangeLimitRequest(
            self._desk.account_id,
            command.kind,
            command.measure,
            command.service_id,
            command.meter,
            command.roaming,
            value,
            command.asked_by,
            command.author,
            command.reason,
            command.command_id,
        )
        changed = await workflow.execute_activity_method(
            LimitActivities.change_usage_limit, request, summary=f"Limit changed by {command.author}", **QUICK_WRITE
        )
        await self._stops.review()
        return CommandResult(command.command_id, summary=changed.summary)

    async def _agree(self, command: AgreeToContinue) -> CommandResult:
        request = AgreeRequest(
            self._desk.account_id,
            command.service_id,
            command.asked_by,
            command.author,
            command.reason,
            command.command_id,
        )
        agreed = await workflow.execute_activity_method(
            LimitActivities.agree_to_continue, request, summary="The customer agrees to go on abroad", **QUICK_WRITE
        )
        await self._stops.review()
        return CommandResult(command.command_id, summary=agreed.summary)
