"""A plan in plain words: what a customer pays, what is included, and what one version changes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.domain.rating.allowance import Allowance, Rollover
from billing.domain.rating.destinations import Destination
from billing.domain.rating.increments import Increments
from billing.domain.rating.model import Unit, money_text
from billing.domain.rating.plan import LineDiscount, PlanDefinition
from billing.domain.rating.price import STANDARD_TAX, PriceDefinition
from billing.domain.rating.time_bands import TimeRate
from billing.domain.rating.zones import HOME

_MOST_PREFIXES = 6


@dataclass(frozen=True, slots=True)
class Said:
    """One thing of a plan: its ``name``, what it costs or gives, and further terms. ``key`` tells it among versions."""

    key: str
    name: str
    says: str
    terms: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """All of it in one sentence."""
        return f"{self.name}: {'; '.join((self.says, *self.terms))}"


@dataclass(frozen=True, slots=True)
class PlanInWords:
    """What a customer pays every cycle, for usage, what is included, what can be bought, and what comes off."""

    fees: tuple[Said, ...]
    usage: tuple[Said, ...]
    included: tuple[Said, ...]
    add_ons: tuple[Said, ...]
    discounts: tuple[Said, ...]

    @property
    def all(self) -> Sequence[Said]:
        """Everything, in this order."""
        return (*self.fees, *self.usage, *self.included, *self.add_ons, *self.discounts)


def plan_in_words(plan: PlanDefinition) -> PlanInWords:
    """The plan as a customer would be told it."""
    return PlanInWords(
        fees=tuple(_price(plan, each) for each in plan.recurring_prices),
        usage=tuple(_price(plan, each) for each in plan.usage_prices),
        included=tuple(_allowance(plan, each, "included") for each in plan.allowances),
        add_ons=tuple(_allowance(plan, each, "add-on") for each in plan.add_ons),
        discounts=tuple(_discount(plan, each) for each in plan.line_discounts),
    )


def plan_changes_in_words(before: PlanDefinition, after: PlanDefinition) -> list[str]:
    """What a later version changes for a customer, one sentence each; empty where both cost the same."""
    old, new = (_by_key(plan) for plan in (before, after))
    found = [f"The name {before.name} becomes {after.name}."] if before.name != after.name else []
    for key in dict.fromkeys((*new, *old)):
        found += _changed(old.get(key), new.get(key))
    if not found and list(old) != list(new):
        found.append("The order in which prices and allowances are drawn changes.")
    if before.on_change != after.on_change:
        rule = f"fees {after.on_change.fees.value}, allowances {after.on_change.allowances.value}"
        found.append(f"A change to this plan within a cycle now shares {rule}.".replace("_", " "))
    if before.time_bands != after.time_bands:
        found.append("The times of day that prices depend on change.")
    if before.zones != after.zones:
        found.append("The places of the roaming zones change.")
    return found


def _by_key(plan: PlanDefinition) -> Mapping[str, Said]:
    return {said.key: said for said in plan_in_words(plan).all}


def _changed(old: Said | None, new: Said | None) -> Iterator[str]:
    if old is None or new is None:
        if new is not None:
            yield f"New: {new.whole}."
        elif old is not None:
            yield f"No longer: {old.whole}."
        return
    if old.name != new.name:
        yield f"{old.name} is called {new.name}."
    if old.says != new.says:
        yield f"{new.name}: {old.says} becomes {new.says}."
    gone = [term for term in old.terms if term not in new.terms]
    come = [term for term in new.terms if term not in old.terms]
    if gone or come:
        yield f"{new.name}: {'; '.join(gone) or 'without further terms'} becomes {'; '.join(come) or 'no longer so'}."


def _price(plan: PlanDefinition, price: PriceDefinition) -> Said:
    says = price.model.unit_price(price.unit, plan.currency)
    if not price.model.has_base_rate:
        says = "by destination"
    return Said(f"price {price.code}", price.name, says, tuple(_price_terms(plan, price)))


def _price_terms(plan: PlanDefinition, price: PriceDefinition) -> Iterator[str]:
    currency = plan.currency
    if price.increments != Increments():
        first, then = price.increments.initial, price.increments.further
        counted = f"by {then}" if first == then else f"at least {first}, then by {then}"
        yield f"counted {counted} {Unit.of(price.meter, 1).quantity(2).partition(' ')[2]}"
    if price.connection_fee:
        yield f"{money_text(price.connection_fee, currency)} for each connection"
    yield from _rates_by_time(plan, price.time_bands.rates, price.unit, "")
    for each in price.destinations:
        yield from _destination(plan, price, each)
    if price.prefixes:
        yield f"only to numbers that begin with {_some(price.prefixes)}"
    if price.zones != (HOME,):
        yield f"used in {', '.join(plan.zone_name(zone) for zone in price.zones)}"
    if price.traffic_classes:
        yield f"for {', '.join(price.traffic_classes)} only"
    for word, limit in (("at least", price.minimum), ("at most", price.maximum)):
        if limit is not None:
            yield f"{word} {money_text(limit, currency)} per cycle"
    if price.tax_code != STANDARD_TAX:
        yield f"taxed as {price.tax_code}"
    if not price.is_recurring and not price.can_draw and plan.allowances:
        yield "outside of what is included"


def _destination(plan: PlanDefinition, price: PriceDefinition, each: Destination) -> Iterator[str]:
    rate = price.model.at_rate(each.rate).unit_price(price.unit, plan.currency)
    fee = "" if each.connection_fee is None else f" and {money_text(each.connection_fee, plan.currency)} to connect"
    yield f"{each.name} ({_some(each.prefixes)}): {rate}{fee}"
    yield from _rates_by_time(plan, each.time_bands.rates, price.unit, f"{each.name}, ")


def _rates_by_time(plan: PlanDefinition, rates: Sequence[TimeRate], unit: Unit, where: str) -> Iterator[str]:
    names = {band.code: band.name for band in plan.time_bands.bands}
    for timed in rates:
        name = names.get(timed.band, timed.band)
        yield f"{where}{name}: {money_text(timed.rate, plan.currency)} per {unit.name}"


def _some(prefixes: Sequence[str]) -> str:
    shown = ", ".join(prefixes[:_MOST_PREFIXES])
    left = len(prefixes) - _MOST_PREFIXES
    return f"{shown} and {left} more" if left > 0 else shown


def _allowance(plan: PlanDefinition, each: Allowance, kind: str) -> Said:
    says = f"{Unit.of(each.meter, 1).quantity(each.quantity)} per cycle"
    return Said(f"{kind} {each.code}", each.name, says, tuple(_allowance_terms(plan, each)))


def _allowance_terms(plan: PlanDefinition, each: Allowance) -> Iterator[str]:
    if each.shared:
        yield "shared by all lines of the account"
    if each.prefixes:
        yield f"to numbers that begin with {_some(each.prefixes)}"
    if each.zones != (HOME,):
        yield f"used in {', '.join(plan.zone_name(zone) for zone in each.zones)}"
    if each.traffic_classes:
        yield f"for {', '.join(each.traffic_classes)} only"
    if each.time_bands:
        names = {band.code: band.name for band in plan.time_bands.bands}
        yield f"at {', '.join(names.get(band, band) for band in each.time_bands)} only"
    if each.rollover is not None:
        yield _rollover(each, each.rollover)


def _rollover(each: Allowance, rollover: Rollover) -> str:
    cycles = "the next cycle" if rollover.cycles == 1 else f"the next {rollover.cycles} cycles"
    cap = rollover.cap(each.quantity)
    most = "" if cap is None else f", at most {Unit.of(each.meter, 1).quantity(cap)}"
    return f"what is left may be used in {cycles}{most}"


def _discount(plan: PlanDefinition, each: LineDiscount) -> Said:
    discount = each.discount
    off = f"{discount.percent} % off" if discount.percent is not None else _amount_off(discount.amount, plan.currency)
    named = next((price.name for price in plan.prices if price.code == each.price_code), each.price_code)
    terms = [f"of {named}"]
    if discount.valid_from:
        terms.append(f"from {discount.valid_from.isoformat()}")
    if discount.valid_to:
        terms.append(f"up to {discount.valid_to.isoformat()}")
    if discount.minimum_subtotal is not None:
        terms.append(f"from {money_text(discount.minimum_subtotal, plan.currency)} on")
    return Said(f"discount {each.price_code} {discount.code}", discount.name, off, tuple(terms))


def _amount_off(amount: Decimal | None, currency: str) -> str:
    return f"{money_text(amount or Decimal(0), currency)} off"
