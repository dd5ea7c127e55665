"""Promises, holds, pauses and changes of policy: each in one transaction, each explained in the timeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta

from billing.domain.cycle_calendar import at_local_time
from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.messages.dunning import CaseCommand, CaseCommandResult
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.unit_of_work import UnitOfWork

# A promise is kept when the money is there by the end of its day, and one day for it to arrive.
GRACE_DAYS = 2


async def change_case(work: UnitOfWork, account: Account, command: CaseCommand, now: datetime) -> CaseCommandResult:
    """Carry out one command. Raises InvalidValue for a field that cannot be used."""
    result = await _HANDLERS[command.kind](work, account, command, now)
    reason = {"rule": "operator's or customer's command", "command_id": command.command_id, "reason": command.reason}
    await work.timeline.add(
        TimelineEntry(account.account_id, now, command.kind, result.summary, reason, command.author)
    )
    return result


async def _promise(work: UnitOfWork, account: Account, command: CaseCommand, now: datetime) -> CaseCommandResult:
    if command.pay_by is None:
        raise InvalidValue("By when?", field="pay_by", value="", remedy="Name the local date the customer promised.")
    until = at_local_time(command.pay_by + timedelta(days=GRACE_DAYS), time(0), account.zone)
    await work.dunning.add_promise(
        {
            "account_id": account.account_id,
            "command_id": command.command_id,
            "until": until,
            "amount_minor": command.amount_minor,
            "made_at": now,
            "author": command.author,
        }
    )
    brand = await work.accounts.brand(account.brand)
    amount = Money(command.amount_minor, brand.currency) if command.amount_minor else "everything open"
    return CaseCommandResult(f"Promised to pay {amount} by {command.pay_by}; nothing is pressed for until then.", until)


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
    await work.accounts.change(
        account.account_id,
        {"dunning_policy_code": policy.policy_code, "dunning_policy_version": policy.policy_version},
    )
    case = await work.dunning.open_case(account.account_id)
    if case is not None:
        await work.dunning.change_case(account.account_id, case.case_id, chosen)
    return CaseCommandResult(f"Policy {policy.policy_code} version {policy.policy_version} applies from now on.")


_Handler = Callable[[UnitOfWork, Account, CaseCommand, datetime], Awaitable[CaseCommandResult]]
_HANDLERS: dict[str, _Handler] = {
    "promise_to_pay": _promise,
    "hold_until": _hold,
    "pause": _pause,
    "resume": _resume,
    "change_dunning_policy": _change_policy,
}
