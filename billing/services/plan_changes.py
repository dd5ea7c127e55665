"""A line moves to another plan, or to another version of its plan: now, at the next cycle, or at an instant to come.
A change that is entered late may lie behind, in what is not billed yet.

Usage is priced by the plan of its own time, whenever it arrives. Fees and allowances of the cycle follow the rule of
the plan that is moved to (``on_change``). A preview carries the change out in a transaction that is not kept, so it
shows what the invoice will compute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from billing.domain.errors import InvalidValue
from billing.domain.numbers import directory_spelling
from billing.ports.accounts import Cycle, Service
from billing.ports.clock import BusinessClock
from billing.ports.numbers import MoveKind, NewNumberMove, NumberMove
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_intake import ServicePlan
from billing.services.invoicing_commands import CommandContext, earlier_result, refuse_unreasoned, remember, tell
from billing.services.invoicing_cycles import CANCELLED, OPEN, span_of, zone_of
from billing.services.plan_outlook import (
    PlanChanged,
    PlannedAllowance,
    PlannedFee,
    PlanPart,
    PlansOfLine,
    outlook,
)
from billing.services.service_changes import (
    OnNumberMoved,
    ServiceCommand,
    UnableToChangeService,
    followed_later,
    refuse_ended,
    service_of,
)
from billing.services.subscribing import plan_of_brand
from billing.services.usage_guiding import PlanKey
from billing.services.usage_plans import PlanShelf


class When(StrEnum):
    """When a change of plan takes effect, where it is not an instant."""

    NOW = "now"
    NEXT_CYCLE = "next_cycle"


@dataclass(frozen=True)
class NewPlan:
    """The plan to move to; version None: the newest. ``effective`` is now, the next cycle, or an instant: to come, or
    behind within what is not billed yet.
    """

    plan_code: str
    plan_version: int | None = None
    effective: When | datetime = When.NOW


class PlanChanges:
    """Changes plans of lines and shows their history. ``on_number_moved`` is told after the commit."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, on_number_moved: OnNumberMoved = followed_later
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._shelf = PlanShelf()
        self._on_number_moved = on_number_moved

    async def history(self, account_id: str, service_id: str) -> Sequence[ServicePlan]:
        """Every plan the line had, has, or is to have. Raises NotFound."""
        async with self._make_work() as work:
            await service_of(work, account_id, service_id)
            return (await self._plans_of(work, account_id, service_id)).periods

    async def preview(self, account_id: str, service_id: str, new: NewPlan) -> PlanChanged:
        """What the change would mean; nothing is kept. Raises as ``change`` does."""
        async with self._make_work() as work:
            return await self._carry_out(work, account_id, service_id, new)

    async def change(self, command: ServiceCommand, new: NewPlan) -> PlanChanged:
        """Move the line to the plan; the same command again answers what the first one did.

        Raises NotFound for an unknown line or plan, InvalidValue for a plan of another brand or an instant that is
        billed, UnableToChangeService when the line has ended by then or has that plan already.
        """
        context = command.context("change_plan", self._clock.now())
        async with self._make_work() as work:
            await work.accounts.lock(command.account_id)
            known = await earlier_result(work, context)
            if known is not None:
                return _as_changed(known)
            refuse_unreasoned(context)
            changed = await self._carry_out(work, command.account_id, command.service_id, new)
            move = await _record(work, context, changed)
            await work.commit()
        await self._on_number_moved(move)
        return changed

    async def _carry_out(self, work: UnitOfWork, account_id: str, service_id: str, new: NewPlan) -> PlanChanged:
        account = await work.accounts.lock(account_id)
        refuse_ended(account)
        service = await service_of(work, account_id, service_id)
        brand = await work.accounts.brand(account.brand)
        cycles = [each for each in await work.accounts.cycles(account_id) if each.status != CANCELLED]
        at = _instant(new.effective, service, cycles, self._clock.now())
        plan = await plan_of_brand(work, account, new.plan_code, new.plan_version, "plan_code", at)
        cycle = next((each for each in cycles if each.opens_at <= at < each.closes_at), None)
        before = await self._plans_of(work, account_id, service_id)
        _refuse_needless(before, (plan.plan_code, plan.plan_version), at)
        await work.accounts.change_plan(account_id, service_id, at, plan.plan_code, plan.plan_version)
        after = await self._plans_of(work, account_id, service_id)
        span = None if cycle is None else span_of(cycle, zone_of(cycle, brand))
        return outlook(service, before, after, at, span)

    async def _plans_of(self, work: UnitOfWork, account_id: str, service_id: str) -> PlansOfLine:
        periods = [each for each in await work.usage.service_plans([account_id]) if each.service_id == service_id]
        definitions = await self._shelf.get(work, [(each.plan_code, each.plan_version) for each in periods])
        return PlansOfLine(periods, definitions)


