"""Thresholds: an allowance that passes 80 or 100 percent is written down once, and told to the account's workflow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from billing.domain.cycle_calendar import local_date
from billing.domain.errors import Refusal
from billing.domain.limits import LimitUse
from billing.domain.rating import (
    AllowanceState,
    Origin,
    PlanDefinition,
    allowance_states,
)
from billing.messages.account import UsageThresholdCrossed
from billing.messages.identities import account_workflow_id
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.grants import GrantRow
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_intake import Crossing, CycleSpan, PendingThreshold, ServicePlan
from billing.ports.usage_records import Counted
from billing.services.account_rating import counted_services, rate_account
from billing.services.grants_ahead import granted_so_far
from billing.services.limits_in_force import AccountLimits, ServiceCharges, uses_in
from billing.services.plan_periods import plans_in_cycle
from billing.services.usage_grants import grants_in
from billing.services.usage_guiding import PlanKey
from billing.services.usage_limit_crossings import limit_crossings, limit_entry, read_limits, watch_limits
from billing.services.usage_plans import PlanShelf
from billing.services.usage_watch import CounterOfCycle, watch_quantities

THRESHOLD_PERCENTS = (80, 100)
SIGNAL = "usage_threshold_crossed"
PROCESS_ANSWERS_WITHIN_SECONDS = 5
_logger = logging.getLogger(__name__)


async def write_crossings(
    work: UnitOfWork, shelf: PlanShelf, touched: Sequence[CycleSpan], at: datetime
) -> Sequence[Crossing]:
    """Find what the touched cycles crossed, write what is new to the outbox and the timeline, and answer that."""
    if not touched:
        return ()
    counters = await work.usage.counters_in([(cycle.account_id, cycle.cycle_number) for cycle in touched])
    services = await work.usage.service_plans([cycle.account_id for cycle in touched])
    used = [(row.plan_code, row.plan_version) for rows in counters.values() for row in rows]
    plans = await shelf.get(work, [*used, *((each.plan_code, each.plan_version) for each in services)])
    of_account: dict[str, list[ServicePlan]] = {}
    for service in services:
        of_account.setdefault(service.account_id, []).append(service)
    limits = await read_limits(work, counters, plans)
    granted = await granted_so_far(work, shelf, touched, plans, services)
    crossings: list[Crossing] = []
    watched: dict[tuple[str, int], dict[CounterOfCycle, int]] = {}
    for cycle in touched:
        own, key = of_account.get(cycle.account_id, []), (cycle.account_id, cycle.cycle_number)
        rows, grants = counters.get(key, ()), granted.get(key, ())
        states = _states_of(cycle, own, rows, plans, grants)
        crossings += [each for service_id, found in states for each in _crossings(cycle, service_id, found, at)]
        every = [state for _, found in states for state in found]
        watched[key] = watch_quantities(rows, plans, every, THRESHOLD_PERCENTS)
        # Of a cycle that is over nothing can be stopped any more.
        if cycle.account_id in limits and at < cycle.closes_at:
            own_limits = limits[cycle.account_id]
            uses = uses_of(cycle, own, rows, plans, own_limits, grants)
            crossings += limit_crossings(cycle, uses, own_limits.currency, at)
            watch_limits(watched[key], rows, plans, uses)
    await work.usage.watch(watched)
    new = await work.usage.add_crossings(crossings)
    await work.timeline.add_all([limit_entry(each) if each.limit_key else _entry(each) for each in new])
    return new


def uses_of(
    cycle: CycleSpan,
    services: Iterable[ServicePlan],
    rows: Sequence[Counted],
    plans: Mapping[PlanKey, PlanDefinition],
    limits: AccountLimits,
    granted: Sequence[GrantRow] = (),
) -> tuple[LimitUse, ...]:
    """Every limit of an account in a cycle with what is used of it; amounts as the invoice would charge them."""
    rated = rate_account(cycle, services, rows, plans, local_date(cycle.closes_at, cycle.zone), granted)
    charges = [ServiceCharges(one.service_id, one.plan, one.counters, one.rated.lines) for one in rated]
    return uses_in(limits, cycle.cycle_number, charges)


def _states_of(
    cycle: CycleSpan,
    services: Sequence[ServicePlan],
    rows: Sequence[Counted],
    plans: Mapping[PlanKey, PlanDefinition],
    granted: Sequence[GrantRow],
) -> list[tuple[str, Sequence[AllowanceState]]]:
    """Every service's allowances in a cycle; an account without allowances costs nothing."""
    counted = counted_services(plans_in_cycle(services, cycle, plans), rows, plans)
    if not granted and not any(plan.allowances for plan, _ in counted.values()):
        return []
    states = allowance_states(list(counted.values()), grants_in(counted, granted, cycle))
    of_service: dict[str, list[AllowanceState]] = {}
    for (service_id, _, _), own in zip(counted, states, strict=True):
        of_service.setdefault(service_id, []).extend(own)
    return [(service_id, _as_one(own)) for service_id, own in of_service.items()]


