"""One account's part of a bulk action: the command as from a clerk's hand, under an id that makes it count once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from billing.domain.bulk_actions import BulkKind, BulkOrder
from billing.domain.bulk_standing import Standing, Weighed
from billing.domain.errors import InvalidValue, Refusal, UnableTo
from billing.messages import account as commands
from billing.messages.account import Command
from billing.messages.identities import account_workflow_id
from billing.ports.process import Process
from billing.ports.work_list import AccountFacts
from billing.services.dunning_assignments import PolicyAssignments
from billing.services.dunning_fees import FeeService
from billing.services.paylink_sending import PaylinkRequest, PaylinkSender


@dataclass(frozen=True)
class Said:
    """What every command of an action says: its id, who asked, and why."""

    command_id: str
    author: str
    reason: str


def weighed(facts: AccountFacts) -> Weighed:
    """An account as an action weighs it."""
    standing = Standing(
        facts.paused,
        facts.hold_until,
        facts.policy_code,
        facts.policy_version,
        facts.segment,
        facts.cycle_day,
    )
    return Weighed(
        standing,
        facts.status,
        facts.case_id is not None,
        facts.method,
        facts.failure_category,
        facts.promise_until is not None,
        facts.plan_id is not None,
        facts.in_flight,
        facts.handed_over,
        facts.fees,
        facts.reachable,
    )


class BulkCommands:
    """Carries out one order on one account. A refusal is raised as such; a fault may be tried again."""

    def __init__(
        self, process: Process, assignments: PolicyAssignments, fees: FeeService, paylinks: PaylinkSender
    ) -> None:
        self._process = process
        self._assignments = assignments
        self._fees = fees
        self._paylinks = paylinks

    async def carry_out(self, order: BulkOrder, account: AccountFacts, said: Said) -> str:
        """What was done, in words. Raises a Refusal, and NotFound where no process of the account is open."""
        match order.kind:
            case BulkKind.SEGMENT:
                await self._assignments.move_account(account.account_id, order.segment, said.author, said.reason)
                return f"Segment {account.segment} became {order.segment}."
            case BulkKind.WAIVE_FEES:
                return await self._waive(account, said)
            case BulkKind.PAYLINK:
                asked = PaylinkRequest(account.account_id, said.command_id, said.author, said.reason, in_hurry=False)
                return await self._paylinks.send(asked)
        return await self._command(order, account, said)

    async def _waive(self, account: AccountFacts, said: Said) -> str:
        charged = [
            fee
            for fee in await self._fees.all(account.account_id)
            if fee.adjustment_id is not None and fee.waived_at is None
        ]
        for fee in charged:
            await self._fees.waive(account.account_id, fee.fee_id, said.reason, said.author)
        return f"{len(charged)} fee(s) waived."

    async def _command(self, order: BulkOrder, account: AccountFacts, said: Said) -> str:
        update, kind, fields = _update_of(order)
        command = replace(kind(said.command_id, said.author, said.reason), **fields)
        workflow_id = account_workflow_id(account.brand, account.number)
        result = await self._process.command(workflow_id, update, command)
        if not result.accepted:
            raise UnableTo(result.summary, field=result.field, value=result.value, remedy=result.remedy)
        return result.summary


def _update_of(order: BulkOrder) -> tuple[str, type[Command], dict[str, Any]]:
    """The account's update that an order is."""
    policy = {"policy_code": order.policy_code, "policy_version": order.policy_version, "case_only": True}
    known: dict[BulkKind, tuple[str, type[Command], dict[str, Any]]] = {
        BulkKind.HOLD: ("hold_until", commands.HoldUntil, {"until": order.until}),
        BulkKind.RESUME: ("resume_collection", commands.ResumeCollection, {}),
        BulkKind.PAUSE: ("pause_collection", commands.PauseCollection, {}),
        BulkKind.RETRY: ("retry_collection", commands.RetryCollection, {}),
        BulkKind.MOVE_POLICY: ("change_dunning_policy", commands.ChangeDunningPolicy, policy),
        BulkKind.CYCLE_DAY: (
            "change_cycle_day",
            commands.ChangeCycleDay,
            {"cycle_day": order.cycle_day, "bridge": order.bridge},
        ),
    }
    if order.kind not in known:
        raise InvalidValue("This is no command of an account.", field="kind", value=order.kind, remedy="Use another.")
    return known[order.kind]


def standing_after(order: BulkOrder, before: Standing) -> Standing:
    """How an account stands after an order was carried out on it."""
    changes: dict[BulkKind, dict[str, Any]] = {
        BulkKind.HOLD: {"hold_until": order.until},
        BulkKind.RESUME: {"paused": False, "hold_until": None},
        BulkKind.PAUSE: {"paused": True},
        BulkKind.MOVE_POLICY: {"policy_code": order.policy_code, "policy_version": order.policy_version},
        BulkKind.SEGMENT: {"segment": order.segment},
        BulkKind.CYCLE_DAY: {"cycle_day": order.cycle_day},
    }
    return replace(before, **changes.get(order.kind, {}))


def in_one_line(refusal: Refusal) -> str:
    """A refusal as a list shows it."""
    return f"{refusal.message} {refusal.remedy}".strip()
