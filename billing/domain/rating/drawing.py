"""Drawing allowances from totals: prices in the plan's order, bands by code, allowances in order (base first, then
add-ons).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from billing.domain.rating.allowance import Allowance
from billing.domain.rating.counters import Counter
from billing.domain.rating.plan import PlanDefinition


@dataclass(frozen=True, slots=True)
class Draw:
    """``quantity`` that one allowance covers of one counter, in the meter's own units."""

    allowance: Allowance
    quantity: int


@dataclass(frozen=True, slots=True)
class AllowanceState:
    """``included`` in the cycle, ``used`` by this service and, where shared, by the others, and ``left``; the meter's
    own units.
    """

    code: str
    name: str
    meter: str
    included: int
    used: int
    left: int


@dataclass(slots=True)
class DrawBook:
    """The running account of one service's drawing; ``left`` by place of the allowance."""

    plan: PlanDefinition
    counters: Sequence[Counter]
    left: list[int]
    draws: dict[tuple[str, str], list[Draw]] = field(default_factory=dict)

    def open_quantity(self, counter: Counter) -> int:
        """What no allowance has covered yet."""
        return counter.quantity - sum(draw.quantity for draw in self.draws.get(counter.key, ()))

    def states(self) -> tuple[AllowanceState, ...]:
        """What is used and left of each allowance."""
        return tuple(
            AllowanceState(each.code, each.name, each.meter, each.quantity, each.quantity - left, left)
            for each, left in zip(self.plan.allowances, self.left, strict=True)
        )


def draw_own(plan: PlanDefinition, counters: Sequence[Counter]) -> DrawBook:
    """Draw a service's own allowances; ``counters`` are merged and in the order of drawing."""
    book = DrawBook(plan, counters, [allowance.quantity for allowance in plan.allowances])
    for counter in counters:
        for place in plan.bands.by_code[counter.key].allowances:
            _draw(book, counter, book, place)
    return book


def draw_shared(books: Sequence[DrawBook]) -> None:
    """Let services draw what others left of their shared allowances, in the order of the services."""
    for owner in books:
        for place, allowance in enumerate(owner.plan.allowances):
            if allowance.shared:
                _draw_for_others(owner, place, books)


def _draw_for_others(owner: DrawBook, place: int, books: Sequence[DrawBook]) -> None:
    meter = owner.plan.allowances[place].meter
    # The owner is among them, but where something is left it has nothing open: a shared allowance covers all its bands.
    for book in books:
        for counter in book.counters:
            price = book.plan.bands.by_code[counter.key].price
            if price.can_draw and price.meter == meter:
                _draw(book, counter, owner, place)


def _draw(book: DrawBook, counter: Counter, owner: DrawBook, place: int) -> None:
    quantity = min(owner.left[place], book.open_quantity(counter))
    if quantity > 0:
        owner.left[place] -= quantity
        book.draws.setdefault(counter.key, []).append(Draw(owner.plan.allowances[place], quantity))
