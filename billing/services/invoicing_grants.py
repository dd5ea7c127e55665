"""What a billed cycle leaves of allowances and grants is carried on, in the transaction that issues its invoice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from billing.ports.accounts import Cycle
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_intake import ServicePlan
from billing.services.add_ons import close_of
from billing.services.plan_periods import plan_at
from billing.services.usage_grants import carried_on
from billing.services.usage_guiding import PlanKey
from billing.services.usage_plans import PlanShelf
from billing.services.usage_thresholds import RatedService


async def carry_grants(
    work: UnitOfWork, shelf: PlanShelf, cycle: Cycle, zone: str, rated: Sequence[RatedService], at: datetime
) -> None:
    """Write what the next cycle may draw of what this one left: by the very rating that its invoice prints."""
    rows = await work.grants.in_cycles([(cycle.account_id, cycle.cycle_number)])
    if not rows and not any(allowance.rollover for each in rated for allowance in each.plan.allowances):
        return
    periods = await work.usage.service_plans([cycle.account_id])
    present = _present(periods, {each.service_id for each in rated}, cycle.closes_at)
    plans = await shelf.get(work, present.values())
    new, living = carried_on(cycle, rated, rows, present, plans, at, partial(close_of, cycle, zone=zone))
    for grant in new:
        await work.grants.add(grant)
    for row in living:
        await work.grants.carry(row)
    if new or living:
        await work.grants.follow(cycle.account_id)


def _present(periods: Sequence[ServicePlan], service_ids: set[str], closes_at: datetime) -> dict[str, PlanKey]:
    """The plan each service has when the cycle closes; one that has ended has none."""
    present: dict[str, PlanKey] = {}
    for service_id in sorted(service_ids):
        period = plan_at(periods, service_id, closes_at)
        if period is not None and (period.active_to is None or period.active_to > closes_at):
            present[service_id] = period.plan_code, period.plan_version
    return present
