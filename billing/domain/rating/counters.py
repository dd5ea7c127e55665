"""Counters: the only thing rating remembers of events. Adding commutes, so the order of events never matters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from billing.domain.rating.guiding import Guided


@dataclass(frozen=True, slots=True)
class Counter:
    """Totals of one (price, band) in one cycle: ``quantity`` is billable, in the meter's own units; ``amount`` sums the
    amounts of prices applied per event, exact, in whole currency units (zero for other prices).
    """

    price_code: str
    band: str
    events: int
    quantity: int
    amount: Decimal = Decimal(0)

    @property
    def key(self) -> tuple[str, str]:
        """What it counts for."""
        return self.price_code, self.band

    def plus(self, other: Counter) -> Counter:
        """Both together; the key is this one's."""
        return Counter(
            self.price_code,
            self.band,
            self.events + other.events,
            self.quantity + other.quantity,
            self.amount + other.amount,
        )


def merge(counters: Iterable[Counter]) -> tuple[Counter, ...]:
    """One counter per key, sorted by key."""
    totals: dict[tuple[str, str], Counter] = {}
    for counter in counters:
        earlier = totals.get(counter.key)
        totals[counter.key] = counter if earlier is None else earlier.plus(counter)
    return tuple(totals[key] for key in sorted(totals))


def count(guided: Iterable[Guided]) -> tuple[Counter, ...]:
    """The counters of a stream of guided events, sorted by key."""
    by_key: dict[tuple[str, str], list[Guided]] = defaultdict(list)
    for each in guided:
        by_key[each.price_code, each.band].append(each)
    return tuple(_sum(key, by_key[key]) for key in sorted(by_key))


def _sum(key: tuple[str, str], guided: list[Guided]) -> Counter:
    amounts = (each.amount_per_event for each in guided if each.amount_per_event is not None)
    return Counter(
        *key,
        events=sum(each.events for each in guided),
        quantity=sum(each.billable_quantity for each in guided),
        amount=sum(amounts, Decimal(0)),
    )
