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
from billing.ports.accounts import Cycle
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_intake import CycleSpan, ServicePlan
from billing.ports.usage_records import CounterRow
from billing.services.invoicing_cycles import CANCELLED, span_of, zone_of
from billing.services.plan_periods import plans_in_cycle
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
            periods = await work.usage.service_plans([account_id])
            plans = await self._plans(work, periods, rows)
            last_update_at = await work.usage.last_counted_at(account_id, cycle.cycle_number)
        seen = _Seen(span_of(cycle, zone_of(cycle, brand)), periods, plans, now)
        identifiers = {service.service_id: service.identifier for service in services}
        lines = [_line(identifiers[rated.service_id], rated, then, seen) for rated, then in seen.rated(rows)]
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
        self, work: UnitOfWork, periods: Sequence[ServicePlan], rows: Sequence[CounterRow]
    ) -> Mapping[PlanKey, PlanDefinition]:
        keys = [(each.plan_code, each.plan_version) for each in periods]
        return await self._shelf.get(work, keys + [(row.plan_code, row.plan_version) for row in rows])


def _cycle_at(cycles: Sequence[Cycle], now: datetime, account_id: str) -> Cycle:
    """The cycle that contains this moment; before the first one and after the last one, that one."""
    begun = [cycle for cycle in cycles if cycle.status != CANCELLED and cycle.opens_at <= now]
    if not cycles:
        raise NotFound(
            "The account has no cycle yet.", field="account_id", value=account_id, remedy="Activate it first."
        )
    return begun[-1] if begun else cycles[0]


@dataclass(frozen=True, slots=True)
class _Seen:
    """One cycle of an account at one moment."""

    cycle: CycleSpan
    periods: Sequence[ServicePlan]
    plans: Mapping[PlanKey, PlanDefinition]
    now: datetime

    @property
    def invoiced_on(self) -> date:
        return local_date(self.cycle.closes_at, self.cycle.zone)

    def rated(self, rows: Sequence[CounterRow]) -> list[tuple[RatedService, RatedService]]:
        """Every service at every plan of the cycle, as it stands and as it will if use goes on as it did."""
        now = rate_account(self.cycle, self.periods, rows, self.plans, self.invoiced_on)
        then = rate_account(self.cycle, self.periods, self._projected(rows), self.plans, self.invoiced_on)
        return [(each, later) for each, later in zip(now, then, strict=True) if each.fees.days or each.counters]

    def _projected(self, rows: Sequence[CounterRow]) -> list[CounterRow]:
        """Only what is counted under a plan that is in force goes on, for as long as that plan does."""
        running = {
            each.key: each.period
            for each in plans_in_cycle(self.periods, self.cycle, self.plans)
            if each.period.active_from <= self.now < (each.period.active_to or self.cycle.closes_at)
        }
        return [self._going_on(row, running.get((row.service_id, row.plan_code, row.plan_version))) for row in rows]

    def _going_on(self, row: CounterRow, period: ServicePlan | None) -> CounterRow:
        return row if period is None else _grown(row, self._open(period))

    def _open(self, period: ServicePlan) -> OpenCycle:
        """The part of the cycle in which the plan is in force."""
        ends = min(period.active_to or self.cycle.closes_at, self.cycle.closes_at)
        return OpenCycle(self.now, max(period.active_from, self.cycle.opens_at), ends)


def _line(identifier: str, rated: RatedService, projected: RatedService, seen: _Seen) -> LineBalance:
    fees = recurring_lines(rated.plan, on=seen.invoiced_on, share=rated.fees)
    balance = balance_of(rated.plan, rated.counters, rated.rated, fees, projected=projected.rated)
    states = (replace(each, expires_at=each.expires_at or seen.cycle.closes_at) for each in balance.allowances)
    balance = replace(balance, allowances=tuple(states))
    return LineBalance(rated.service_id, identifier, rated.plan_code, rated.plan_version, balance)


def _grown(row: CounterRow, cycle: OpenCycle) -> CounterRow:
    more = grown(Counter(row.price_code, row.band, row.events, row.quantity, row.amount), cycle)
    return replace(row, events=more.events, quantity=more.quantity, amount=more.amount)
