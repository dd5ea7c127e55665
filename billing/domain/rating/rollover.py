"""Rollover: what is left of an allowance at the end of a cycle and may be drawn in later ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from billing.domain.rating.allowance import Allowance
from billing.domain.rating.drawing import AllowanceState
from billing.domain.rating.grants import Grant, Origin
from billing.domain.rating.plan import PlanDefinition


@dataclass(frozen=True, slots=True)
class RolledOver:
    """``allowance`` with its limits and the ``quantity`` carried, for the next ``cycles`` cycles. ``left`` is what the
    cycle left of it.
    """

    allowance: Allowance
    quantity: int
    cycles: int
    left: int

    @property
    def explanation(self) -> str:
        """What is carried, in one line."""
        limited = "" if self.quantity == self.left else f", limited by its cap from {self.left}"
        lasts = "1 cycle" if self.cycles == 1 else f"{self.cycles} cycles"
        return f"{self.allowance.name}: {self.quantity} rolls over for {lasts}{limited}"


def left_of(grant: Grant, states: Iterable[AllowanceState]) -> int:
    """What a cycle leaves of a grant."""
    return next((state.left for state in states if state.code == grant.code and state.origin is grant.origin), 0)


def roll_over(
    plan: PlanDefinition, states: Sequence[AllowanceState], grants: Iterable[Grant]
) -> tuple[RolledOver, ...]:
    """What a cycle leaves of the plan's allowances for the next one; none of nothing.

    Together with what is left of earlier ``grants`` of the same allowance that live on, it stays within the cap.
    """
    left = {state.code: state.left for state in states if state.origin is Origin.PLAN}
    carried_before: dict[str, int] = {}
    for grant in grants:
        if grant.rolls_from and grant.lives_on:
            so_far = carried_before.get(grant.rolls_from, 0)
            carried_before[grant.rolls_from] = so_far + left_of(grant, states)
    rolled = []
    for allowance in plan.allowances:
        if allowance.rollover is None:
            continue
        quantity = left.get(allowance.code, 0)
        cap = allowance.rollover.cap(allowance.quantity)
        carried = quantity if cap is None else min(quantity, max(cap - carried_before.get(allowance.code, 0), 0))
        if carried:
            granted = replace(allowance, quantity=carried, rollover=None)
            rolled.append(RolledOver(granted, carried, allowance.rollover.cycles, quantity))
    return tuple(rolled)
