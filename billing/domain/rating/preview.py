"""Preview: price a definition before it is published, with the very code that will bill it. Nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from billing.domain.discount import Discount
from billing.domain.errors import InvalidValue
from billing.domain.money import Money, total
from billing.domain.rating.allowance import Allowance
from billing.domain.rating.bands import NoPrice
from billing.domain.rating.counters import Counter, count
from billing.domain.rating.events import UsageEvent
from billing.domain.rating.guiding import guide
from billing.domain.rating.lines import RatedLine
from billing.domain.rating.per_event import PerEvent
from billing.domain.rating.plan import LineDiscount, PlanDefinition
from billing.domain.rating.price import PriceDefinition
from billing.domain.rating.totals import rate_totals, recurring_lines


@dataclass(frozen=True, slots=True)
class UnpricedEvent:
    """An event the price does not take: its place in the request, and why."""

    place: int
    reason: str


@dataclass(frozen=True, slots=True)
class PricePreview:
    """The net ``amount`` of ``lines``; ``explanation`` is all their steps in order. Quantities in the meter's own
    units.
    """

    amount: Money
    lines: tuple[RatedLine, ...]
    events: int
    quantity: int
    allowance_drawn: int
    unpriced: tuple[UnpricedEvent, ...]
    explanation: tuple[str, ...]


def preview_price(
    price: PriceDefinition,
    currency: str,
    quantity: int | None = None,
    events: Sequence[UsageEvent] | None = None,
    allowance: int = 0,
    discounts: Sequence[Discount] = (),
    on: date | None = None,
) -> PricePreview:
    """Price one event of ``quantity`` (for a price per event: that many events), or a list of events.

    ``allowance`` is an included quantity in the meter's own units. A recurring price needs neither. ``discounts`` come
    off the price's lines, dated ones as of the local date ``on``. Raises InvalidValue when none or both of quantity
    and events are given, or when the price cannot take them.
    """
    _check_request(price, quantity, events, allowance)
    plan = _plan(price, currency, allowance, discounts)
    if price.is_recurring:
        return _preview(currency, recurring_lines(plan, on=on), ())
    guided = [guide(plan, event) for event in _events(price, quantity, events)]
    unpriced = tuple(
        UnpricedEvent(place, each.reason) for place, each in enumerate(guided) if isinstance(each, NoPrice)
    )
    if quantity is not None and unpriced:
        raise _refusal("quantity", quantity, unpriced[0].reason, "Send events with the destination or amount it needs.")
    counters = count(part for each in guided if not isinstance(each, NoPrice) for part in each)
    return _preview(currency, rate_totals(plan, _repeated(price, counters, quantity), on=on).lines, unpriced)


def _plan(price: PriceDefinition, currency: str, allowance: int, discounts: Sequence[Discount]) -> PlanDefinition:
    included = (Allowance("included", "included", price.meter, allowance),) if allowance else ()
    off = tuple(LineDiscount(price.code, discount) for discount in discounts)
    return PlanDefinition("preview", "Preview", currency, (price,), included, off)


def _check_request(
    price: PriceDefinition, quantity: int | None, events: Sequence[UsageEvent] | None, allowance: int
) -> None:
    if allowance < 0:
        raise _refusal("allowance", allowance, "An allowance is not negative.", "Use 0 or more.")
    if allowance and not price.can_draw:
        raise _refusal("allowance", allowance, "This price draws no allowance.", "Leave the allowance out.")
    if not price.is_recurring and (quantity is None) == (events is None):
        remedy = "Give quantity or events, not both."
        raise _refusal("quantity", quantity, "A quantity or a list of events is needed.", remedy)


def _events(price: PriceDefinition, quantity: int | None, events: Sequence[UsageEvent] | None) -> Sequence[UsageEvent]:
    if quantity is None:
        return events or ()
    if isinstance(price.model, PerEvent) and quantity > 0:
        return (UsageEvent(price.meter, 1),)
    return (UsageEvent(price.meter, quantity),)


def _repeated(price: PriceDefinition, counters: Sequence[Counter], quantity: int | None) -> list[Counter]:
    """For a price per event a bare quantity means that many events."""
    times = quantity if quantity and isinstance(price.model, PerEvent) else 1
    return [
        Counter(each.price_code, each.band, each.events * times, each.quantity * times, each.amount * times)
        for each in counters
    ]


def _preview(currency: str, lines: tuple[RatedLine, ...], unpriced: tuple[UnpricedEvent, ...]) -> PricePreview:
    return PricePreview(
        amount=total((line.amount for line in lines), currency),
        lines=lines,
        events=sum(line.events for line in lines),
        quantity=sum(line.quantity for line in lines),
        allowance_drawn=sum(line.allowance_drawn for line in lines),
        unpriced=unpriced,
        explanation=tuple(step for line in lines for step in line.explanation),
    )


def _refusal(field: str, value: object, message: str, remedy: str) -> InvalidValue:
    return InvalidValue(message, field=field, value="" if value is None else value, remedy=remedy)
