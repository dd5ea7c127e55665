"""A plan: prices and allowances in order, line discounts, one currency, one version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from billing.domain.discount import Discount
from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields
from billing.domain.rating.allowance import Allowance
from billing.domain.rating.bands import CompiledBands, compile_bands
from billing.domain.rating.price import PriceDefinition

_MOST_PRICES = 200
_MOST_ALLOWANCES = 50
_MOST_DISCOUNTS = 50


@dataclass(frozen=True, slots=True)
class LineDiscount:
    """A discount on the lines of one price (``price_code``), in the plan's currency."""

    price_code: str
    discount: Discount

    def to_dict(self) -> dict[str, object]:
        return {"price_code": self.price_code} | self.discount.to_dict()


@dataclass(frozen=True)
class PlanDefinition:
    """What a service costs. ``prices`` holds recurring fees and usage prices; both lists are in order of drawing."""

    code: str
    name: str
    currency: str
    prices: tuple[PriceDefinition, ...]
    allowances: tuple[Allowance, ...] = ()
    line_discounts: tuple[LineDiscount, ...] = ()
    version: int = 1

    @property
    def recurring_prices(self) -> tuple[PriceDefinition, ...]:
        """The fees per cycle."""
        return tuple(price for price in self.prices if price.is_recurring)

    @property
    def usage_prices(self) -> tuple[PriceDefinition, ...]:
        """The prices of usage, in the order in which allowances are drawn."""
        return tuple(price for price in self.prices if not price.is_recurring)

    @cached_property
    def bands(self) -> CompiledBands:
        """The compiled prefix tables; built once per plan object."""
        return compile_bands(self.usage_prices, self.allowances)

    def with_add_ons(self, allowances: Iterable[Allowance]) -> PlanDefinition:
        """The plan with add-on allowances, which are drawn after its own."""
        return replace(self, allowances=(*self.allowances, *allowances))

    @classmethod
    def from_dict(cls, data: object, path: str = "") -> PlanDefinition:
        """Read and check the JSON form. Raises InvalidValue with the dotted field, its value and the remedy."""
        fields = Fields(data, path)
        plan = cls(
            code=fields.code("code"),
            name=fields.text("name"),
            currency=fields.currency("currency"),
            prices=tuple(
                PriceDefinition.from_dict(item.rest(), item.path) for item in fields.objects("prices", _MOST_PRICES)
            ),
            allowances=tuple(
                Allowance.from_dict(item.rest(), item.path) for item in fields.objects("allowances", _MOST_ALLOWANCES)
            ),
            line_discounts=tuple(
                _read_line_discount(item) for item in fields.objects("line_discounts", _MOST_DISCOUNTS)
            ),
            version=fields.whole("version", 1, least=1),
        )
        fields.finish()
        _check(plan, fields)
        return plan

    def to_dict(self) -> dict[str, object]:
        """The JSON form; ``from_dict`` reads it back to an equal plan."""
        written: dict[str, object] = {
            "code": self.code,
            "name": self.name,
            "version": self.version,
            "currency": self.currency,
            "prices": [price.to_dict() for price in self.prices],
        }
        if self.allowances:
            written["allowances"] = [allowance.to_dict() for allowance in self.allowances]
        if self.line_discounts:
            written["line_discounts"] = [each.to_dict() for each in self.line_discounts]
        return written

    def validate(self) -> None:
        """Refuse a plan that was built by hand and could not have been read. Raises InvalidValue."""
        PlanDefinition.from_dict(self.to_dict())


def _read_line_discount(fields: Fields) -> LineDiscount:
    line_discount = LineDiscount(price_code=fields.code("price_code"), discount=Discount.read(fields))
    fields.finish()
    return line_discount


def _check(plan: PlanDefinition, fields: Fields) -> None:
    if not plan.prices:
        raise fields.refusal("prices", "A plan has at least one price.", "Add a recurring fee or a usage price.")
    _check_unique("prices", [price.code for price in plan.prices], fields)
    _check_unique("allowances", [allowance.code for allowance in plan.allowances], fields)
    _check_unique("line_discounts", [each.discount.code for each in plan.line_discounts], fields)
    _check_one_price_per_prefix(plan, fields)
    _check_allowances_meet_prices(plan, fields)
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
    """An event has one price: no prefix of a meter may be claimed twice."""
    claimed: dict[tuple[str, str], str] = {}
    for place, price in enumerate(plan.prices):
        for where, prefix in _claims(price):
            field = f"{fields.where('prices')}[{place}].{where}"
            earlier = claimed.setdefault((price.meter, prefix), field)
            if earlier != field:
                raise InvalidValue(
                    f"An event would have two prices: {earlier} claims the same {'prefix' if prefix else 'meter'}.",
                    field=field,
                    value=prefix or price.meter,
                    remedy="Keep it in one place, or tell the prices apart by prefixes.",
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


def _check_allowances_meet_prices(plan: PlanDefinition, fields: Fields) -> None:
    meters = {allowance.meter for allowance in plan.allowances}
    for place, price in enumerate(plan.prices):
        would_draw = price.draws_allowances and price.model.draws_allowance and price.meter in meters
        if price.round_each_event and would_draw:
            raise InvalidValue(
                "An allowance draws from totals and cannot know which rounded events it covers.",
                field=f"{fields.where('prices')}[{place}].round_each_event",
                value=True,
                remedy="Round per line, or set draws_allowances to false on this price.",
            )
    drawing = {price.meter for price in plan.usage_prices if price.can_draw}
    for place, allowance in enumerate(plan.allowances):
        if allowance.meter not in drawing:
            raise InvalidValue(
                "No price of this plan can draw from the allowance.",
                field=f"{fields.where('allowances')}[{place}].meter",
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
