"""One account's limits at this moment: the running cycle, its services, and what is used of each limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.limits import LimitUse
from billing.ports.accounts import Cycle, Service
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_intake import CycleSpan
from billing.services.invoicing_cycles import CANCELLED, span_of, zone_of
from billing.services.limits_in_force import AccountLimits
from billing.services.usage_plans import PlanShelf
from billing.services.usage_thresholds import uses_of


@dataclass(frozen=True, slots=True)
class LimitedCycle:
    """``cycle`` is the one that runs now (None: between none); ``services`` are active now, ``meters`` they price."""

    account_id: str
    cycle: CycleSpan | None
    services: Sequence[Service]
    meters: frozenset[str]
    limits: AccountLimits
    uses: tuple[LimitUse, ...]


async def read_limited_cycle(work: UnitOfWork, shelf: PlanShelf, account_id: str, now: datetime) -> LimitedCycle:
    """What limits say now. Raises NotFound for an unknown account."""
    brand = await work.accounts.brand((await work.accounts.get(account_id)).brand)
    limits = await read_account_limits(work, account_id)
    services = await work.accounts.services(account_id)
    active = [one for one in services if one.active_from <= now and (one.active_to is None or now < one.active_to)]
    periods = await work.usage.service_plans([account_id])
    keys = {(one.plan_code, one.plan_version) for one in periods}
    plans = await shelf.get(work, keys)
    meters = frozenset(price.meter for key in keys for price in plans[key].usage_prices)
    found = running_cycle(await work.accounts.cycles(account_id), now)
    if found is None:
        return LimitedCycle(account_id, None, active, meters, limits, ())
    cycle = span_of(found, zone_of(found, brand))
    rows = await work.usage.counters_of(account_id, cycle.cycle_number)
    plans = await shelf.get(work, keys | {(row.plan_code, row.plan_version) for row in rows})
    return LimitedCycle(account_id, cycle, active, meters, limits, uses_of(cycle, periods, rows, plans, limits))


async def read_account_limits(work: UnitOfWork, account_id: str) -> AccountLimits:
    """Everything that was chosen for one account, with its brand's terms."""
    only = [account_id]
    (terms,) = await work.limits.terms(only)
    return AccountLimits(await work.limits.changes(only), await work.limits.agreements(only), terms)


def running_cycle(cycles: Sequence[Cycle], now: datetime) -> Cycle | None:
    """The cycle that contains this moment."""
    return next(
        (one for one in cycles if one.opens_at <= now < one.closes_at and one.status != CANCELLED),
        None,
    )
