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
from billing.domain.rating.time_bands import TimeRate, TimeRates
from billing.domain.rating.volume import Volume
from billing.domain.rating.zero_rated import ZeroRated
from billing.domain.rating.zones import HOME, read_zone_codes

PRICE_MODELS: dict[str, type[PriceModel]] = {
    model.kind: model
    for model in (Recurring, Flat, PerUnit, Graduated, Volume, Package, Percentage, PerEvent, ZeroRated)
}
STANDARD_TAX = "standard"


@dataclass(frozen=True, slots=True)
class PriceDefinition:
    """One price of a plan. Rates and limits are decimals in whole units of the plan's currency.

    ``meter`` is what it prices (empty for a recurring fee); ``unit_size`` how many of the meter's own units a rate is
    for; ``prefixes`` limit it to destinations (empty: all); ``destinations`` carry rates of their own, and a call goes
    to the longest prefix; ``time_bands`` carry rates by time of day; ``zones`` and ``traffic_classes`` limit it to
    where usage happened (home unless told otherwise) and to special traffic (empty: all); ``minimum`` and ``maximum``
    bound its amount per cycle; ``connection_fee`` is charged per event whether or not an allowance covers its quantity;
    ``round_each_event`` rounds every event to the minor unit instead of the line once.
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
    time_bands: TimeRates = field(default_factory=TimeRates)
    zones: tuple[str, ...] = (HOME,)
    traffic_classes: tuple[str, ...] = ()
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
        return self.round_each_event or type(self.model) is Percentage

    def time_rates_for(self, destination: Destination | None) -> TimeRates:
        """The rates by time band of a destination, or of the base rate."""
        return self.time_bands if destination is None else destination.time_bands

    def model_for(self, destination: Destination | None, time_band: str = "") -> PriceModel:
        """The model at the rate of a destination, or at the base rate, in a time band."""
        timed = self._timed(destination, time_band)
        if timed is not None:
            return self.model.at_rate(timed.rate)
        return self.model if destination is None else self.model.at_rate(destination.rate)

    def connection_fee_for(self, destination: Destination | None, time_band: str = "") -> Decimal:
        """The fee per event towards a destination that begins in a time band."""
        timed = self._timed(destination, time_band)
        for level in (timed, destination):
            if level is not None and level.connection_fee is not None:
                return level.connection_fee
        return self.connection_fee

    def _timed(self, destination: Destination | None, time_band: str) -> TimeRate | None:
        return self.time_rates_for(destination).of(time_band) if time_band else None

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
            "time_bands": (self.time_bands.to_list(), []),
            "zones": (list(self.zones), [HOME]),
            "traffic_classes": (list(self.traffic_classes), []),
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
        time_bands=TimeRates.read(fields),
        zones=read_zone_codes(fields),
        traffic_classes=fields.codes("traffic_classes"),
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
    _check_rates(fields, price)
    if price.round_each_event and not price.model.may_round_each_event:
        able = [name for name, model in PRICE_MODELS.items() if model.may_round_each_event]
        raise fields.refusal(
            "round_each_event", f"A {kind} price depends on the total.", f"Leave it out, or use: {', '.join(able)}."
        )
    charged = [name for name in ("connection_fee", "minimum") if getattr(price, name)]
    if price.model.is_free and charged:
        raise fields.refusal(charged[0], f"A {kind} price charges nothing.", f"Leave {charged[0]} out.")
    if price.prefixes and not price.model.has_base_rate:
        raise fields.refusal("prefixes", "These prefixes have no rate.", "Give rate, or move them to destinations.")
    if price.minimum is not None and price.maximum is not None and price.maximum < price.minimum:
        raise fields.refusal("maximum", "The maximum is below the minimum.", f"Use at least {price.minimum}.")


def _check_rates(fields: Fields, price: PriceDefinition) -> None:
    """Rates by destination or by time need a model with one rate, and a base rate by time needs a base rate."""
    able = [name for name, model in PRICE_MODELS.items() if model.takes_destinations]
    given = {"destinations": price.destinations, "time_bands": price.time_bands}
    for name, rates in given.items():
        if rates and not price.model.takes_destinations:
            what = name.removesuffix("s").replace("_", " ")
            raise fields.refusal(
                name, f"A {price.model.kind} price has no rates per {what}.", f"Use one of: {', '.join(able)}."
            )
    if price.time_bands and not price.model.has_base_rate:
        raise fields.refusal(
            "time_bands", "There is no base rate to differ from.", "Give rate, or move them to destinations."
        )