def _instant(effective: When | datetime, service: Service, cycles: Sequence[Cycle], now: datetime) -> datetime:
    """When the change takes effect. Raises InvalidValue, UnableToChangeService."""
    at = max(now, service.active_from) if effective is When.NOW else effective
    if at is When.NEXT_CYCLE:
        at = _next_cycle(cycles, now)
    assert isinstance(at, datetime)
    earliest = max(_not_billed_since(cycles, now), service.active_from)
    if at < earliest:
        raise InvalidValue(
            "A change of plan cannot lie in what is billed, or before the line began.",
            field="effective",
            value=at.isoformat(),
            remedy=f"Use now, next_cycle, or an instant since {earliest.isoformat()}.",
        )
    if service.active_to is not None and service.active_to <= at:
        raise UnableToChangeService(
            f"The line ends at {service.active_to.isoformat()}.",
            field="effective",
            value=at.isoformat(),
            remedy="Use an earlier instant, or another line.",
        )
    return at


def _not_billed_since(cycles: Sequence[Cycle], now: datetime) -> datetime:
    return min([now, *(each.opens_at for each in cycles if each.status == OPEN)])


def _next_cycle(cycles: Sequence[Cycle], now: datetime) -> datetime:
    for cycle in cycles:
        if cycle.opens_at <= now < cycle.closes_at:
            return cycle.closes_at
    if cycles and now < cycles[0].opens_at:
        return cycles[0].closes_at
    raise UnableToChangeService(
        "The account has no running cycle.",
        field="effective",
        value=When.NEXT_CYCLE.value,
        remedy="Use now, or an instant to come.",
    )


def _refuse_needless(before: PlansOfLine, plan: PlanKey, at: datetime) -> None:
    """The plan it has, with nothing else decided, is no change; with something decided it calls that off."""
    has = before.at(at)
    if (has.plan_code, has.plan_version) == plan and not any(each.active_from > at for each in before.periods):
        raise UnableToChangeService(
            f"The line has plan {plan[0]} version {plan[1]} at {at.isoformat()} already.",
            field="plan_code",
            value=plan[0],
            remedy="Choose another plan or version.",
        )


async def _record(work: UnitOfWork, context: CommandContext, changed: PlanChanged) -> NumberMove:
    """The move that usage follows, the timeline, and the answer for a command that comes again."""
    own, identifier = context.account_id, directory_spelling(changed.identifier)
    move = NewNumberMove(identifier, changed.effective_at, MoveKind.PLAN_CHANGED, own, own)
    result = {**asdict(changed), "effective_at": changed.effective_at.isoformat()}
    told = {name: value for name, value in result.items() if name not in ("parts", "summary", "identifier")}
    await tell(work, context, changed.summary, told)
    await remember(work, context, result)
    return await work.accounts.add_number_move(move, context.now)


def _as_changed(result: Mapping[str, Any]) -> PlanChanged:
    parts = [
        PlanPart(
            **{
                **part,
                "fees": [PlannedFee(**fee) for fee in part["fees"]],
                "allowances": [PlannedAllowance(**each) for each in part["allowances"]],
            }
        )
        for part in result["parts"]
    ]
    effective_at = datetime.fromisoformat(result["effective_at"])
    return PlanChanged(**{**result, "parts": parts, "effective_at": effective_at})
