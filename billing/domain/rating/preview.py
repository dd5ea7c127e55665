"""Preview: price a definition before it is published, with the very code that will bill it. Nothing is stored."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from billing.domain.discount import Discount, DiscountBreakdown, SkippedDiscount, apply_discounts
from billing.domain.errors import InvalidValue
from billing.domain.money import Money, total
from billing.domain.rating.allowance import Allowance
from billing.domain.rating.bands import NoPrice, since
from billing.domain.rating.counters import Counter, count
from billing.domain.rating.drawing import AllowanceState
from billing.domain.rating.events import UsageEvent
from billing.domain.rating.explaining import explain_event
from billing.domain.rating.grants import Grant, ServiceGrants
from billing.domain.rating.guiding import Guided, guide
from billing.domain.rating.lines import LineKind, RatedLine, RatedUsage
from billing.domain.rating.per_event import PerEvent
from billing.domain.rating.plan import LineDiscount, PlanDefinition
from billing.domain.rating.price import PriceDefinition
from billing.domain.rating.rollover import RolledOver, roll_over
from billing.domain.rating.totals import rate_services, recurring_lines


@dataclass(frozen=True, slots=True)
class UnpricedEvent:
    """An event the price does not take: its place in the request, and why."""

    place: int
    reason: str


@dataclass(frozen=True, slots=True)
class PricePreview:
    """The net ``amount`` of ``lines``; ``explanation`` is all their steps in order. Quantities in the meter's own
    units. ``allowances`` are as the cycle leaves them, ``rolled_over`` what of them goes on. ``explained_events`` tells
    the story of each event in order, when asked for. ``invoice`` takes discounts off the invoice's net subtotal.
    """

    amount: Money
    lines: tuple[RatedLine, ...]
    events: int
    quantity: int
    allowance_drawn: int
    unpriced: tuple[UnpricedEvent, ...]
    explanation: tuple[str, ...]
    allowances: tuple[AllowanceState, ...] = ()
    rolled_over: tuple[RolledOver, ...] = ()
    skipped_discounts: tuple[SkippedDiscount, ...] = ()
    explained_events: tuple[tuple[str, ...], ...] = ()
    invoice: DiscountBreakdown | None = None


@dataclass(frozen=True, slots=True)
class PreviewedService:
    """One service of the account: its plan, its events of one cycle (each counts ``times`` times), and its grants."""

    plan: PlanDefinition
    events: Sequence[UsageEvent]
    grants: Sequence[Grant] = ()
    times: int = 1


def preview_services(
    services: Sequence[PreviewedService],
    *,
    on: date | None = None,
    invoice_discounts: Sequence[Discount] = (),
    explain_events: bool = False,
) -> tuple[PricePreview, ...]:
    """Price the services of one account together, as its invoice will, with their recurring fees.

    ``on`` is the local date for dated discounts. ``invoice_discounts`` come off the sum of all lines; the first preview
    tells. Raises InvalidValue for events that need a start and have none.
    """
    instants = sorted({at for each in services for grant in each.grants for at in grant.boundaries})
    guided = [_guide_all(each, instants) for each in services]
    counters = [(each.plan, parts.counters) for each, parts in zip(services, guided, strict=True)]
    granted = [ServiceGrants((place,), tuple(each.grants)) for place, each in enumerate(services)]
    rated = rate_services(counters, on=on, grants=granted)
    previews = [
        replace(
            _preview(each, usage, parts.unpriced, on),
            explained_events=_explained(each, parts.counters, granted[place]) if explain_events else (),
        )
        for place, (each, usage, parts) in enumerate(zip(services, rated, guided, strict=True))
    ]
    if invoice_discounts:
        subtotal = total((each.amount for each in previews), services[0].plan.currency)
        previews[0] = replace(previews[0], invoice=apply_discounts(subtotal, invoice_discounts, on))
    return tuple(previews)


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
    _check_allowance(price, allowance)
    included = (Allowance("included", "included", price.meter, allowance),) if allowance else ()
    off = tuple(LineDiscount(price.code, discount) for discount in discounts)
    plan = PlanDefinition("preview", "Preview", currency, (price,), included, off)
    used, times = events_of(price, quantity, events)
    [preview] = preview_services([PreviewedService(plan, used, times=times)], on=on)
    if quantity is not None and preview.unpriced:
        remedy = "Send events with the destination, amount or start it needs."
        raise _refusal("quantity", quantity, preview.unpriced[0].reason, remedy)
    return preview


def events_of(
    price: PriceDefinition, quantity: int | None, events: Sequence[UsageEvent] | None
) -> tuple[Sequence[UsageEvent], int]:
    """The events of a request, and how many times each counts: those given once, or one of ``quantity`` (for a price
    per event: one, so many times).
    """
    if price.is_recurring:
        return (), 1
    if (quantity is None) == (events is None):
        remedy = "Give quantity or events, not both."
        raise _refusal("quantity", quantity, "A quantity or a list of events is needed.", remedy)
    if quantity is None:
        return events or (), 1
    if isinstance(price.model, PerEvent) and quantity > 0:
        return (UsageEvent(price.meter, 1),), quantity
    return (UsageEvent(price.meter, quantity),), 1


def _check_allowance(price: PriceDefinition, allowance: int) -> None:
    if allowance < 0:
        raise _refusal("allowance", allowance, "An allowance is not negative.", "Use 0 or more.")
    if allowance and not price.can_draw:
        raise _refusal("allowance", allowance, "This price draws no allowance.", "Leave the allowance out.")


@dataclass(frozen=True, slots=True)
class _GuidedEvents:
    counters: tuple[Counter, ...]
    unpriced: tuple[UnpricedEvent, ...]


def _guide_all(service: PreviewedService, instants: Sequence[datetime]) -> _GuidedEvents:
    parts: list[Guided] = []
    unpriced: list[UnpricedEvent] = []
    for place, event in enumerate(service.events):
        guided = guide(service.plan, event)
        if isinstance(guided, NoPrice):
            unpriced.append(UnpricedEvent(place, guided.reason))
            continue
        drawing_from = _boundary_before(event, place, instants)
        parts += [replace(part, band=since(part.band, drawing_from)) for part in guided]
    counters = tuple(_repeated(each, service.times) for each in count(parts))
    return _GuidedEvents(counters, tuple(unpriced))


def _boundary_before(event: UsageEvent, place: int, instants: Sequence[datetime]) -> datetime | None:
    """The last instant at or before the event's start at which what may be drawn changed."""
    if not instants:
        return None
    if event.started_at is None:
        remedy = "Add started_at, because a grant begins or ends within the cycle."
        raise _refusal(f"events[{place}].started_at", None, "The start of the event is needed.", remedy)
    before = bisect_right(instants, event.started_at)
    return instants[before - 1] if before else None


