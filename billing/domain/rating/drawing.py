"""Drawing allowances from totals: prices in the plan's order, bands by code, allowances in order.

First what a plan includes, then what the service's other plans of the cycle leave, then grants (soonest expiry first),
then what the account's other services share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from billing.domain.rating.allowance import Allowance
from billing.domain.rating.bands import Band, drawing_from_of
from billing.domain.rating.counters import Counter
from billing.domain.rating.grants import Grant, Origin, ServiceGrants
from billing.domain.rating.plan import PlanDefinition


@dataclass(frozen=True, slots=True)
class Draw:
    """``quantity`` that one allowance covers of one counter, in the meter's own units."""

    allowance: Allowance
    quantity: int


@dataclass(frozen=True, slots=True)
class AllowanceState:
    """``included`` in the cycle, ``used`` by this service and, where shared, by the others, and ``left``; the meter's
    own units. ``expires_at`` is None where it ends with the cycle.
    """

    code: str
    name: str
    meter: str
    included: int
    used: int
    left: int
    origin: Origin = Origin.PLAN
    expires_at: datetime | None = None

    def plus(self, other: AllowanceState) -> AllowanceState:
        """Both parts of one allowance together."""
        included, used, left = self.included + other.included, self.used + other.used, self.left + other.left
        return replace(self, included=included, used=used, left=left)


@dataclass(slots=True)
class Source:
    """One allowance while it is drawn. ``covers`` says which bands it may cover, by where their usage is split."""

    code: str
    allowance: Allowance
    included: int
    left: int
    covers: Callable[[Band, datetime | None], bool]
    origin: Origin = Origin.PLAN
    expires_at: datetime | None = None

    def state(self) -> AllowanceState:
        """What is used and left."""
        used = self.included - self.left
        name, meter = self.allowance.name, self.allowance.meter
        return AllowanceState(self.code, name, meter, self.included, used, self.left, self.origin, self.expires_at)


@dataclass(slots=True)
class DrawBook:
    """The running account of one service's drawing at one plan version; ``granted`` are sources beside its plan."""

    plan: PlanDefinition
    counters: Sequence[Counter]
    own: list[Source]
    granted: list[Source] = field(default_factory=list)
    draws: dict[tuple[str, str], list[Draw]] = field(default_factory=dict)
    _drawn: dict[tuple[str, str], int] = field(default_factory=dict)

    def band_of(self, counter: Counter) -> Band:
        band = self.plan.bands.band_of(*counter.key)
        assert band is not None, "counters are checked before they are drawn"
        return band

    def draw(self, counter: Counter, source: Source) -> None:
        """Cover what is open of a counter as far as the source goes."""
        open_quantity = counter.quantity - self._drawn.get(counter.key, 0)
        quantity = min(source.left, open_quantity)
        if quantity > 0:
            source.left -= quantity
            self._drawn[counter.key] = counter.quantity - open_quantity + quantity
            self.draws.setdefault(counter.key, []).append(Draw(source.allowance, quantity))

    def states(self) -> tuple[AllowanceState, ...]:
        """What is used and left of each allowance."""
        return tuple(source.state() for source in (*self.own, *self.granted))


def draw_all(
    services: Sequence[tuple[PlanDefinition, Sequence[Counter]]], grants: Iterable[ServiceGrants] = ()
) -> list[DrawBook]:
    """Draw all allowances of an account; ``counters`` are merged and in the order of drawing."""
    grants = tuple(grants)
    carried = {key: quantity for each in grants for key, quantity in each.carried.items()}
    books = [
        DrawBook(plan, counters, list(_own_sources(plan, place, carried)))
        for place, (plan, counters) in enumerate(services)
    ]
    for book in books:
        _draw_own(book)
    for each in grants:
        _draw_within([books[place] for place in each.places])
    for each in grants:
        _draw_granted([books[place] for place in each.places], each.grants)
    _draw_shared(books)
    return books


def _own_sources(plan: PlanDefinition, service: int, carried: dict[tuple[int, str], int]) -> Iterator[Source]:
    for place, allowance in enumerate(plan.allowances):
        included = allowance.quantity - carried.get((service, allowance.code), 0)
        yield Source(allowance.code, allowance, included, included, _covers_place(place))


def _covers_place(place: int) -> Callable[[Band, datetime | None], bool]:
    return lambda band, _: place in band.allowances


def _draw_own(book: DrawBook) -> None:
    for counter in book.counters:
        for place in book.band_of(counter).allowances:
            if place < len(book.own):
                book.draw(counter, book.own[place])


def _draw_within(books: Sequence[DrawBook]) -> None:
    """What a plan's allowance leaves, its service may use under the plans it had before and after in the cycle."""
    for owner in books:
        for source in owner.own:
            for book in books:
                for counter in book.counters if source.left and book is not owner else ():
                    if book.band_of(counter).is_within(source.allowance):
                        book.draw(counter, source)


def _draw_granted(books: Sequence[DrawBook], grants: Iterable[Grant]) -> None:
    """The last book of a service is its present plan's, and shows them."""
    if not books:
        return
    sources = [
        Source(each.code, each.allowance, each.quantity, each.quantity, each.covers, each.origin, each.expires_at)
        for each in sorted(grants, key=lambda each: each.place_in_order)
    ]
    books[-1].granted += sources
    for book in books:
        for counter in book.counters:
            _draw_from(book, counter, sources)


def _draw_from(book: DrawBook, counter: Counter, sources: Iterable[Source]) -> None:
    band, drawing_from = book.band_of(counter), drawing_from_of(counter.band)
    for source in sources:
        if source.left and source.covers(band, drawing_from):
            book.draw(counter, source)


def _draw_shared(books: Sequence[DrawBook]) -> None:
    """Let services draw what others left of their shared allowances, in the order of the services."""
    # The owner is among them, but where something is left it has nothing open that the allowance covers.
    for owner in books:
        for source in (*owner.own, *owner.granted):
            if source.allowance.shared and source.left:
                for book in books:
                    for counter in book.counters:
                        _draw_for_another(book, counter, source, is_own=book is owner)


def _draw_for_another(book: DrawBook, counter: Counter, source: Source, *, is_own: bool) -> None:
    band = book.band_of(counter)
    if source.origin is not Origin.PLAN or is_own:
        _draw_from(book, counter, (source,))
    elif band.is_within(source.allowance):
        book.draw(counter, source)
