"""The live balance of an account: the invoice's own computation on the open cycle's counters, at this moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from billing.domain.balance import OpenCycle, ServiceBalance, balance_of, grown
from billing.domain.cycle_calendar import local_date
from billing.domain.errors import NotFound
from billing.domain.money import Money, total
from billing.domain.rating import Counter, PlanDefinition, recurring_lines
from billing.ports.accounts import Cycle, Service
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_intake import CycleSpan, ServicePlan
from billing.ports.usage_records import CounterRow
from billing.services.invoicing_cycles import CANCELLED, zone_of
from billing.services.usage_guiding import PlanKey
from billing.services.usage_plans import PlanShelf
from billing.services.usage_thresholds import RatedService, rate_account


@dataclass(frozen=True, slots=True)
class LineBalance:
    """One service (at one plan version) with its balance."""

    service_id: str
    identifier: str
    plan_code: str
    plan_version: int
    balance: ServiceBalance


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """All services in the cycle of this moment; amounts are net of VAT and before invoice discounts.

    ``last_update_at`` is when usage was last counted (None: never in this cycle), on the business clock.
    """

    account_id: str
    cycle_number: int
    opens_at: datetime
    closes_at: datetime
    as_of: datetime
    last_update_at: datetime | None
    services: Sequence[LineBalance]
    charges: Money
    projected_charges: Money


class UsageBalance:
    """Answers balances; exact at the acknowledgement of the last record."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, shelf: PlanShelf) -> None:
        self._make_work = make_work
        self._clock = clock
        self._shelf = shelf

    async def of(self, account_id: str) -> AccountBalance:
        """The balance now. Raises NotFound for an unknown account, or one without a cycle."""
        now = self._clock.now()
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            brand = await work.accounts.brand(account.brand)
            cycle = _cycle_at(await work.accounts.cycles(account_id), now, account_id)
            services = await work.accounts.services(account_id)
            rows = await work.usage.counters_of(account_id, cycle.cycle_number)
            plans = await self._plans(work, services, rows)
            last_update_at = await work.usage.last_counted_at(account_id, cycle.cycle_number)
        lines = _lines(cycle, services, rows, plans, now, local_date(cycle.closes_at, zone_of(cycle, brand)))
        return AccountBalance(
            account_id=account_id,
            cycle_number=cycle.cycle_number,
            opens_at=cycle.opens_at,
            closes_at=cycle.closes_at,
            as_of=now,
            last_update_at=last_update_at,
            services=lines,
            charges=total((line.balance.charges for line in lines), brand.currency),
            projected_charges=total((line.balance.projected_charges for line in lines), brand.currency),
        )

    async def _plans(
        self, work: UnitOfWork, services: Sequence[Service], rows: Sequence[CounterRow]
    ) -> Mapping[PlanKey, PlanDefinition]:
        keys = [(service.plan_code, service.plan_version) for service in services]
        return await self._shelf.get(work, keys + [(row.plan_code, row.plan_version) for row in rows])


def _cycle_at(cycles: Sequence[Cycle], now: datetime, account_id: str) -> Cycle:
    """The cycle that contains this moment; before the first one and after the last one, that one."""
    begun = [cycle for cycle in cycles if cycle.status != CANCELLED and cycle.opens_at <= now]
    if not cycles:
        raise NotFound(
            "The account has no cycle yet.", field="account_id", value=account_id, remedy="Activate it first."
        )
    return begun[-1] if begun else cycles[0]


def _lines(
    cycle: Cycle,
    services: Sequence[Service],
    rows: Sequence[CounterRow],
    plans: Mapping[PlanKey, PlanDefinition],
    now: datetime,
    on: date,
) -> list[LineBalance]:
    span = CycleSpan(cycle.account_id, cycle.cycle_number, cycle.opens_at, cycle.closes_at, cycle.status)
    own = [_service_plan(service) for service in services]
    rated = rate_account(span, own, rows, plans, on)
    open_cycle = OpenCycle(now, cycle.opens_at, cycle.closes_at)
    projected = rate_account(span, own, [_grown(row, open_cycle) for row in rows], plans, on)
    by_id = {service.service_id: service for service in services}
    return [_line(by_id[each.service_id], each, then, cycle, on) for each, then in zip(rated, projected, strict=True)]


def _line(service: Service, rated: RatedService, projected: RatedService, cycle: Cycle, on: date) -> LineBalance:
    plan = rated.plan
    is_current = (rated.plan_code, rated.plan_version) == (service.plan_code, service.plan_version)
    fees = recurring_lines(plan, on=on) if is_current else ()
    balance = balance_of(plan, rated.counters, rated.rated, fees, projected=projected.rated)
    states = (replace(each, expires_at=each.expires_at or cycle.closes_at) for each in balance.allowances)
    balance = replace(balance, allowances=tuple(states))
    return LineBalance(service.service_id, service.identifier, rated.plan_code, rated.plan_version, balance)


def _service_plan(service: Service) -> ServicePlan:
    return ServicePlan(
        service.account_id,
        service.service_id,
        service.plan_code,
        service.plan_version,
        service.active_from,
        service.active_to,
    )


def _grown(row: CounterRow, cycle: OpenCycle) -> CounterRow:
    more = grown(Counter(row.price_code, row.band, row.events, row.quantity, row.amount), cycle)
    return replace(row, events=more.events, quantity=more.quantity, amount=more.amount)
