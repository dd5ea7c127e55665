"""Limits on usage: set and change them, agree to go on, show them, and find what the network has to stop.

Owns: changes of limits, agreements, what is used of each limit, the orders that stop usage. Does not own: finding
crossed limits (usage_thresholds), telling the customer (the account's process), carrying orders out (barring).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime

from billing.domain.errors import UnableTo
from billing.domain.limits import (
    LimitKind,
    LimitScope,
    Measure,
    limit_id,
    takes_effect_in,
)
from billing.domain.money import Money
from billing.messages.limits import (
    AgreeRequest,
    ChangeLimitRequest,
    LimitChanged,
    ReviewStopsRequest,
    StopsReview,
)
from billing.ports.clock import BusinessClock
from billing.ports.limits import LimitAgreement
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.invoicing_commands import (
    CommandContext,
    earlier_result,
    refuse_unreasoned,
    remember,
    tell,
)
from billing.services.limit_checks import check_limit, refuse_too_many
from billing.services.limited_cycle import LimitedCycle, read_limited_cycle
from billing.services.limits_in_force import LimitView
from billing.services.usage_limit_crossings import limit_crossings, limit_entry
from billing.services.usage_plans import PlanShelf
from billing.services.usage_stops import write_orders
from billing.services.usage_thresholds import ThresholdDispatch


class UnableToChangeLimit(UnableTo):
    """The account has no running cycle, or nothing to agree to."""


class LimitService:
    """Limits of accounts; every command counts once."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, thresholds: ThresholdDispatch) -> None:
        self._make_work = make_work
        self._clock = clock
        self._thresholds = thresholds
        self._shelf = PlanShelf()

    async def change(self, request: ChangeLimitRequest) -> LimitChanged:
        """Set, change or remove a limit; what is passed already at its new value is not told as if it just happened.

        Raises InvalidValue naming a field, UnableToChangeLimit without a running cycle.
        """
        kind = "set_usage_limit" if request.value is not None else "remove_usage_limit"
        context = _context(request, kind, self._clock.now())
        async with self._make_work() as work:
            await work.accounts.lock(request.account_id)
            known = await earlier_result(work, context)
            if known is not None:
                return LimitChanged(**known)
            refuse_unreasoned(context)
            before = await read_limited_cycle(work, self._shelf, request.account_id, context.now)
            changed = await _change(work, self._shelf, before, request, context)
            await remember(work, context, asdict(changed))
            await work.commit()
        await self._thresholds.send_pending([request.account_id])
        return changed

    async def agree(self, request: AgreeRequest) -> LimitChanged:
        """Keep the customer's word that data abroad goes on beyond its cap, for one service until the cycle ends.

        Raises UnableToChangeLimit where no cap on data abroad holds.
        """
        context = _context(request, "agree_to_continue", self._clock.now())
        async with self._make_work() as work:
            await work.accounts.lock(request.account_id)
            known = await earlier_result(work, context)
            if known is not None:
                return LimitChanged(**known)
            refuse_unreasoned(context)
            present = await read_limited_cycle(work, self._shelf, request.account_id, context.now)
            agreed = await _agree(work, present, request, context)
            await remember(work, context, asdict(agreed))
            await work.commit()
        return agreed

    async def of(self, account_id: str) -> Sequence[LimitView]:
        """Every limit in force now with what is used of it, and those that are set for a later cycle."""
        now = self._clock.now()
        async with self._make_work() as work:
            return (await read_limited_cycle(work, self._shelf, account_id, now)).views

    async def review_stops(self, request: ReviewStopsRequest) -> StopsReview:
        """Write down the orders that bring the network in step with limits; a repeat answers the same ones."""
        now = self._clock.now()
        async with self._make_work() as work:
            await work.accounts.lock(request.account_id)
            present = await read_limited_cycle(work, self._shelf, request.account_id, now)
            review = await write_orders(work, present, request, now)
            await work.commit()
        return review


# Changing ------------------------------------------------------------------------------------------------------------


