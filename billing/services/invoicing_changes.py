"""Changes to an account's open cycle: another cycle day, or the end of the account. Billed periods stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from billing.domain.cycle_calendar import BridgePolicy, Cycle, CycleDay, CycleDayChange, change_cycle_day
from billing.domain.cycle_plan import CyclePlan
from billing.domain.errors import InvalidValue, UnableTo
from billing.domain.money import Money, total
from billing.domain.rating import recurring_lines
from billing.messages.invoicing import ChangeCycleDayRequest, CloseAccountRequest, CyclePlanChanged
from billing.ports import accounts as stored
from billing.ports.accounts import Account, Brand
from billing.ports.unit_of_work import UnitOfWork
from billing.services import invoicing_cycles as cycles
from billing.services.invoicing_commands import (
    CommandContext,
    InvoicingUseCases,
    earlier_result,
    refuse_unreasoned,
    remember,
    tell,
)
from billing.services.plan_periods import plan_at
from billing.services.planned_methods import planned_method
from billing.services.usage_plans import PlanShelf


class UnableToChangeCycleDay(UnableTo):
    """The account cannot move to that day."""


class UnableToChangeOpenCycle(UnableTo):
    """The account has no running cycle: it is closing, or closed cycles wait to be billed."""


class CycleChanges(InvoicingUseCases):
    """Change the cycle day, close the account; each command counts once."""

    async def preview_cycle_day(self, account_id: str, cycle_day: int, policy: str) -> CycleDayChange:
        """What a change would do, to be shown before it is confirmed; nothing is stored."""
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            brand = await work.accounts.brand(account.brand)
            running = await _running_cycle(work, account, self._clock.now())
            return _change(account, brand, running, cycle_day, policy)

    async def preview_plans(self, account_id: str, change: CycleDayChange) -> list[CyclePlan]:
        """The dates of the cycles of a change, in their order: when each is billed and debited, or due."""
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            brand = await work.accounts.brand(account.brand)
            method = await planned_method(work, account_id, self._clock.now())
        return [cycles.plan_of(cycle, brand, method) for cycle in change.cycles]

    async def change_cycle_day(self, request: ChangeCycleDayRequest) -> CyclePlanChanged:
        """Move the running cycle's close, or the next one's, to the new day.

        The answer's plan is that of the cycle that is billed next: while a closed cycle waits for its billing delay,
        that one, unchanged. Raises UnableToChangeCycleDay when the account bills on that day already or is closing.
        """
        context = _context(request, "change_cycle_day", self._clock.now())
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            known = await earlier_result(work, context)
            if known is not None:
                return _as_changed(known)
            refuse_unreasoned(context)
            brand = await work.accounts.brand(account.brand)
            running = await _running_cycle(work, account, context.now)
            change = _change(account, brand, running, request.cycle_day, request.policy)
            await _store_change(work, account, brand, change, context)
            if change.charged_days:
                await _charge_bridge(work, self._shelf, account, brand, change, context)
            summary = _bridge_text(change)
            inputs = {"from": account.cycle_day, "to": request.cycle_day, "policy": request.policy}
            await tell(work, context, summary, inputs)
            return await _finish(work, context, request.cycle_day, summary)

    async def close_account(self, request: CloseAccountRequest) -> CyclePlanChanged:
        """End all services now and shorten the running cycle to now: it is billed as the last one, for its full fee.

        Its invoice follows after the billing delay, so that the last records are on it.
        """
        context = _context(request, "close_account", self._clock.now())
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            known = await earlier_result(work, context)
            if known is not None:
                return _as_changed(known)
            refuse_unreasoned(context)
            running = await _running_cycle(work, account, context.now)
            closed_at = await _end_cycle(work, account, running, context.now)
            await _end_services(work, account.account_id, closed_at)
            await work.accounts.change(account.account_id, {"status": "closing", "closed_at": closed_at})
            summary = f"Account closes; cycle {running.cycle_number} is billed as the last one"
            await tell(work, context, summary, {"closed_at": closed_at.isoformat()})
            return await _finish(work, context, account.cycle_day, summary)


def _context(request: ChangeCycleDayRequest | CloseAccountRequest, kind: str, now: datetime) -> CommandContext:
    return CommandContext(request.account_id, kind, request.command_id, request.author, request.reason, now)


async def _running_cycle(work: UnitOfWork, account: Account, now: datetime) -> stored.Cycle:
    """The open cycle that contains now. Raises UnableToChangeOpenCycle."""
    running = [
        cycle
        for cycle in await work.accounts.cycles(account.account_id)
        if cycle.status == cycles.OPEN and cycle.closes_at > now
    ]
    if account.closed_at is not None or not running:
        raise UnableToChangeOpenCycle(
            f"Account {account.account_id} is {account.status} and has no running cycle that could change.",
            field="account_id",
            value=account.account_id,
            remedy="Open a new account."
            if account.closed_at is not None
            else "Issue the invoices of its closed cycles first.",
        )
    return running[0]


def _change(account: Account, brand: Brand, running: stored.Cycle, cycle_day: int, policy: str) -> CycleDayChange:
    if policy not in list(BridgePolicy):
        raise InvalidValue(
            "This is not a way to bridge the days between two cycle days.",
            field="policy",
            value=policy,
            remedy=f"Use one of: {', '.join(BridgePolicy)}.",
        )
    new_day = CycleDay(cycle_day)
    if new_day == account.cycle_day:
        raise UnableToChangeCycleDay(
            f"Account {account.account_id} bills on day {cycle_day} already.",
            field="cycle_day",
            value=cycle_day,
            remedy="Choose another day of the month.",
        )
    return change_cycle_day(cycles.as_domain(running), new_day, brand.zone, BridgePolicy(policy))


async def _store_change(
    work: UnitOfWork, account: Account, brand: Brand, change: CycleDayChange, context: CommandContext
) -> None:
    """Write the open cycle and the one after it, and the account's new anchor."""
    method = await planned_method(work, account.account_id, context.now)
    for cycle in change.cycles[:2]:
        await cycles.store_plan(work, account.account_id, cycles.plan_of(cycle, brand, method))
    await work.accounts.change(account.account_id, {"cycle_day": int(change.new_day)})


