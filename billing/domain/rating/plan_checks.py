"""What must hold for a plan as a whole: one price for each event, declared names, allowances that can be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields
from billing.domain.rating.allowance import Allowance
from billing.domain.rating.price import PriceDefinition
from billing.domain.rating.zones import HOME

if TYPE_CHECKING:
    from billing.domain.rating.plan import PlanDefinition


def check_plan(plan: PlanDefinition, fields: Fields) -> None:
    """Raises InvalidValue with the dotted field, its value and the remedy."""
    if not plan.prices:
        raise fields.refusal("prices", "A plan has at least one price.", "Add a recurring fee or a usage price.")
    _check_unique("prices", [price.code for price in plan.prices], fields)
    _check_unique("allowances", [allowance.code for allowance in plan.allowances], fields)
    _check_unique("add_ons", [allowance.code for allowance in (*plan.allowances, *plan.add_ons)], fields)
    _check_unique("line_discounts", [each.discount.code for each in plan.line_discounts], fields)
    _check_one_price_per_prefix(plan, fields)
    _check_declared_names(plan, fields)
    _check_allowances_meet_prices(plan, fields)
    _check_allowances_are_drawn("allowances", plan.allowances, plan, fields)
    _check_allowances_are_drawn("add_ons", plan.add_ons, plan, fields)
    _check_line_discounts(plan, fields)


def _check_unique(name: str, codes: list[str], fields: Fields) -> None:
    for place, code in enumerate(codes):
        if code in codes[:place]:
            raise InvalidValue(
                "This code is used twice.",
                field=f"{fields.where(name)}[{place}].code",
                value=code,
                remedy="Give each its own code.",
            )


def _check_one_price_per_prefix(plan: PlanDefinition, fields: Fields) -> None:
    """An event has one price: no prefix of a meter may be claimed twice in one zone and traffic class."""
    claimed: dict[tuple[str, str, str, str], str] = {}
    for place, price in enumerate(plan.prices):
        uses = [(zone, each) for zone in price.zones for each in price.traffic_classes or ("",)]
        for where, prefix in _claims(price):
            field = f"{fields.where('prices')}[{place}].{where}"
            for zone, traffic_class in uses:
                earlier = claimed.setdefault((price.meter, zone, traffic_class, prefix), field)
                if earlier != field:
                    what = "prefix" if prefix else "meter"
                    away = "" if zone == HOME else f" in the zone {zone}"
                    raise InvalidValue(
                        f"An event would have two prices: {earlier} claims the same {what}{away}.",
                        field=field,
                        value=prefix or price.meter,
                        remedy="Keep it in one place, or tell the prices apart by prefixes, zones or traffic classes.",
                    )


def _claims(price: PriceDefinition) -> Iterable[tuple[str, str]]:
    if price.is_recurring:
        return
    if price.model.has_base_rate and not price.prefixes:
        yield "meter", ""
    for place, prefix in enumerate(price.prefixes):
        yield f"prefixes[{place}]", prefix
    for group, destination in enumerate(price.destinations):
        for place, prefix in enumerate(destination.prefixes):
            yield f"destinations[{group}].prefixes[{place}]", prefix


def _check_declared_names(plan: PlanDefinition, fields: Fields) -> None:
    """Zones and time bands that prices and allowances name are the plan's."""
    zones = (HOME, *(zone.code for zone in plan.zones))
    named: dict[str, Sequence[PriceDefinition | Allowance]] = {
        "prices": plan.prices,
        "allowances": plan.allowances,
        "add_ons": plan.add_ons,
    }
    for kind, items in named.items():
        for place, each in enumerate(items):
            path = f"{fields.where(kind)}[{place}]"
            for number, zone in enumerate(each.zones):
                _refuse_unless(zone in zones, f"{path}.zones[{number}]", zone, "zones", zones)
            for where, code in _named_time_bands(each):
                known = plan.time_bands.codes
                _refuse_unless(code in known, f"{path}.{where}", code, "time_bands", known)


def _named_time_bands(each: PriceDefinition | Allowance) -> Iterable[tuple[str, str]]:
    if isinstance(each, Allowance):
        yield from ((f"time_bands[{number}]", code) for number, code in enumerate(each.time_bands))
        return
    yield from ((f"time_bands[{number}].band", code) for number, code in enumerate(each.time_bands.codes))
    for group, destination in enumerate(each.destinations):
        for number, code in enumerate(destination.time_bands.codes):
            yield f"destinations[{group}].time_bands[{number}].band", code


def _refuse_unless(known: bool, field: str, value: str, kind: str, choices: Sequence[str]) -> None:
    if not known:
        raise InvalidValue(
            f"The plan declares no such name under {kind}.",
            field=field,
            value=value,
            remedy=f"Declare it, or use one of: {', '.join(choices) or 'there is none yet'}.",
        )


def _check_allowances_meet_prices(plan: PlanDefinition, fields: Fields) -> None:
    meters = {allowance.meter for allowance in (*plan.allowances, *plan.add_ons)}
    for place, price in enumerate(plan.prices):
        would_draw = price.draws_allowances and price.model.draws_allowance and price.meter in meters
        if price.round_each_event and would_draw:
            raise InvalidValue(
                "An allowance draws from totals and cannot know which rounded events it covers.",
                field=f"{fields.where('prices')}[{place}].round_each_event",
                value=True,
                remedy="Round per line, or set draws_allowances to false on this price.",
            )


def _check_allowances_are_drawn(
    kind: str, allowances: Sequence[Allowance], plan: PlanDefinition, fields: Fields
) -> None:
    drawing = {price.meter for price in plan.usage_prices if price.can_draw}
    for place, allowance in enumerate(allowances):
        if kind == "add_ons" and allowance.rollover:
            raise InvalidValue(
                "An add-on lasts as long as it is bought for.",
                field=f"{fields.where(kind)}[{place}].rollover",
                value=allowance.rollover.to_dict(),
                remedy="Leave rollover out; the purchase says for how many cycles.",
            )
        if allowance.meter not in drawing:
            raise InvalidValue(
                "No price of this plan can draw from the allowance.",
                field=f"{fields.where(kind)}[{place}].meter",
                value=allowance.meter,
                remedy=f"Use a meter with a price by quantity: {', '.join(sorted(drawing)) or 'there is none yet'}.",
            )


def _check_line_discounts(plan: PlanDefinition, fields: Fields) -> None:
    codes = {price.code for price in plan.prices}
    named: set[tuple[str, str]] = set()
    for place, each in enumerate(plan.line_discounts):
        where = f"{fields.where('line_discounts')}[{place}]"
        if each.price_code not in codes:
            raise InvalidValue(
                "The plan has no such price.",
                field=f"{where}.price_code",
                value=each.price_code,
                remedy=f"Use one of: {', '.join(sorted(codes))}.",
            )
        if each.discount.currency not in ("", plan.currency):
            raise InvalidValue(
                "A line discount is in the plan's currency.",
                field=f"{where}.currency",
                value=each.discount.currency,
                remedy=f"Leave it out, or use {plan.currency}.",
            )
        if (each.price_code, each.discount.name) in named:
            raise InvalidValue(
                "Two discounts on one price have the same name, and their lines could not be told apart.",
                field=f"{where}.name",
                value=each.discount.name,
                remedy="Give each its own name.",
            )
        named.add((each.price_code, each.discount.name))
