"""Rating one account in one cycle: all its services together, as its balance shows and its invoice bills them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from billing.domain.rating import AllowanceState, Counter, PlanDefinition, RatedUsage, Share, merge, rate_services
from billing.ports.grants import GrantRow
from billing.ports.usage_intake import CycleSpan, ServicePlan
from billing.ports.usage_records import Counted
from billing.services.plan_periods import PlanInCycle, ServiceKey, plans_in_cycle
from billing.services.usage_grants import grants_in
from billing.services.usage_guiding import PlanKey


@dataclass(frozen=True, slots=True)
class RatedService:
    """One service at one plan version, with its counters of a cycle and what they cost.

    ``plan`` has the allowances of its part of the cycle; ``in_cycle`` is None for usage that was counted under a plan
    the service does not have there.
    """

    service_id: str
    plan_code: str
    plan_version: int
    plan: PlanDefinition
    counters: tuple[Counter, ...]
    rated: RatedUsage
    in_cycle: PlanInCycle | None = None

    @property
    def allowances(self) -> Sequence[AllowanceState]:
        """What is used and left of each allowance and grant."""
        return self.rated.allowances

    @property
    def fees(self) -> Share:
        """The part of the cycle its fees are for."""
        return Share((), 1) if self.in_cycle is None else self.in_cycle.fees


Counters = dict[ServiceKey, tuple[PlanDefinition, list[Counter]]]


def rate_account(
    cycle: CycleSpan,
    services: Iterable[ServicePlan],
    rows: Sequence[Counted],
    plans: Mapping[PlanKey, PlanDefinition],
    on: date | None = None,
    granted: Sequence[GrantRow] = (),
) -> list[RatedService]:
    """Rate an account's counters of one cycle together, as its invoice will: shared allowances reach every service.

    A service whose plan was changed within the cycle appears once per plan version, each with its part of its
    allowances; what one leaves serves the others. ``on`` is the local date for dated line discounts; ``granted`` is
    what the account may draw beside its plans, in this cycle and carried on into the next.
    """
    in_cycle = plans_in_cycle(services, cycle, plans)
    counted = counted_services(in_cycle, rows, plans)
    rated = rate_services(list(counted.values()), on=on, grants=grants_in(counted, granted, cycle))
    own = {each.key: each for each in in_cycle}
    return [
        RatedService(*key, plan, tuple(counters), each, own.get(key))
        for (key, (plan, counters)), each in zip(counted.items(), rated, strict=True)
    ]


def counted_services(
    in_cycle: Iterable[PlanInCycle], rows: Sequence[Counted], plans: Mapping[PlanKey, PlanDefinition]
) -> Counters:
    """Plan and counters of every service that was active in the cycle, in the order in which the invoice rates them.

    A plan that the service does not have there counts while something is counted under it: once all of that was
    guided elsewhere, it has neither allowances nor a minimum.
    """
    counted: Counters = {
        each.key: (plans[each.period.plan_code, each.period.plan_version].part(each.allowances), [])
        for each in in_cycle
    }
    own = set(counted)
    for row in rows:
        plan = plans[row.plan_code, row.plan_version]
        _, counters = counted.setdefault((row.service_id, row.plan_code, row.plan_version), (plan, []))
        counters.append(Counter(row.price_code, row.band, row.events, row.quantity, row.amount))
    return {key: held for key, held in counted.items() if key in own or any(map(_counts, merge(held[1])))}


def _counts(counter: Counter) -> bool:
    return bool(counter.events or counter.quantity or counter.amount)
