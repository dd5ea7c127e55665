"""The story of one record: which price, band and prefix it met, how it was rounded and split, and what may cover it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from billing.domain.rating.bands import Band, NoPrice
from billing.domain.rating.counters import Counter
from billing.domain.rating.events import UsageEvent
from billing.domain.rating.grants import ServiceGrants
from billing.domain.rating.guiding import Guided, guide
from billing.domain.rating.lines import RatedLine
from billing.domain.rating.model import ChargedUsage, events_text, money_text
from billing.domain.rating.plan import PlanDefinition
from billing.domain.rating.totals import rate_services
from billing.domain.rating.zones import HOME


def explain_event(
    plan: PlanDefinition,
    event: UsageEvent,
    counted: Iterable[Counter] = (),
    grants: Sequence[ServiceGrants] = (),
) -> tuple[str, ...]:
    """How one event is rated, in lines for a clerk.

    With the ``counted`` counters of its service and cycle it also says what allowances cover of the line it is part of:
    they draw from totals, so no event has a share of its own.
    """
    guided = guide(plan, event)
    if isinstance(guided, NoPrice):
        return (f"no price: {guided.reason}",)
    bands = [plan.bands.by_code[part.price_code, part.band] for part in guided]
    steps = [f"plan {plan.code}, version {plan.version}", *_matched(plan, event, guided[0], bands[0])]
    steps += _rounded(event, guided, bands[0])
    for number, (part, band) in enumerate(zip(guided, bands, strict=True), start=1):
        steps.append(_part(plan, part, band, f"part {number}: " if len(guided) > 1 else ""))
    steps.append(_rounding(bands[0]))
    return (*steps, *_covered(plan, bands, tuple(counted), grants))


def _matched(plan: PlanDefinition, event: UsageEvent, part: Guided, band: Band) -> list[str]:
    price = band.price
    steps = [f"price {price.name} ({price.code}), {price.model.kind.replace('_', ' ')}"]
    if part.prefix:
        towards = f" ({band.destination.name})" if band.destination else ""
        steps.append(f"prefix {part.prefix}{towards} is the longest that matches {event.destination}")
    elif event.destination:
        steps.append(f"no prefix matches {event.destination}: the base rate")
    if band.zone != HOME:
        steps.append(f"used in {event.visited}: zone {plan.zone_name(band.zone)}")
    elif event.visited:
        steps.append(f"used in {event.visited}: at home")
    if event.traffic_class:
        special = event.traffic_class in price.traffic_classes
        steps.append(f"traffic class {event.traffic_class}: {'this price' if special else 'no price of its own'}")
    return steps


def _rounded(event: UsageEvent, guided: Sequence[Guided], band: Band) -> list[str]:
    unit, billed = band.price.unit, sum(part.billable_quantity for part in guided)
    return [f"{unit.quantity(event.quantity)} at increments {band.price.increments} = {unit.quantity(billed)} billable"]


def _part(plan: PlanDefinition, part: Guided, band: Band, label: str) -> str:
    price, model = band.price, band.price.model_for(band.destination, band.time_band)
    when = ""
    if band.time_band:
        when = f" in the time band {plan.time_bands.name_of(band.time_band)}"
    elif price.time_rates_for(band.destination):
        when = " outside the time bands"
    step = (
        f"{label}{price.unit.quantity(part.billable_quantity)}{when} at {model.unit_price(price.unit, plan.currency)}"
    )
    fee = price.connection_fee_for(band.destination, band.time_band) * part.events
    with_fee = f" with connection fee {money_text(fee, plan.currency)}" if fee else ""
    if part.amount_per_event is not None:
        return (
            f"{step}{with_fee if price.round_each_event else ''} = {money_text(part.amount_per_event, plan.currency)}"
        )
    if not model.takes_destinations:
        return f"{step}, by the total of the cycle"
    usage = ChargedUsage(part.events, part.billable_quantity, fee, price.unit, plan.currency)
    amount = model.charge(usage).amount + fee
    return f"{step}{with_fee} = {money_text(amount, plan.currency)} before allowances"


def _rounding(band: Band) -> str:
    return "this event is rounded half up" if band.price.round_each_event else "rounded once, on its invoice line"


def _covered(
    plan: PlanDefinition, bands: Sequence[Band], counted: Sequence[Counter], grants: Sequence[ServiceGrants]
) -> list[str]:
    if not counted:
        names = dict.fromkeys(plan.allowances[place].name for band in bands for place in _own(plan, band))
        return [f"allowances that may cover it: {', '.join(names)}"] if names else []
    groups = {(band.price.code, band.group) for band in bands}
    [rated] = rate_services([(plan, counted)], grants=grants)
    return [_line(line, plan) for line in rated.lines if (line.price_code, line.band) in groups and line.quantity]


def _own(plan: PlanDefinition, band: Band) -> list[int]:
    return [place for place in band.allowances if place < len(plan.allowances)]


def _line(line: RatedLine, plan: PlanDefinition) -> str:
    unit = next(price.unit for price in plan.usage_prices if price.code == line.price_code)
    counted = f"{events_text(line.events)}, {unit.quantity(line.quantity)}"
    return f"in its cycle: {line.description}: {counted}, of which allowances cover {line.allowance_drawn}"