def _repeated(counter: Counter, times: int) -> Counter:
    """For a price per event a bare quantity means that many events."""
    return replace(
        counter, events=counter.events * times, quantity=counter.quantity * times, amount=counter.amount * times
    )


def _preview(
    service: PreviewedService, usage: RatedUsage, unpriced: tuple[UnpricedEvent, ...], on: date | None
) -> PricePreview:
    plan, lines = service.plan, (*recurring_lines(service.plan, on=on), *usage.lines)
    used = [line for line in lines if line.kind is LineKind.USAGE]
    return PricePreview(
        amount=total((line.amount for line in lines), plan.currency),
        lines=lines,
        events=sum(line.events for line in used),
        quantity=sum(line.quantity for line in used),
        allowance_drawn=sum(line.allowance_drawn for line in used),
        unpriced=unpriced,
        explanation=tuple(step for line in lines for step in line.explanation),
        allowances=usage.allowances,
        rolled_over=roll_over(plan, usage.allowances, service.grants),
        skipped_discounts=tuple(_skipped(plan, lines, on)),
    )


def _skipped(plan: PlanDefinition, lines: Sequence[RatedLine], on: date | None) -> Iterable[SkippedDiscount]:
    """The plan's line discounts that came off no line, and why."""
    for each in plan.line_discounts:
        own = [line for line in lines if line.price_code == each.price_code]
        price = next(price for price in plan.prices if price.code == each.price_code)
        if f"{price.name}, {each.discount.name}" in (line.description for line in own):
            continue
        charged = total((line.amount for line in own if line.kind is not LineKind.DISCOUNT), plan.currency)
        reason = each.discount.reason_not_applied(charged, on) or f"nothing is left of {price.name} to discount"
        yield SkippedDiscount(each.discount.code, reason)


def _explained(
    service: PreviewedService, counters: Sequence[Counter], granted: ServiceGrants
) -> tuple[tuple[str, ...], ...]:
    alone = ServiceGrants((0,), granted.grants)
    return tuple(explain_event(service.plan, event, counters, [alone]) for event in service.events)


def _refusal(field: str, value: object, message: str, remedy: str) -> InvalidValue:
    return InvalidValue(message, field=field, value="" if value is None else value, remedy=remedy)
