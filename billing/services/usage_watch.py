"""From which quantity of a counter thresholds have to be looked at again. Pure.

Looking at an account's thresholds costs a hundred times what counting costs, and is in vain nearly always. A threshold
that is r units away cannot be passed before one of the n counters that draw from it has grown by r / n: so each of them
is watched from there, and the closer the threshold, the closer the look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from billing.domain.rating import AllowanceState, PlanDefinition
from billing.ports.usage_records import CounterRow

NEVER = 2**62
CounterOfCycle = tuple[str, str, int, str, str]  # service, plan code, plan version, price code, band


def watch_quantities(
    rows: Sequence[CounterRow],
    plans: Mapping[tuple[str, int], PlanDefinition],
    states: Iterable[AllowanceState],
    percents: Sequence[int],
) -> dict[CounterOfCycle, int]:
    """By counter of one cycle: the quantity below which no allowance in ``states`` can have passed another percent."""
    meters = {row: _meter(plans[row.plan_code, row.plan_version], row.price_code) for row in rows}
    drawing = {meter: [row for row in rows if meters[row] == meter] for meter in set(meters.values())}
    watched = dict.fromkeys(rows, NEVER)
    for state in states:
        left = _units_left(state, percents)
        own = drawing.get(state.meter, [])
        for row in own if left else ():
            watched[row] = min(watched[row], row.quantity - (-left // len(own)))
    return {
        (row.service_id, row.plan_code, row.plan_version, row.price_code, row.band): quantity
        for row, quantity in watched.items()
    }


def _units_left(state: AllowanceState, percents: Sequence[int]) -> int:
    """How far the next percent is; 0 when all are passed."""
    limits = [-(-state.included * percent // 100) for percent in sorted(percents)]
    return next((limit - state.used for limit in limits if limit > state.used), 0)


def _meter(plan: PlanDefinition, price_code: str) -> str:
    return next(price.meter for price in plan.prices if price.code == price_code)
