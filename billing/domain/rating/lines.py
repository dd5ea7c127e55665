"""Rated lines: the frozen breakdown that an invoice prints and a clerk can recompute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing.domain.money import Money, total
from billing.domain.rating.bands import Band
from billing.domain.rating.counters import Counter
from billing.domain.rating.drawing import AllowanceState, Draw
from billing.domain.rating.model import ChargedUsage, events_text, money_text
from billing.domain.rating.on_change import Share
from billing.domain.rating.plan import PlanDefinition
from billing.domain.rating.price import PriceDefinition
from billing.domain.rating.zones import HOME


class LineKind(StrEnum):
    """What a line is for."""

    RECURRING = "recurring"
    USAGE = "usage"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    DISCOUNT = "discount"


@dataclass(frozen=True, slots=True)
class RatedLine:
    """One net line. ``quantity`` was counted after increments, ``allowance_drawn`` of it is covered,
    ``chargeable_quantity`` is the rest, all in the meter's own units. ``exact_amount`` is unrounded, ``amount``
    rounded half up once.
    """

    kind: LineKind
    price_code: str
    band: str
    description: str
    tax_code: str
    events: int
    quantity: int
    allowance_drawn: int
    chargeable_quantity: int
    unit: str
    unit_price: str
    exact_amount: Decimal
    amount: Money
    explanation: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RatedUsage:
    """The usage of one service in one cycle: net lines in the plan's order, and what is left of each allowance."""

    currency: str
    lines: tuple[RatedLine, ...]
    allowances: tuple[AllowanceState, ...]

    @property
    def subtotal(self) -> Money:
        """The sum of the rounded lines."""
        return total((line.amount for line in self.lines), self.currency)


def usage_line(plan: PlanDefinition, band: Band, counter: Counter, draws: Sequence[Draw]) -> RatedLine:
    """Price the counter of one group of destinations after its draws."""
    price, model = band.price, band.price.model_for(band.destination, band.time_band)
    drawn = sum(draw.quantity for draw in draws)
    usage = ChargedUsage(counter.events, counter.quantity - drawn, counter.amount, price.unit, plan.currency)
    counted = f"{events_text(counter.events)}, {price.unit.quantity(counter.quantity)}"
    steps = [f"{counted} counted at increments {price.increments}", *_draw_steps(usage, draws)]
    if price.round_each_event:
        exact = counter.amount
        steps.append(f"each event at {model.unit_price(price.unit, plan.currency)} and rounded half up")
        steps.append(f"sum of the events {money_text(exact, plan.currency)}")
    else:
        exact, charged = _by_totals(band, usage)
        steps += charged
    amount = Money.from_decimal(exact, plan.currency)
    return RatedLine(
        kind=LineKind.USAGE,
        price_code=price.code,
        band=band.group,
        description=_description(plan, band),
        tax_code=price.tax_code,
        events=counter.events,
        quantity=counter.quantity,
        allowance_drawn=drawn,
        chargeable_quantity=usage.quantity,
        unit=price.unit.name,
        unit_price=model.unit_price(price.unit, plan.currency),
        exact_amount=exact,
        amount=amount,
        explanation=(*steps, _rounding_step(exact, amount)),
    )


def _draw_steps(usage: ChargedUsage, draws: Sequence[Draw]) -> list[str]:
    steps = [f"less {usage.unit.quantity(draw.quantity)} from the allowance {draw.allowance.name}" for draw in draws]
    return [*steps, f"leaves {usage.unit.quantity(usage.quantity)} to charge"] if draws else []


def _by_totals(band: Band, usage: ChargedUsage) -> tuple[Decimal, tuple[str, ...]]:
    charge = band.price.model_for(band.destination, band.time_band).charge(usage)
    fee = band.price.connection_fee_for(band.destination, band.time_band)
    if not fee:
        return charge.amount, charge.steps
    fees = fee * usage.events
    fee_text, fees_text = money_text(fee, usage.currency), money_text(fees, usage.currency)
    step = f"{events_text(usage.events)} x connection fee {fee_text} = {fees_text}"
    return charge.amount + fees, (*charge.steps, step)


