"""Thresholds: an allowance that passes 80 or 100 percent is written down once, and told to the account's workflow."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from billing.domain.rating import AllowanceState, Counter, PlanDefinition, RatedUsage, rate_services
from billing.messages.account import UsageThresholdCrossed
from billing.messages.identities import account_workflow_id
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_intake import Crossing, CycleSpan, PendingThreshold, ServicePlan
from billing.ports.usage_records import CounterRow
from billing.services.usage_guiding import PlanKey
from billing.services.usage_plans import PlanShelf

THRESHOLD_PERCENTS = (80, 100)
SIGNAL = "usage_threshold_crossed"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RatedService:
    """One service at one plan version, with its counters of a cycle and what they cost."""

    service_id: str
    plan_code: str
    plan_version: int
    plan: PlanDefinition
    counters: tuple[Counter, ...]
    rated: RatedUsage


def rate_account(
    cycle: CycleSpan,
    services: Iterable[ServicePlan],
    rows: Sequence[CounterRow],
    plans: Mapping[PlanKey, PlanDefinition],
    on: date | None = None,
) -> list[RatedService]:
    """Rate an account's counters of one cycle together, as its invoice will: shared allowances reach every service.

    A service whose plan was changed within the cycle appears once per plan version that guided usage. ``on`` is the
    local date for dated line discounts.
    """
    counters: dict[tuple[str, str, int], list[Counter]] = {
        (service.service_id, service.plan_code, service.plan_version): []
        for service in services
        if service.active_from < cycle.closes_at and (service.active_to is None or service.active_to > cycle.opens_at)
    }
    for row in rows:
        counter = Counter(row.price_code, row.band, row.events, row.quantity, row.amount)
        counters.setdefault((row.service_id, row.plan_code, row.plan_version), []).append(counter)
    pairs = [(plans[code, version], counted) for (_, code, version), counted in counters.items()]
    return [
        RatedService(*key, plan, tuple(counted), rated)
        for key, (plan, counted), rated in zip(counters, pairs, rate_services(pairs, on=on), strict=True)
    ]


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
    crossings: list[Crossing] = []
    for cycle in touched:
        own = [service for service in services if service.account_id == cycle.account_id]
        crossings += crossings_of(cycle, own, counters.get((cycle.account_id, cycle.cycle_number), ()), plans, at)
    new = await work.usage.add_crossings(crossings)
    for crossing in new:
        await work.timeline.add(_entry(crossing))
    return new


def crossings_of(
    cycle: CycleSpan,
    services: Sequence[ServicePlan],
    rows: Sequence[CounterRow],
    plans: Mapping[PlanKey, PlanDefinition],
    at: datetime,
) -> list[Crossing]:
    """Every threshold an account's counters have reached in a cycle; an account without allowances costs nothing."""
    own = {(each.plan_code, each.plan_version) for each in services}
    own |= {(row.plan_code, row.plan_version) for row in rows}
    if not any(plans[key].allowances for key in own):
        return []
    rated = rate_account(cycle, services, rows, plans)
    return [crossing for each in rated for crossing in _crossings(cycle, each, at)]


def _crossings(cycle: CycleSpan, rated: RatedService, at: datetime) -> list[Crossing]:
    return [
        Crossing(
            account_id=cycle.account_id,
            cycle_number=cycle.cycle_number,
            service_id=rated.service_id,
            allowance_code=state.code,
            meter=state.meter,
            percent=percent,
            used=state.used,
            included=state.included,
            crossed_at=at,
        )
        for state in rated.rated.allowances
        for percent in THRESHOLD_PERCENTS
        if _reached(state, percent)
    ]


def _reached(state: AllowanceState, percent: int) -> bool:
    return state.used * 100 >= state.included * percent


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
        """Signal what is pending; answers how many were told. One that fails waits for the next round."""
        sent = 0
        for pending in await self.pending(account_ids, limit):
            try:
                await self._send(pending)
            except Exception as error:  # any fault: the outbox keeps it, and counting usage must not fail for it
                _logger.warning("threshold %s is not told yet: %s", pending.outbox_id, error)
                continue
            await self.mark_sent(pending)
            sent += 1
        return sent

    async def _send(self, pending: PendingThreshold) -> None:
        message = UsageThresholdCrossed(
            message_id=f"threshold/{pending.outbox_id}",
            service_id=pending.service_id,
            meter=pending.meter,
            percent=pending.percent,
        )
        await self._process.signal(account_workflow_id(pending.brand, pending.number), SIGNAL, message)
