"""The plans of services within one cycle: which there were, and what part of the cycle each counts for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from billing.domain.cycle_calendar import local_date
from billing.domain.rating import PlanDefinition, Share, shares
from billing.ports.accounts import Cycle
from billing.ports.usage_intake import CycleSpan, ServicePlan
from billing.services.usage_guiding import PlanKey

ServiceKey = tuple[str, str, int]  # service_id, plan_code, plan_version

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PlanInCycle:
    """One plan version of a service in a cycle: the parts of the cycle its fees and its allowances are for.

    ``period`` is the last one in which the service had it there. ``first_on`` and ``end_on`` are the local dates of
    the cycle between which it had it (half-open, the day of a change in both); None: it had no other plan.
    """

    period: ServicePlan
    fees: Share
    allowances: Share
    first_on: date | None = None
    end_on: date | None = None

    @property
    def key(self) -> ServiceKey:
        return self.period.service_id, self.period.plan_code, self.period.plan_version


def is_active_in(period: ServicePlan, cycle: CycleSpan) -> bool:
    """True when it touches the cycle: a service active at any moment of it owes its full fees."""
    return period.active_from < cycle.closes_at and (period.active_to is None or period.active_to > cycle.opens_at)


def plan_at(periods: Iterable[ServicePlan], service_id: str, at: datetime) -> ServicePlan | None:
    """The plan a service has at an instant; before its first that one, after its last that one. None: no periods."""
    own = [each for each in periods if each.service_id == service_id]
    begun = [each for each in own if each.active_from <= at]
    return begun[-1] if begun else next(iter(own), None)


def billed_periods(cycle: Cycle) -> Sequence[ServicePlan]:
    """The plans a cycle was billed by, where they were changed since; nothing where they were not."""
    return [ServicePlan(**{**each, **_instants(each)}) for each in cycle.billed_periods or ()]


def _instants(period: Mapping[str, Any]) -> dict[str, datetime | None]:
    ends = period["active_to"]
    return {
        "active_from": datetime.fromisoformat(period["active_from"]),
        "active_to": None if ends is None else datetime.fromisoformat(ends),
    }


def present_plans(
    periods: Sequence[ServicePlan], service_ids: Iterable[str], closes_at: datetime
) -> dict[str, PlanKey]:
    """The plan each service has when the cycle closes; one that has ended has none."""
    present: dict[str, PlanKey] = {}
    for service_id in sorted(service_ids):
        period = plan_at(periods, service_id, closes_at)
        if period is not None and (period.active_to is None or period.active_to > closes_at):
            present[service_id] = period.plan_code, period.plan_version
    return present


def plans_in_cycle(
    periods: Iterable[ServicePlan], cycle: CycleSpan, plans: Mapping[PlanKey, PlanDefinition]
) -> list[PlanInCycle]:
    """Every plan of every service in the cycle, in order of service and then of time.

    ``periods`` come in order of service and start. A plan that a service returned to is there once, at its last place.
    """
    found: list[PlanInCycle] = []
    active = (each for each in periods if is_active_in(each, cycle))
    for _, own in groupby(active, key=lambda each: each.service_id):
        found += _of_service(list(own), cycle, plans)
    return found


def _of_service(
    periods: Sequence[ServicePlan], cycle: CycleSpan, plans: Mapping[PlanKey, PlanDefinition]
) -> list[PlanInCycle]:
    opens_on, closes_on = local_date(cycle.opens_at, cycle.zone), local_date(cycle.closes_at, cycle.zone)
    rules = [plans[each.plan_code, each.plan_version].on_change for each in periods[1:]]
    begun = [local_date(each.active_from, cycle.zone) for each in periods[1:]]
    fees = shares(opens_on, closes_on, [(on, rule.fees) for on, rule in zip(begun, rules, strict=True)])
    allowances = shares(opens_on, closes_on, [(on, rule.allowances) for on, rule in zip(begun, rules, strict=True)])
    if len(periods) == 1:
        return [PlanInCycle(periods[0], fees[0], allowances[0])]
    # Before midnight, a plan that is left still has that day.
    ends = [local_date(each.active_from - _MOMENT, cycle.zone) + timedelta(days=1) for each in periods[1:]]
    found: dict[ServiceKey, PlanInCycle] = {}
    for each in map(PlanInCycle, periods, fees, allowances, (opens_on, *begun), (*ends, closes_on)):
        before = found.pop(each.key, None)
        found[each.key] = each if before is None else _joined(before, each)
    return list(found.values())


def _joined(before: PlanInCycle, again: PlanInCycle) -> PlanInCycle:
    fees, allowances = before.fees.joined(again.fees), before.allowances.joined(again.allowances)
    return replace(again, fees=fees, allowances=allowances, first_on=before.first_on)
