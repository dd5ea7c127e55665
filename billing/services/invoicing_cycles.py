"""Opening cycles: every cycle's row holds its dates, and the one after the open cycle is always there.

Late records arrive after a cycle closed and before it is issued, and fresh ones with them: these belong to the next
cycle, so its row must exist by then. It is therefore written together with the one before it.
"""

from __future__ import annotations

from datetime import datetime

from billing.domain.cycle_calendar import Cycle, CycleDay, first_cycle, next_cycle
from billing.domain.cycle_plan import CyclePlan, plan_cycle, replan_debit
from billing.domain.quiet_hours import next_allowed
from billing.ports import accounts as stored
from billing.ports.accounts import Account, Brand
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_intake import CycleSpan
from billing.services.planned_methods import PlannedMethod, planned_method

OPEN = "open"
ISSUED = "issued"
CANCELLED = "cancelled"  # never began: the account closed before


async def open_first_cycle(work: UnitOfWork, account: Account, brand: Brand, activated_at: datetime) -> CyclePlan:
    """Compute and store cycle 1 of a new account, and the cycle that will follow it. Answers the plan of cycle 1.

    Raises UnableToPlanCycle when the brand's policy cannot be kept.
    """
    method = await planned_method(work, account.account_id, activated_at)
    cycle = first_cycle(activated_at, CycleDay(account.cycle_day), brand.zone)
    plan = await store_plan(work, account.account_id, plan_of(cycle, brand, method))
    await ensure_following(work, account.account_id, cycle, brand, method)
    return plan


async def open_following(
    work: UnitOfWork, account: Account, cycle: stored.Cycle, brand: Brand, now: datetime
) -> CyclePlan:
    """Open the cycle after an issued one, and write the row of the one after that. Answers the opened cycle's plan.

    The next cycle keeps the period stored with its predecessor; its dates follow today's policy and method.
    """
    method = await planned_method(work, account.account_id, now)
    following = await _stored_or_next(work, cycle, brand)
    plan = await store_plan(work, account.account_id, plan_of(following, brand, method))
    if account.closed_at is None:
        await ensure_following(work, account.account_id, following, brand, method)
    return plan


async def _stored_or_next(work: UnitOfWork, cycle: stored.Cycle, brand: Brand) -> Cycle:
    for known in await work.accounts.cycles(cycle.account_id):
        if known.cycle_number == cycle.cycle_number + 1:
            return as_domain(known)
    return next_cycle(as_domain(cycle), brand.zone)


async def ensure_following(
    work: UnitOfWork, account_id: str, cycle: Cycle, brand: Brand, method: PlannedMethod
) -> CyclePlan:
    """The plan of the cycle after ``cycle``, by the brand's policy and the method of today; stored."""
    return await store_plan(work, account_id, plan_of(next_cycle(cycle, brand.zone), brand, method))


def plan_of(cycle: Cycle, brand: Brand, method: PlannedMethod, zone: str = "") -> CyclePlan:
    """The dates of a cycle under the brand's policy; ``zone`` where the cycle was computed in another one."""
    return plan_cycle(cycle, method.policy_of(brand), zone or brand.zone, method.kind)


def plan_at_issue(cycle: stored.Cycle, brand: Brand, method: PlannedMethod, now: datetime) -> CyclePlan:
    """The plan of the cycle being billed, by today's method; a late issue moves the debit."""
    policy = method.policy_of(brand)
    plan = plan_of(as_domain(cycle), brand, method, zone_of(cycle, brand))
    if now <= plan.ready_notice_at:
        return plan
    return replan_debit(plan, next_allowed(now, plan.zone, policy.country, policy.quiet_hours), policy)


async def store_plan(work: UnitOfWork, account_id: str, plan: CyclePlan) -> CyclePlan:
    """Write a cycle that is still open, or change its dates."""
    known = {cycle.cycle_number for cycle in await work.accounts.cycles(account_id)}
    row = stored.Cycle(
        account_id=account_id,
        cycle_number=plan.cycle_number,
        cycle_day=int(plan.cycle_day),
        opens_at=plan.opens_at,
        closes_at=plan.closes_at,
        debit_on=plan.debit_on,
        plan=plan.to_dict(),
        status=OPEN,
    )
    if plan.cycle_number not in known:
        await work.accounts.add_cycle(row)
        return plan
    await work.accounts.change_cycle(
        account_id,
        plan.cycle_number,
        {
            "cycle_day": row.cycle_day,
            "opens_at": row.opens_at,
            "closes_at": row.closes_at,
            "debit_on": row.debit_on,
            "plan": row.plan,
        },
    )
    return plan


def as_domain(cycle: stored.Cycle) -> Cycle:
    """The stored cycle as the calendar's functions take it."""
    return Cycle(cycle.cycle_number, cycle.opens_at, cycle.closes_at, CycleDay(cycle.cycle_day))


def zone_of(cycle: stored.Cycle, brand: Brand) -> str:
    """The zone a stored cycle was computed in: a brand may move to another one, its past cycles do not."""
    return str(cycle.plan.get("zone", brand.zone))


def span_of(cycle: stored.Cycle, zone: str) -> CycleSpan:
    """The stored cycle as usage is rated in it."""
    return CycleSpan(cycle.account_id, cycle.cycle_number, cycle.opens_at, cycle.closes_at, cycle.status, zone)


def is_last(cycle: stored.Cycle, account: Account) -> bool:
    """True when the account ended with this cycle, so that none follows."""
    return account.closed_at is not None and account.closed_at <= cycle.closes_at


def close_of(cycle: stored.Cycle, number: int, zone: str) -> datetime:
    """When the cycle of that number closes, if the account's dates stay as they are."""
    found = as_domain(cycle)
    while found.number < number:
        found = next_cycle(found, zone)
    return found.closes_at
