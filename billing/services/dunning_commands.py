"""Promises, holds, pauses and changes of policy: each in one transaction, each explained in the timeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from billing.domain.errors import InvalidValue, UnableTo
from billing.messages.dunning import CaseCommand, CaseCommandResult
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.unit_of_work import UnitOfWork
from billing.services.dunning_promises import promise
from billing.services.invoicing_commands import CommandContext, earlier_result, remember


class UnableToMoveCase(UnableTo):
    """There is no open case to walk by another policy."""


async def change_case(work: UnitOfWork, account: Account, command: CaseCommand, now: datetime) -> CaseCommandResult:
    """Carry out one command, once: the same again changes and tells nothing further, and answers as it did.

    Raises InvalidValue for a field that cannot be used, Conflict for the id of a command of another kind.
    """
    context = CommandContext(account.account_id, command.kind, command.command_id, command.author, command.reason, now)
    known = await earlier_result(work, context)
    if known is not None:
        until = known["until"]
        return CaseCommandResult(
            known["summary"],
            datetime.fromisoformat(until) if until else None,
            tuple(known.get("invoice_ids", ())),
            known.get("in_case", False),
        )
    result = await _HANDLERS[command.kind](work, account, command, now)
    reason = {"rule": "operator's or customer's command", "command_id": command.command_id, "reason": command.reason}
    await work.timeline.add(
        TimelineEntry(account.account_id, now, command.kind, result.summary, reason, command.author)
    )
    until = result.until.isoformat() if result.until else None
    kept: dict[str, Any] = {"summary": result.summary, "until": until}
    if result.invoice_ids:
        kept |= {"invoice_ids": list(result.invoice_ids), "in_case": result.in_case}
    await remember(work, context, kept)
    return result


async def _hold(work: UnitOfWork, account: Account, command: CaseCommand, now: datetime) -> CaseCommandResult:
    if command.until is None:
        raise InvalidValue("Until when?", field="until", value="", remedy="Name an instant in the future.")
    await work.accounts.change(account.account_id, {"hold_until": command.until})
    return CaseCommandResult(f"Held until {command.until:%Y-%m-%d %H:%M} UTC.", command.until)


async def _pause(work: UnitOfWork, account: Account, command: CaseCommand, now: datetime) -> CaseCommandResult:
    await work.accounts.change(account.account_id, {"paused": True})
    return CaseCommandResult("Collection is paused.")


async def _resume(work: UnitOfWork, account: Account, command: CaseCommand, now: datetime) -> CaseCommandResult:
    await work.accounts.change(account.account_id, {"paused": False, "hold_until": None})
    return CaseCommandResult("Collection goes on.")


async def _change_policy(work: UnitOfWork, account: Account, command: CaseCommand, now: datetime) -> CaseCommandResult:
    if not command.policy_code:
        raise InvalidValue(
            "Which policy?", field="policy_code", value="", remedy="GET /v1/dunning-policies lists the published ones."
        )
    policy = await work.dunning.policy(command.policy_code, command.policy_version or None)
    chosen = {"policy_code": policy.policy_code, "policy_version": policy.policy_version}
    case = await work.dunning.open_case(account.account_id)
    if case is None and command.case_only:
        raise UnableToMoveCase(
            "The account has no open case.",
            field="account_id",
            value=account.account_id,
            remedy="Leave case_only out to pin the policy for later cases.",
        )
    if not command.case_only:
        await work.accounts.change(
            account.account_id,
            {"dunning_policy_code": policy.policy_code, "dunning_policy_version": policy.policy_version},
        )
    if case is not None:
        await work.dunning.change_case(account.account_id, case.case_id, chosen)
    whose = "this case" if command.case_only else "the account"
    return CaseCommandResult(
        f"Policy {policy.policy_code} version {policy.policy_version} applies to {whose} from now on."
    )


_Handler = Callable[[UnitOfWork, Account, CaseCommand, datetime], Awaitable[CaseCommandResult]]
_HANDLERS: dict[str, _Handler] = {
    "promise_to_pay": promise,
    "hold_until": _hold,
    "pause": _pause,
    "resume": _resume,
    "change_dunning_policy": _change_policy,
}
