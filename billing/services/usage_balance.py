"""The live balance of an account: the invoice's own computation on the open cycle's counters, at this moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from billing.domain.balance import OpenCycle, ServiceBalance, balance_of, grown
from billing.domain.barring import stopped_parts
from billing.domain.cycle_calendar import local_date
from billing.domain.errors import NotFound
from billing.domain.money import Money, total
from billing.domain.rating import Counter, MeterDisplay, PlanDefinition, recurring_lines
from billing.ports.balance import BalanceFacts, BalanceSource, LineName
from billing.ports.clock import BusinessClock
from billing.ports.grants import GrantRow
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.ports.usage_intake import CycleSpan, ServicePlan
from billing.ports.usage_records import CounterRow
from billing.services.account_rating import RatedService, rate_account
from billing.services.grants_ahead import carried_ahead
from billing.services.limited_cycle import may_be_carried_to, plan_keys, read_facts, running
from billing.services.limits_in_force import AccountLimits, LimitView, ServiceCharges, uses_in, views_of
from billing.services.plan_periods import plans_in_cycle
from billing.services.usage_guiding import PlanKey
from billing.services.usage_plans import PlanShelf


@dataclass(frozen=True, slots=True)
class LineBalance:
    """One service (at one plan version) with its balance; ``stopped`` is what caps stop, as the network confirmed, and
    ``displays`` how quantities are shown, by meter.
    """

    service_id: str
    identifier: str
    stopped: tuple[str, ...]
    plan_code: str
    plan_version: int
    balance: ServiceBalance
    displays: Mapping[str, MeterDisplay] = field(default_factory=dict)


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
    limits: Sequence[LimitView] = ()

    @property
    def displays(self) -> dict[str, MeterDisplay]:
        """How the meters of all lines are shown."""
        return {meter: display for line in self.services for meter, display in line.displays.items()}


class UsageBalance:
    """Answers balances; exact at the acknowledgement of the last record. Without a ``source`` it reads by units of
    work.
    """

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        shelf: PlanShelf,
        source: BalanceSource | None = None,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._shelf = shelf
        self._source = source

    async def of(self, account_id: str) -> AccountBalance:
        """The balance now. Raises NotFound for an unknown account, or one without a cycle."""
        now = self._clock.now()
        facts = await self._facts(account_id, now)
        if facts.cycle is None:
            raise NotFound(
                "The account has no cycle yet.", field="account_id", value=account_id, remedy="Activate it first."
            )
        plans = await self._plans(facts)
        granted = facts.grants
        if may_be_carried_to(facts, plans):
            async with self._make_work() as work:
                granted = [*granted, *await carried_ahead(work, self._shelf, facts.cycle)]
        return _balance(facts, _Seen(facts.cycle, facts.periods, plans, now, granted))

    async def _facts(self, account_id: str, now: datetime) -> BalanceFacts:
        found = None if self._source is None else await self._source.balance_facts(account_id, now)
        if found is None:
            async with self._make_work() as work:
                found = await read_facts(work, account_id, now)
        return found

    async def _plans(self, facts: BalanceFacts) -> Mapping[PlanKey, PlanDefinition]:
        keys = plan_keys(facts)
        if not self._shelf.has(keys):
            async with self._make_work() as work:
                return await self._shelf.get(work, keys)
        return self._shelf.all


def _balance(facts: BalanceFacts, seen: _Seen) -> AccountBalance:
    rated = seen.rated(facts.rows)
    lines_by_id = {line.service_id: line for line in facts.lines}
    lines = [_line(lines_by_id[now.service_id], now, then, seen) for now, then in rated]
    currency = facts.terms.currency
    return AccountBalance(
        account_id=seen.cycle.account_id,
        cycle_number=seen.cycle.cycle_number,
        opens_at=seen.cycle.opens_at,
        closes_at=seen.cycle.closes_at,
        as_of=seen.now,
        last_update_at=facts.last_update_at,
        services=lines,
        charges=total((line.balance.charges for line in lines), currency),
        projected_charges=total((line.balance.projected_charges for line in lines), currency),
        limits=_limits(facts, seen, [now for now, _ in rated]),
    )


def _limits(facts: BalanceFacts, seen: _Seen, rated: Sequence[RatedService]) -> Sequence[LimitView]:
    """The limits of a cycle that runs; of no other anything can be stopped."""
    if running(facts, seen.now) is None:
        return ()
    limits = AccountLimits(facts.changes, facts.agreements, facts.terms)
    charges = [ServiceCharges(one.service_id, one.plan, one.counters, one.rated.lines) for one in rated]
    return views_of(limits, seen.cycle.cycle_number, uses_in(limits, seen.cycle.cycle_number, charges))


@dataclass(frozen=True, slots=True)
class _Seen:
    """One cycle of an account at one moment."""

    cycle: CycleSpan
    periods: Sequence[ServicePlan]
    plans: Mapping[PlanKey, PlanDefinition]
    now: datetime
    granted: Sequence[GrantRow] = ()

    @property
    def invoiced_on(self) -> date:
        return local_date(self.cycle.closes_at, self.cycle.zone)

    def rated(self, rows: Sequence[CounterRow]) -> list[tuple[RatedService, RatedService]]:
        """Every service at every plan of the cycle, as it stands and as it will if use goes on as it did."""
        now, then = (
            rate_account(self.cycle, self.periods, counted, self.plans, self.invoiced_on, self.granted)
            for counted in (rows, self._projected(rows))
        )
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


def _line(line: LineName, rated: RatedService, projected: RatedService, seen: _Seen) -> LineBalance:
    fees = recurring_lines(rated.plan, on=seen.invoiced_on, share=rated.fees)
    balance = balance_of(rated.plan, rated.counters, rated.rated, fees, projected=projected.rated)
    states = (replace(each, expires_at=each.expires_at or seen.cycle.closes_at) for each in balance.allowances)
    balance = replace(balance, allowances=tuple(states))
    stopped = stopped_parts(line.usage_stop)
    meters = {*(each.meter for each in balance.meters), *(each.meter for each in balance.allowances)}
    displays = {meter: rated.plan.display(meter) for meter in meters}
    return LineBalance(
        rated.service_id, line.identifier, stopped, rated.plan_code, rated.plan_version, balance, displays
    )


def _grown(row: CounterRow, cycle: OpenCycle) -> CounterRow:
    more = grown(Counter(row.price_code, row.band, row.events, row.quantity, row.amount), cycle)
    return replace(row, events=more.events, quantity=more.quantity, amount=more.amount)
