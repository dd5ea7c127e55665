"""What a change of plan means for a line, in the words and numbers of its invoice. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from billing.domain.cycle_calendar import local_date
from billing.domain.rating import PlanDefinition, RatedLine, recurring_lines
from billing.ports.accounts import Service
from billing.ports.usage_intake import CycleSpan, ServicePlan
from billing.services.plan_periods import PlanInCycle, plan_at, plans_in_cycle
from billing.services.usage_guiding import PlanKey


@dataclass(frozen=True)
class PlannedFee:
    """A recurring line of a cycle, net, with its steps; ``amount_minor`` is negative for a discount."""

    description: str
    amount_minor: int
    explanation: Sequence[str]


@dataclass(frozen=True)
class PlannedAllowance:
    """What a plan includes in a cycle, in the meter's own units."""

    code: str
    name: str
    meter: str
    included: int


@dataclass(frozen=True)
class PlanPart:
    """One plan in the cycle of a change: its fees are for ``days`` of ``of_days``."""

    plan_code: str
    plan_version: int
    days: int
    of_days: int
    fees: Sequence[PlannedFee]
    allowances: Sequence[PlannedAllowance]


@dataclass(frozen=True)
class PlanChanged:
    """What a change of plan means. Amounts are net minor units of ``currency``.

    ``parts`` are all plans of the line in the cycle of the change (none while that cycle has no dates);
    ``cycle_fees_minor`` is what they charge together, ``cycle_fees_before_minor`` what was due without the change, and
    ``following_fees_minor`` what a whole cycle costs from then on. ``dropped`` are changes decided before that this one
    replaces; ``unpriced_meters`` had a price until now and have none any more: such usage would wait.
    """

    service_id: str
    identifier: str
    from_plan_code: str
    from_plan_version: int
    to_plan_code: str
    to_plan_version: int
    effective_at: datetime
    cycle_number: int | None
    currency: str
    fees_rule: str
    allowances_rule: str
    parts: Sequence[PlanPart]
    cycle_fees_before_minor: int
    cycle_fees_minor: int
    following_fees_minor: int
    dropped: Sequence[str]
    unpriced_meters: Sequence[str]
    summary: str


@dataclass(frozen=True)
class PlansOfLine:
    """All plans of one line as they follow each other, with their definitions."""

    periods: Sequence[ServicePlan]
    definitions: Mapping[PlanKey, PlanDefinition]

    def at(self, instant: datetime) -> ServicePlan:
        found = plan_at(self.periods, self.periods[0].service_id, instant)
        assert found is not None  # every line has its first plan
        return found

    def definition(self, period: ServicePlan) -> PlanDefinition:
        return self.definitions[period.plan_code, period.plan_version]

    def parts(self, cycle: CycleSpan | None) -> list[PlanPart]:
        """Every plan of the line in a cycle."""
        if cycle is None:
            return []
        invoiced_on = local_date(cycle.closes_at, cycle.zone)
        found = plans_in_cycle(self.periods, cycle, self.definitions)
        return [_part(each, self.definition(each.period), invoiced_on) for each in found]


def outlook(
    service: Service, before: PlansOfLine, after: PlansOfLine, at: datetime, cycle: CycleSpan | None
) -> PlanChanged:
    """The difference that a change at an instant makes; ``cycle`` is the one it falls in, if it has dates yet."""
    old, new = before.at(at), after.at(at)
    plan, parts = after.definition(new), after.parts(cycle)
    change = f"plan {old.plan_code} version {old.plan_version} becomes {new.plan_code} version {new.plan_version}"
    return PlanChanged(
        service_id=service.service_id,
        identifier=service.identifier,
        from_plan_code=old.plan_code,
        from_plan_version=old.plan_version,
        to_plan_code=new.plan_code,
        to_plan_version=new.plan_version,
        effective_at=at,
        cycle_number=None if cycle is None else cycle.cycle_number,
        currency=plan.currency,
        fees_rule=plan.on_change.fees.value,
        allowances_rule=plan.on_change.allowances.value,
        parts=parts,
        cycle_fees_before_minor=_sum(before.parts(cycle)),
        cycle_fees_minor=_sum(parts),
        following_fees_minor=sum(line.amount.amount_minor for line in recurring_lines(plan)),
        dropped=[_described(each) for each in before.periods if each.active_from > at],
        unpriced_meters=_unpriced(before.definition(old), plan),
        summary=f"{service.identifier}: {change} at {at.isoformat()}",
    )


def _part(each: PlanInCycle, plan: PlanDefinition, invoiced_on: date) -> PlanPart:
    lines = recurring_lines(plan, on=invoiced_on, share=each.fees)
    included = plan.part(each.allowances).allowances
    return PlanPart(
        plan_code=each.period.plan_code,
        plan_version=each.period.plan_version,
        days=each.fees.days,
        of_days=each.fees.of_days,
        fees=[_fee(line) for line in lines],
        allowances=[PlannedAllowance(one.code, one.name, one.meter, one.quantity) for one in included],
    )


def _fee(line: RatedLine) -> PlannedFee:
    return PlannedFee(line.description, line.amount.amount_minor, list(line.explanation))


def _sum(parts: Sequence[PlanPart]) -> int:
    return sum(fee.amount_minor for part in parts for fee in part.fees)


def _described(period: ServicePlan) -> str:
    return f"{period.plan_code} version {period.plan_version} from {period.active_from.isoformat()}"


def _unpriced(old: PlanDefinition, new: PlanDefinition) -> list[str]:
    return sorted({price.meter for price in old.usage_prices} - {price.meter for price in new.usage_prices})
