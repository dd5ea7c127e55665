"""What a billed cycle leaves of allowances and grants is carried on, in the transaction that issues its invoice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from billing.ports.accounts import Cycle
from billing.ports.unit_of_work import UnitOfWork
from billing.services.account_rating import RatedService
from billing.services.invoicing_cycles import close_of
from billing.services.plan_periods import present_plans
from billing.services.usage_grants import carried_on
from billing.services.usage_plans import PlanShelf


async def carry_grants(
    work: UnitOfWork, shelf: PlanShelf, cycle: Cycle, zone: str, rated: Sequence[RatedService], at: datetime
) -> None:
    """Write what the next cycle may draw of what this one left: by the very rating that its invoice prints."""
    rows = await work.grants.in_cycles([(cycle.account_id, cycle.cycle_number)])
    if not rows and not any(allowance.rollover for each in rated for allowance in each.plan.allowances):
        return
    periods = await work.usage.service_plans([cycle.account_id])
    present = present_plans(periods, {each.service_id for each in rated}, cycle.closes_at)
    plans = await shelf.get(work, present.values())
    new, living = carried_on(cycle, rated, rows, present, plans, at, partial(close_of, cycle, zone=zone))
    for grant in new:
        await work.grants.add(grant)
    for row in living:
        await work.grants.carry(row)
    if new or living:
        await work.grants.follow(cycle.account_id)