async def _charge_bridge(
    work: UnitOfWork,
    shelf: PlanShelf,
    account: Account,
    brand: Brand,
    change: CycleDayChange,
    context: CommandContext,
) -> None:
    """The bridge's days of the recurring fees, per service and tax code, as lines of the open cycle's invoice."""
    periods = await work.usage.service_plans([account.account_id])
    for service in await work.accounts.services(account.account_id):
        plan_now = plan_at(periods, service.service_id, context.now)
        if service.active_to is not None or plan_now is None:
            continue
        key = (plan_now.plan_code, plan_now.plan_version)
        plan = (await shelf.get(work, [key]))[key]
        fees = recurring_lines(plan, on=change.bridge_closes_on)
        for tax_code in dict.fromkeys(line.tax_code for line in fees):
            fee = total((line.amount for line in fees if line.tax_code == tax_code), brand.currency)
            amount = Money.from_decimal(fee.decimal * change.charged_days / change.month_days, brand.currency)
            await work.invoices.add_adjustment(
                {
                    "account_id": account.account_id,
                    "amount_minor": amount.amount_minor,
                    "currency": brand.currency,
                    "tax_code": tax_code,
                    "description": f"{plan.name}, {_bridge_days(change)}",
                    "reason": f"{fee} x {change.charged_days} / {change.month_days} days = {amount}",
                    "author": context.author,
                    "created_at": context.now,
                }
            )


def _bridge_days(change: CycleDayChange) -> str:
    return f"{change.charged_days} days from {change.bridge_opens_on} to {change.bridge_closes_on}"


def _bridge_text(change: CycleDayChange) -> str:
    closes = ", then ".join(str(cycle.closes_at.date()) for cycle in change.cycles)
    cost = f"{_bridge_days(change)} are charged" if change.charged_days else "the bridge is not charged"
    return f"Cycle day {change.old_day} becomes {change.new_day}: cycles close on {closes} (UTC); {cost}"


async def _end_cycle(work: UnitOfWork, account: Account, running: stored.Cycle, now: datetime) -> datetime:
    """Shorten the running cycle to now; cycles that will never begin are cancelled."""
    brand = await work.accounts.brand(account.brand)
    method = await planned_method(work, account.account_id, now)
    closed_at = max(now, running.opens_at + timedelta(seconds=1))
    last = Cycle(running.cycle_number, running.opens_at, closed_at, CycleDay(running.cycle_day))
    await cycles.store_plan(work, account.account_id, cycles.plan_of(last, brand, method))
    for later in await work.accounts.cycles(account.account_id):
        if later.cycle_number > running.cycle_number:
            changed = {"status": cycles.CANCELLED}
            await work.accounts.change_cycle(account.account_id, later.cycle_number, changed)
    return closed_at


async def _end_services(work: UnitOfWork, account_id: str, closed_at: datetime) -> None:
    for service in await work.accounts.services(account_id):
        if service.active_to is None or service.active_to > closed_at:
            active_to = max(closed_at, service.active_from)
            await work.accounts.change_service(account_id, service.service_id, {"active_to": active_to})


async def _finish(work: UnitOfWork, context: CommandContext, cycle_day: int, summary: str) -> CyclePlanChanged:
    """Answer with the plan of the cycle that is billed next."""
    billed_next = await work.accounts.open_cycle(context.account_id)
    assert billed_next is not None  # the running cycle is open
    result = {"plan": dict(billed_next.plan), "cycle_day": cycle_day, "explanation": summary}
    await remember(work, context, result)
    await work.commit()
    return _as_changed(result)


def _as_changed(result: Mapping[str, Any]) -> CyclePlanChanged:
    return CyclePlanChanged(CyclePlan.from_dict(result["plan"]), result["cycle_day"], result["explanation"])
