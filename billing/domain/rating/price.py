"""A price: a model, and what holds for every model (meter, unit, increments, connection fee, destinations, limits)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from billing.domain.fields import Fields
from billing.domain.rating.destinations import Destination, read_destinations
from billing.domain.rating.flat import Flat
from billing.domain.rating.graduated import Graduated
from billing.domain.rating.increments import Increments
from billing.domain.rating.model import PriceModel, Unit
from billing.domain.rating.package import Package
from billing.domain.rating.per_event import PerEvent
from billing.domain.rating.per_unit import PerUnit
from billing.domain.rating.percentage import Percentage
from billing.domain.rating.recurring import Recurring
from billing.domain.rating.volume import Volume

PRICE_MODELS: dict[str, type[PriceModel]] = {
    model.kind: model for model in (Recurring, Flat, PerUnit, Graduated, Volume, Package, Percentage, PerEvent)
}
STANDARD_TAX = "standard"


@dataclass(frozen=True, slots=True)
class PriceDefinition:
    """One price of a plan. Rates and limits are decimals in whole units of the plan's currency.

    ``meter`` is what it prices (empty for a recurring fee); ``unit_size`` how many of the meter's own units a rate is
    for; ``prefixes`` limit it to destinations (empty: all); ``destinations`` carry rates of their own, and a call goes
    to the longest prefix; ``minimum`` and ``maximum`` bound its amount per cycle; ``connection_fee`` is charged per
    event whether or not an allowance covers its quantity; ``round_each_event`` rounds every event to the minor unit
    instead of the line once.
    """

    code: str
    name: str
    model: PriceModel
    meter: str = ""
    unit_size: int = 1
    unit_name: str = ""
    increments: Increments = field(default_factory=Increments)
    connection_fee: Decimal = Decimal(0)
    prefixes: tuple[str, ...] = ()
    destinations: tuple[Destination, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    tax_code: str = STANDARD_TAX
    draws_allowances: bool = True
    round_each_event: bool = False

    @property
    def is_recurring(self) -> bool:
        """True for a fee per cycle."""
        return isinstance(self.model, Recurring)

    @property
    def unit(self) -> Unit:
        """What a rate is for."""
        return Unit.of(self.meter, self.unit_size, self.unit_name)

    @property
    def can_draw(self) -> bool:
        """True when allowances may cover its quantity: not when each event is rounded on its own."""
        return self.draws_allowances and self.model.draws_allowance and not self.round_each_event

    @property
    def is_priced_per_event(self) -> bool:
        """True when each event has an amount of its own, which the counter sums."""
        return self.round_each_event or isinstance(self.model, Percentage)

    def model_for(self, destination: Destination | None) -> PriceModel:
        """The model at the rate of a destination, or at the base rate."""
        return self.model if destination is None else self.model.at_rate(destination.rate)

    def connection_fee_for(self, destination: Destination | None) -> Decimal:
        """The fee per event towards a destination."""
        if destination is None or destination.connection_fee is None:
            return self.connection_fee
        return destination.connection_fee

    @classmethod
    def from_dict(cls, data: object, path: str = "") -> PriceDefinition:
        """Read the JSON form. Raises InvalidValue with the dotted field under ``path``, its value and the remedy."""
        fields = Fields(data, path)
        model_type = PRICE_MODELS[fields.one_of("model", PRICE_MODELS)]
        model = model_type.read(fields)
        price = _read_recurring(fields, model) if model_type is Recurring else _read_usage_price(fields, model)
        fields.finish()
        return price

    def to_dict(self) -> dict[str, object]:
        """The JSON form, without options that have their default."""
        written: dict[str, object] = {"code": self.code, "name": self.name, "model": self.model.kind}
        written |= self.model.to_dict()
        options: dict[str, tuple[object, object]] = {
            "meter": (self.meter, ""),
            "unit_size": (self.unit_size, 1),
            "unit_name": (self.unit_name, ""),
            "increments": (str(self.increments), "1/1"),
            "connection_fee": (str(self.connection_fee), "0"),
            "prefixes": (list(self.prefixes), []),
            "destinations": ([each.to_dict() for each in self.destinations], []),
            "minimum": (None if self.minimum is None else str(self.minimum), None),
            "maximum": (None if self.maximum is None else str(self.maximum), None),
            "tax_code": (self.tax_code, STANDARD_TAX),
            "draws_allowances": (self.draws_allowances, True),
            "round_each_event": (self.round_each_event, False),
        }
        return written | {name: value for name, (value, usual) in options.items() if value != usual}


def _read_recurring(fields: Fields, model: PriceModel) -> PriceDefinition:
    code = fields.code("code")
    return PriceDefinition(
        code=code, name=fields.text("name", code), model=model, tax_code=fields.code("tax_code", STANDARD_TAX)
    )


def _read_usage_price(fields: Fields, model: PriceModel) -> PriceDefinition:
    code = fields.code("code")
    price = PriceDefinition(
        code=code,
        name=fields.text("name", code),
        model=model,
        meter=fields.code("meter"),
        unit_size=fields.whole("unit_size", 1, least=1),
        unit_name=fields.text("unit_name", "", longest=40),
        increments=Increments.read(fields),
        connection_fee=fields.amount("connection_fee", Decimal(0)),
        prefixes=fields.prefixes("prefixes"),
        destinations=read_destinations(fields),
        minimum=fields.optional_amount("minimum"),
        maximum=fields.optional_amount("maximum"),
        tax_code=fields.code("tax_code", STANDARD_TAX),
        draws_allowances=fields.flag("draws_allowances", True),
        round_each_event=fields.flag("round_each_event", False),
    )
    _check_options(fields, price)
    return price


def _check_options(fields: Fields, price: PriceDefinition) -> None:
    kind = price.model.kind
    if price.destinations and not price.model.takes_destinations:
        able = [name for name, model in PRICE_MODELS.items() if model.takes_destinations]
        raise fields.refusal(
            "destinations", f"A {kind} price has no rates per destination.", f"Use one of: {', '.join(able)}."
        )
    if price.round_each_event and not price.model.may_round_each_event:
        able = [name for name, model in PRICE_MODELS.items() if model.may_round_each_event]
        raise fields.refusal(
            "round_each_event", f"A {kind} price depends on the total.", f"Leave it out, or use: {', '.join(able)}."
        )
    if price.prefixes and not price.model.has_base_rate:
        raise fields.refusal("prefixes", "These prefixes have no rate.", "Give rate, or move them to destinations.")
    if price.minimum is not None and price.maximum is not None and price.maximum < price.minimum:
        raise fields.refusal("maximum", "The maximum is below the minimum.", f"Use at least {price.minimum}.")
