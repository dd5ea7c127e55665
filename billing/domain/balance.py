"""The live balance of one service: what is used, what each allowance has left, and what the bill will be.

It is the invoice's computation on the open cycle's counters, so what the customer sees is what is billed. All amounts
are net of VAT and before invoice discounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from billing.domain.errors import InvalidValue
from billing.domain.money import Money, total
from billing.domain.rating import (
    AllowanceState,
    Counter,
    PlanDefinition,
    RatedLine,
    RatedUsage,
    merge,
    rate_totals,
    recurring_lines,
)

# Before this much of a cycle has passed, one long call would project an absurd bill.
_SHORTEST_BASIS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MeterUse:
    """What was counted on one meter in the open cycle; ``quantity`` is billable, in the meter's own units.

    ``charges`` are all usage charges of its prices so far, minimum, maximum and line discounts included.
    """

    meter: str
    events: int
    quantity: int
    charges: Money


@dataclass(frozen=True, slots=True)
class ServiceBalance:
    """The open cycle of one service at one moment.

    ``usage_charges`` and ``recurring_charges`` add up to ``charges``; ``projected_charges`` is the whole cycle's if
    use goes on as it did.
    """

    meters: tuple[MeterUse, ...]
    allowances: tuple[AllowanceState, ...]
    lines: tuple[RatedLine, ...]
    usage_charges: Money
    recurring_charges: Money
    charges: Money
    projected_charges: Money


@dataclass(frozen=True, slots=True)
class OpenCycle:
    """Where the cycle stands: the half-open interval [``opens_at``, ``closes_at``) and ``now``, aware instants."""

    now: datetime
    opens_at: datetime
    closes_at: datetime

    def __post_init__(self) -> None:
        if self.closes_at <= self.opens_at:
            raise InvalidValue(
                "A cycle closes after it opens.",
                field="closes_at",
                value=self.closes_at,
                remedy=f"Use an instant after {self.opens_at}.",
            )

    @property
    def passed(self) -> timedelta:
        """How much of the cycle the projection is based on: at least a day, at most all of it."""
        return min(max(self.now - self.opens_at, _SHORTEST_BASIS), self.length)

    @property
    def length(self) -> timedelta:
        """The whole cycle."""
        return self.closes_at - self.opens_at


def live_balance(
    plan: PlanDefinition,
    counters: Iterable[Counter],
    recurring: Sequence[RatedLine] | None = None,
    *,
    cycle: OpenCycle,
    on: date | None = None,
) -> ServiceBalance:
    """The balance of one service now.

    ``recurring`` are the cycle's fee lines where they differ from the plan's (a free bridge period: an empty
    sequence); ``on`` is the local date for dated discounts. Raises InvalidValue when a counter belongs to no band of
    the plan.
    """
    counted = merge(counters)
    rated = rate_totals(plan, counted, on=on)
    fees = recurring_lines(plan, on=on) if recurring is None else tuple(recurring)
    return balance_of(plan, counted, rated, fees, projected=project(plan, counted, cycle, on=on))


def balance_of(
    plan: PlanDefinition,
    counters: Sequence[Counter],
    rated: RatedUsage,
    fees: Sequence[RatedLine],
    *,
    projected: RatedUsage,
) -> ServiceBalance:
    """Put a balance together from usage that is already rated (several services that share allowances are rated at
    once).
    """
    recurring_charges = total((line.amount for line in fees), plan.currency)
    return ServiceBalance(
        meters=_meters(plan, counters, rated.lines),
        allowances=rated.allowances,
        lines=(*fees, *rated.lines),
        usage_charges=rated.subtotal,
        recurring_charges=recurring_charges,
        charges=recurring_charges + rated.subtotal,
        projected_charges=recurring_charges + projected.subtotal,
    )


def project(
    plan: PlanDefinition, counters: Iterable[Counter], cycle: OpenCycle, *, on: date | None = None
) -> RatedUsage:
    """Rate the cycle as if use went on linearly: counters grow, so allowances, tiers and limits take effect."""
    return rate_totals(plan, [grown(counter, cycle) for counter in counters], on=on)


def grown(counter: Counter, cycle: OpenCycle) -> Counter:
    length, passed = cycle.length // timedelta(microseconds=1), cycle.passed // timedelta(microseconds=1)
    return replace(
        counter,
        events=counter.events * length // passed,
        quantity=counter.quantity * length // passed,
        amount=counter.amount * length / passed,
    )


def _meters(plan: PlanDefinition, counters: Iterable[Counter], lines: Iterable[RatedLine]) -> tuple[MeterUse, ...]:
    meter_of = {price.code: price.meter for price in plan.usage_prices}
    nothing = Money(0, plan.currency)
    used: dict[str, MeterUse] = {meter: MeterUse(meter, 0, 0, nothing) for meter in meter_of.values()}
    for counter in counters:
        meter = meter_of[counter.price_code]
        so_far = used[meter]
        more = (so_far.events + counter.events, so_far.quantity + counter.quantity)
        used[meter] = MeterUse(meter, *more, so_far.charges)
    for line in lines:
        meter = meter_of[line.price_code]
        used[meter] = replace(used[meter], charges=used[meter].charges + line.amount)
    return tuple(used.values())