def _rounding_step(exact: Decimal, amount: Money) -> str:
    return (
        f"amount {amount}"
        if exact == amount.decimal
        else f"{money_text(exact, amount.currency)} rounded half up = {amount}"
    )


def _description(plan: PlanDefinition, band: Band) -> str:
    """The price, and in words where to, where and when."""
    price, words = band.price, [band.price.name]
    if band.destination is not None:
        words.append(band.destination.name)
    if price.zones != (HOME,):
        words.append(" and ".join(plan.zone_name(zone) for zone in price.zones))
    if "~" in band.group:
        words.append(plan.time_bands.name_of(band.time_band))
    return ", ".join(words)


def limit_line(price: PriceDefinition, lines: Sequence[RatedLine], currency: str) -> RatedLine | None:
    """The line that lifts a price to its minimum or cuts it to its maximum per cycle; None when it lies between."""
    charged = total((line.amount for line in lines), currency)
    minimum = None if price.minimum is None else Money.from_decimal(price.minimum, currency)
    maximum = None if price.maximum is None else Money.from_decimal(price.maximum, currency)
    if minimum is not None and charged < minimum:
        step = f"charged {charged}, minimum per cycle {minimum}: {minimum - charged} more"
        return _extra_line(LineKind.MINIMUM, price, f"{price.name}, minimum charge", minimum - charged, step)
    if maximum is not None and charged > maximum:
        step = f"charged {charged}, maximum per cycle {maximum}: {charged - maximum} less"
        return _extra_line(LineKind.MAXIMUM, price, f"{price.name}, maximum charge", maximum - charged, step)
    return None


def discount_lines(
    plan: PlanDefinition, price: PriceDefinition, lines: Sequence[RatedLine], on: date | None
) -> Iterable[RatedLine]:
    """The negative lines of the plan's line discounts on one price, on a local date; never below zero together."""
    subtotal = remaining = total((line.amount for line in lines), plan.currency)
    own = [each.discount for each in plan.line_discounts if each.price_code == price.code]
    for discount in sorted(own, key=lambda each: each.order):
        off = discount.off(remaining)
        if off.is_zero or discount.reason_not_applied(subtotal, on):
            continue
        yield _extra_line(LineKind.DISCOUNT, price, f"{price.name}, {discount.name}", -off, discount.explain(remaining))
        remaining = remaining - off


def recurring_line(plan: PlanDefinition, price: PriceDefinition) -> RatedLine:
    """The line of one fee per cycle."""
    charge = price.model.charge(ChargedUsage(0, 0, Decimal(0), price.unit, plan.currency))
    amount = Money.from_decimal(charge.amount, plan.currency)
    steps = (*charge.steps, _rounding_step(charge.amount, amount))
    return _line(LineKind.RECURRING, price, price.name, charge.amount, amount, steps)


def part_of_line(line: RatedLine, share: Share) -> RatedLine:
    """A line of a whole cycle as it is charged for a part of it, rounded half up once."""
    exact = share.of(line.exact_amount)
    amount = Money.from_decimal(exact, line.amount.currency)
    step = f"{money_text(line.exact_amount, amount.currency)} x {share.text}"
    return replace(
        line,
        description=f"{line.description}, {share.days} of {share.of_days} days",
        exact_amount=exact,
        amount=amount,
        explanation=(*line.explanation, step, _rounding_step(exact, amount)),
    )


def _extra_line(kind: LineKind, price: PriceDefinition, description: str, amount: Money, step: str) -> RatedLine:
    return _line(kind, price, description, amount.decimal, amount, (step,))


def _line(
    kind: LineKind, price: PriceDefinition, description: str, exact: Decimal, amount: Money, steps: tuple[str, ...]
) -> RatedLine:
    is_fee = kind is LineKind.RECURRING
    return RatedLine(
        kind=kind,
        price_code=price.code,
        band="",
        description=description,
        tax_code=price.tax_code,
        events=0,
        quantity=1 if is_fee else 0,
        allowance_drawn=0,
        chargeable_quantity=1 if is_fee else 0,
        unit="cycle" if is_fee else "",
        unit_price=price.model.unit_price(price.unit, amount.currency) if is_fee else "",
        exact_amount=exact,
        amount=amount,
        explanation=steps,
    )
