"""Guiding: which price and band of a plan an event belongs to, and what it adds to their counter."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing.domain.money import Money
from billing.domain.rating.bands import Band
from billing.domain.rating.events import UsageEvent
from billing.domain.rating.model import ChargedUsage
from billing.domain.rating.percentage import Percentage
from billing.domain.rating.plan import PlanDefinition


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


@dataclass(frozen=True, slots=True)
class NoPrice:
    """The plan has no price for the event; it waits to be guided again, it is never free."""

    reason: str


def guide(plan: PlanDefinition, event: UsageEvent) -> tuple[Guided, ...] | NoPrice:
    """Find the event's price and band by its longest prefix: one ``Guided`` for each part of the event, in order of
    time. An outcome, not an error, when there is no price.
    """
    table = plan.bands.tables.get(event.meter)
    if table is None:
        return NoPrice(f"Plan {plan.code} has no price for the meter {event.meter}.")
    found = table.find(event.destination.removeprefix("+"))
    if found is None:
        towards = f"destination {event.destination}" if event.destination else "an event without destination"
        return NoPrice(f"Plan {plan.code} has no price for {event.meter} towards {towards}.")
    prefix, band = found
    price = band.price
    if event.amount is None and isinstance(price.model, Percentage):
        return NoPrice(f"The price {price.code} is a percentage, and the event carries no amount.")
    billable_quantity = price.increments.billable(event.quantity)
    events = 1 if event.quantity or event.amount is not None else 0
    amount = _amount(plan, band, event, billable_quantity, events) if price.is_priced_per_event else None
    return (Guided(price.code, band.code, billable_quantity, events, amount, prefix),)


def _amount(plan: PlanDefinition, band: Band, event: UsageEvent, billable_quantity: int, events: int) -> Decimal:
    """One event's own amount; with ``round_each_event`` it includes the connection fee and is rounded half up."""
    price, model = band.price, band.price.model_for(band.destination)
    if isinstance(model, Percentage):
        amount = model.of_event(event.amount or Decimal(0))
    else:
        usage = ChargedUsage(events, billable_quantity, Decimal(0), price.unit, plan.currency)
        amount = model.charge(usage).amount
    if not price.round_each_event:
        return amount
    with_fee = amount + price.connection_fee_for(band.destination) * events
    return Money.from_decimal(with_fee, plan.currency).decimal
