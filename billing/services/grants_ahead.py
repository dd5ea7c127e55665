"""What a cycle that is over but not billed yet will leave for the next one: so that its rollover can be used at once.

Late records may still change it until the invoice is issued, which then writes what really is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial

from billing.domain.rating import PlanDefinition
from billing.ports.accounts import Cycle
from billing.ports.grants import GrantRow, NewGrant
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_intake import CycleSpan, ServicePlan
from billing.services.account_rating import rate_account
from billing.services.invoicing_cycles import OPEN, close_of, span_of
from billing.services.plan_periods import present_plans
from billing.services.usage_grants import carried_on, granted_in, lives_on
from billing.services.usage_guiding import PlanKey
from billing.services.usage_plans import PlanShelf

_MOST_CYCLES = 24


async def granted_so_far(
    work: UnitOfWork,
    shelf: PlanShelf,
    cycles: Sequence[CycleSpan],
    plans: Mapping[PlanKey, PlanDefinition],
    periods: Iterable[ServicePlan],
) -> dict[tuple[str, int], Sequence[GrantRow]]:
    """The grants of each cycle and of the one after it, with what the one before will leave while it is not billed."""
    keys = [(cycle.account_id, cycle.cycle_number) for cycle in cycles]
    before = [(account_id, number - 1) for account_id, number in keys if number > 1]
    found = await granted_in(work, [*keys, *before])
    granted = {key: found[key] for key in keys if key in found}
    rolling = {
        each.account_id
        for each in periods
        if any(allowance.rollover for allowance in plans[each.plan_code, each.plan_version].allowances)
    }
    for cycle in cycles:
        key = cycle.account_id, cycle.cycle_number
        if cycle.account_id in rolling or key[0] in {row.account_id for row in found.get((key[0], key[1] - 1), ())}:
            granted[key] = [*granted.get(key, ()), *await carried_ahead(work, shelf, cycle)]
    return granted


async def carried_ahead(work: UnitOfWork, shelf: PlanShelf, cycle: CycleSpan) -> Sequence[GrantRow]:
    """What the cycle before this one will carry into it, as things stand; nothing once that cycle is billed."""
    stored = {each.cycle_number: each for each in await work.accounts.cycles(cycle.account_id)}
    first = cycle.cycle_number
    while first - 1 in stored and stored[first - 1].status == OPEN and cycle.cycle_number - first < _MOST_CYCLES:
        first -= 1
    carried: Sequence[GrantRow] = ()
    for number in range(first, cycle.cycle_number):
        carried = await _left_of(work, shelf, stored[number], cycle.zone, carried)
    return carried


async def _left_of(
    work: UnitOfWork, shelf: PlanShelf, cycle: Cycle, zone: str, carried: Sequence[GrantRow]
) -> Sequence[GrantRow]:
    """What one cycle leaves, that began with its stored grants and those ``carried`` into it."""
    span = span_of(cycle, str(cycle.plan.get("zone", zone)))
    granted = await granted_in(work, [(cycle.account_id, cycle.cycle_number)])
    rows = [*granted.get((cycle.account_id, cycle.cycle_number), ()), *carried]
    periods = await work.usage.service_plans([cycle.account_id])
    counters = await work.usage.counters_of(cycle.account_id, cycle.cycle_number)
    keys = {(each.plan_code, each.plan_version) for each in periods}
    keys |= {(each.plan_code, each.plan_version) for each in counters}
    plans = await shelf.get(work, keys)
    if not any(lives_on(row, span) for row in rows) and not any(
        allowance.rollover for key in keys for allowance in plans[key].allowances
    ):
        return ()
    rated = rate_account(span, periods, counters, plans, granted=rows)
    present = present_plans(periods, {each.service_id for each in rated}, cycle.closes_at)
    ends = partial(close_of, cycle, zone=span.zone)
    new, living = carried_on(span, rated, rows, present, plans, cycle.closes_at, ends)
    return [*map(_not_stored, new), *living]


def _not_stored(grant: NewGrant) -> GrantRow:
    return GrantRow(**asdict(grant))
