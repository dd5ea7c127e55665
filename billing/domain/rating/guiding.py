"""Guiding: which price and bands of a plan an event belongs to, and what it adds to their counters."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from billing.domain.money import Money
from billing.domain.rating.bands import Band, NoPrice, Place
from billing.domain.rating.events import UsageEvent
from billing.domain.rating.model import ChargedUsage
from billing.domain.rating.percentage import Percentage
from billing.domain.rating.plan import PlanDefinition

# A longer use is no call: it waits for a person instead of being laid out over years of time bands.
_LONGEST_SPLIT_SECONDS = 31 * 86_400


@dataclass(frozen=True, slots=True)
class Guided:
    """What one part of an event adds to the counter (``price_code``, ``band``).

    ``billable_quantity`` is rounded by the increments, in the meter's own units. ``events`` is 1 on the first
    part, or 0 for an event without any use (an unanswered call), so that it costs no connection fee; else 0.
    ``amount_per_event`` is exact, in whole currency units, and None where the price needs totals only. ``prefix`` is
    the one that matched.
    """

    price_code: str
    band: str
    billable_quantity: int
    events: int = 1
    amount_per_event: Decimal | None = None
    prefix: str = ""


def guide(plan: PlanDefinition, event: UsageEvent) -> tuple[Guided, ...] | NoPrice:
    """Find the event's price and band by place, class, longest prefix and time: one ``Guided`` for each part, in order
    of time. An outcome, not an error, when there is no price.
    """
    place = plan.bands.find(event.meter, event.destination, event.visited, event.traffic_class)
    if isinstance(place, NoPrice):
        return place
    band = place.band
    price = band.price
    if event.amount is None and isinstance(price.model, Percentage):
        return NoPrice(f"The price {price.code} is a percentage, and the event carries no amount.")
    if place.by_time:
        parts = _timed_parts(plan, place, event)
        return parts if isinstance(parts, NoPrice) else _guided(plan, place.prefix, event, parts)
    billable_quantity = price.increments.billable(event.quantity)
    if price.is_priced_per_event:
        return _guided(plan, place.prefix, event, [(band, billable_quantity)])
    events = 1 if event.quantity or event.amount is not None else 0
    return (Guided(price.code, band.code, billable_quantity, events, None, place.prefix),)


def _timed_parts(plan: PlanDefinition, place: Place, event: UsageEvent) -> list[tuple[Band, int]] | NoPrice:
    """Bands with their billable quantities, in order of time.

    The increments run through the whole call: each belongs to the band in which it begins. So the initial one counts
    once, and the parts add up to what the call bills without bands.
    """
    price = place.band.price
    if event.started_at is None:
        return NoPrice(f"The price {price.code} depends on the time, and the event has no start.")
    # What is no duration, or is charged by the event, belongs to the band in which it starts.
    is_split = price.model.draws_allowance and plan.time_bands.splits(price.meter)
    used = event.quantity if is_split else 1
    if used > _LONGEST_SPLIT_SECONDS:
        return NoPrice(f"A use of {used} seconds is too long to be split by the time bands of the price {price.code}.")
    changes = plan.timetable.split(int(event.started_at.timestamp()), used)
    edges = [price.increments.billable(offset) for offset, _ in changes] + [price.increments.billable(event.quantity)]
    joined: list[tuple[Band, int]] = []
    for (_, time_band), (begin, end) in zip(changes, pairwise(edges), strict=True):
        band = place.at(time_band)
        if joined and joined[-1][0] is band:
            joined[-1] = band, joined[-1][1] + end - begin
        elif end > begin or not joined:
            joined.append((band, end - begin))
    return joined


def _guided(plan: PlanDefinition, prefix: str, event: UsageEvent, parts: list[tuple[Band, int]]) -> tuple[Guided, ...]:
    events = 1 if event.quantity or event.amount is not None else 0
    amounts = _amounts(plan, event, parts, events)
    return tuple(
        Guided(band.price.code, band.code, quantity, 0 if place else events, amounts[place], prefix)
        for place, (band, quantity) in enumerate(parts)
    )


def _amounts(
    plan: PlanDefinition, event: UsageEvent, parts: list[tuple[Band, int]], events: int
) -> list[Decimal] | list[None]:
    """Each part's own amount where the price is per event. With ``round_each_event`` the first includes the connection
    fee, and they add up to the event's amount rounded half up once.
    """
    price = parts[0][0].price
    if not price.is_priced_per_event:
        return [None] * len(parts)
    exact = [
        _amount(plan, band, event, quantity, 0 if place else events) for place, (band, quantity) in enumerate(parts)
    ]
    if not price.round_each_event:
        return exact
    exact[0] += price.connection_fee_for(parts[0][0].destination, parts[0][0].time_band) * events
    rounded, so_far, earlier = [], Decimal(0), Decimal(0)
    for amount in exact:
        so_far += amount
        until = Money.from_decimal(so_far, plan.currency).decimal
        rounded.append(until - earlier)
        earlier = until
    return rounded


def _amount(plan: PlanDefinition, band: Band, event: UsageEvent, quantity: int, events: int) -> Decimal:
    model = band.price.model_for(band.destination, band.time_band)
    if isinstance(model, Percentage):
        return model.of_event(event.amount or Decimal(0))
    return model.charge(ChargedUsage(events, quantity, Decimal(0), band.price.unit, plan.currency)).amount