def _as_one(states: Iterable[AllowanceState]) -> list[AllowanceState]:
    """The parts of one allowance that a change of plan made are watched together."""
    merged: dict[tuple[str, Origin], AllowanceState] = {}
    for each in states:
        so_far = merged.get((each.code, each.origin))
        merged[each.code, each.origin] = each if so_far is None else so_far.plus(each)
    return list(merged.values())


def _crossings(cycle: CycleSpan, service_id: str, states: Iterable[AllowanceState], at: datetime) -> list[Crossing]:
    return [
        Crossing(
            account_id=cycle.account_id,
            cycle_number=cycle.cycle_number,
            service_id=service_id,
            allowance_code=state.code,
            meter=state.meter,
            percent=percent,
            used=state.used,
            included=state.included,
            crossed_at=at,
        )
        for state in states
        if state.origin is not Origin.ROLLOVER  # what came on top of the allowance is not promised, so not announced
        for percent in THRESHOLD_PERCENTS
        if _reached(state, percent)
    ]


def _reached(state: AllowanceState, percent: int) -> bool:
    return state.included > 0 and state.used * 100 >= state.included * percent


def _entry(crossing: Crossing) -> TimelineEntry:
    return TimelineEntry(
        account_id=crossing.account_id,
        at=crossing.crossed_at,
        kind="usage.threshold_crossed",
        summary=f"{crossing.percent} % of the allowance {crossing.allowance_code} of {crossing.service_id} is used",
        reason={
            "rule": "usage thresholds 80 and 100 percent",
            "cycle_number": crossing.cycle_number,
            "meter": crossing.meter,
            "used": crossing.used,
            "included": crossing.included,
        },
    )


class ThresholdDispatch:
    """Tells crossed thresholds to the account workflows; what cannot be told now stays in the outbox."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Process) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process

    async def pending(self, account_ids: Sequence[str] = (), limit: int = 500) -> Sequence[PendingThreshold]:
        """Crossings not told yet, oldest first; of some accounts, or of all."""
        async with self._make_work() as work:
            return await work.usage.pending_thresholds(account_ids, limit)

    async def mark_sent(self, pending: PendingThreshold) -> None:
        """Note that a crossing was told."""
        async with self._make_work() as work:
            await work.usage.mark_sent(pending.account_id, pending.outbox_id, self._clock.now())
            await work.commit()

    async def send_pending(self, account_ids: Sequence[str] = (), limit: int = 500) -> int:
        """Signal what is pending; answers how many were told.

        An account without a workflow yet waits for the next round; when the process itself is away, all do, because
        counting usage neither fails nor waits for it.
        """
        sent = 0
        for pending in await self.pending(account_ids, limit):
            try:
                async with asyncio.timeout(PROCESS_ANSWERS_WITHIN_SECONDS):
                    await self._send(pending)
            except Refusal as refusal:
                _logger.warning("threshold %s is not told yet: %s", pending.outbox_id, refusal)
                continue
            except Exception as fault:  # whatever it is, the outbox keeps what was not told
                _logger.warning("thresholds wait for the process: %s", fault)
                return sent
            await self.mark_sent(pending)
            sent += 1
        return sent

    async def _send(self, pending: PendingThreshold) -> None:
        message = UsageThresholdCrossed(
            message_id=f"threshold/{pending.outbox_id}",
            service_id=pending.service_id or "",
            meter=pending.meter,
            percent=pending.percent,
            cycle_number=pending.cycle_number,
            limit=pending.limit_key,
            notice=pending.notice,
            amount_minor=pending.used if pending.currency else 0,
            currency=pending.currency,
            stops=pending.stops,
        )
        await self._process.signal(account_workflow_id(pending.brand, pending.number), SIGNAL, message)