async def _change(
    work: UnitOfWork, shelf: PlanShelf, before: LimitedCycle, request: ChangeLimitRequest, context: CommandContext
) -> LimitChanged:
    check_limit(request, before.service_ids, before.meters)
    cycle = _running(before)
    name = limit_id(LimitKind(request.kind), Measure(request.measure), _scope(request))
    in_force = {use.limit.limit_id: use.limit.value for use in before.uses}
    if request.value is not None and name not in in_force:
        refuse_too_many(len(in_force))
    from_cycle = takes_effect_in(cycle, in_force.get(name), request.value)
    await work.limits.add_change(_values(request, from_cycle, context.now))
    if from_cycle == cycle:
        await _look_anew(work, shelf, name, request.account_id, context.now)
    await work.usage.watch_again(request.account_id, cycle)
    summary = _summary(request, before.limits.currency, from_cycle, at_once=from_cycle == cycle)
    await tell(work, context, summary, {"limit": name, "value": request.value, "before": in_force.get(name)})
    return LimitChanged(summary, from_cycle)


async def _look_anew(work: UnitOfWork, shelf: PlanShelf, name: str, account_id: str, now: datetime) -> None:
    """Note what usage passed before the limit had this value; only a cap that stops now is still told."""
    after = await read_limited_cycle(work, shelf, account_id, now)
    uses = [use for use in after.uses if use.limit.limit_id == name]
    assert after.cycle is not None
    passed = [
        each if each.stops else replace(each, told_at=now)
        for each in limit_crossings(after.cycle, uses, after.limits.currency, now)
    ]
    for crossing in await work.usage.add_crossings(passed):
        if crossing.stops:
            await work.timeline.add(limit_entry(crossing))


def _running(present: LimitedCycle) -> int:
    if present.cycle is None:
        raise UnableToChangeLimit(
            "The account has no running cycle.",
            field="account_id",
            value=present.account_id,
            remedy="Limits hold for cycles; open or reopen the account first.",
        )
    return present.cycle.cycle_number


def _scope(request: ChangeLimitRequest) -> LimitScope:
    return LimitScope(request.service_id, request.meter, request.roaming)


def _values(request: ChangeLimitRequest, from_cycle: int, now: datetime) -> Mapping[str, object]:
    return {
        "account_id": request.account_id,
        "kind": request.kind,
        "measure": request.measure,
        "service_id": request.service_id or None,
        "meter": request.meter,
        "roaming": request.roaming,
        "value": request.value,
        "from_cycle": from_cycle,
        "set_at": now,
        "asked_by": request.asked_by,
        "author": request.author,
        "reason": request.reason,
    }


def _summary(request: ChangeLimitRequest, currency: str, from_cycle: int, *, at_once: bool) -> str:
    what = f"The {request.kind} limit on {_scope(request).words}"
    if request.value is None:
        return f"{what} is removed."
    is_amount = request.measure == Measure.AMOUNT
    value = str(Money(request.value, currency)) if is_amount else f"{request.value} units"
    when = "from now on" if at_once else f"from cycle {from_cycle} on: a limit is lowered with the next cycle"
    return f"{what} is {value} {when}."


async def _agree(
    work: UnitOfWork, present: LimitedCycle, request: AgreeRequest, context: CommandContext
) -> LimitChanged:
    cycle = _running(present)
    caps = {use.limit.scope.service_id: use for use in present.uses if use.limit.scope.roaming}
    cap = caps.get(request.service_id)
    if cap is None:
        raise UnableToChangeLimit(
            "No cap on data abroad holds for this service.",
            field="service_id",
            value=request.service_id,
            remedy=f"Name one of: {', '.join(sorted(caps)) or 'none has such a cap'}.",
        )
    agreement = LimitAgreement(
        request.account_id, cycle, request.service_id, context.now, request.asked_by, request.author, request.reason
    )
    await work.limits.add_agreement(agreement)
    summary = f"Data abroad of {request.service_id} goes on beyond its cap until the cycle ends."
    inputs = {"limit": cap.limit.key, "used": cap.used, "cycle_number": cycle, "asked_by": request.asked_by}
    await tell(work, context, summary, inputs)
    return LimitChanged(summary, cycle)


def _context(request: ChangeLimitRequest | AgreeRequest, kind: str, now: datetime) -> CommandContext:
    return CommandContext(request.account_id, kind, request.command_id, request.author, request.reason, now)
