"""A plan: prices and allowances in order, line discounts, one currency, one version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from billing.domain.discount import Discount
from billing.domain.fields import Fields
from billing.domain.rating.allowance import Allowance
from billing.domain.rating.bands import CompiledBands
from billing.domain.rating.meters import Counts, MeterDisplay, read_meters, written_meters
from billing.domain.rating.on_change import OnChange, Share
from billing.domain.rating.plan_checks import check_plan
from billing.domain.rating.price import PriceDefinition
from billing.domain.rating.time_bands import TimeBands, read_time_bands
from billing.domain.rating.timetable import Timetable
from billing.domain.rating.zones import Zone, read_zones

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
    """What a service costs. ``prices`` holds recurring fees and usage prices; both lists are in order of drawing.

    ``add_ons`` are allowances that can be bought for a service; ``time_bands`` and ``zones`` are what its prices and
    allowances call times and places; ``on_change`` rules the cycle in which a service moves to it; ``meters`` say how
    quantities are shown.
    """

    code: str
    name: str
    currency: str
    prices: tuple[PriceDefinition, ...]
    allowances: tuple[Allowance, ...] = ()
    line_discounts: tuple[LineDiscount, ...] = ()
    version: int = 1
    time_bands: TimeBands = field(default_factory=TimeBands)
    zones: tuple[Zone, ...] = ()
    add_ons: tuple[Allowance, ...] = ()
    on_change: OnChange = field(default_factory=OnChange)
    meters: dict[str, MeterDisplay] = field(default_factory=dict, hash=False)

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
        """The compiled prefix tables; built once per plan object. Add-ons that may be bought cut them too."""
        return CompiledBands(self.code, self.usage_prices, (*self.allowances, *self.add_ons), self.zones)

    @cached_property
    def timetable(self) -> Timetable:
        """The compiled time bands; built once per plan object. Raises InvalidValue when they have no time zone."""
        return Timetable(self.time_bands)

    def display(self, meter: str) -> MeterDisplay:
        """How quantities of a meter are shown: as the plan says, else as the units of its prices or its name tell."""
        if meter in self.meters:
            return self.meters[meter]
        sizes = {one.unit_name: one.unit_size for one in self.prices if one.meter == meter}
        for unit, size in sizes.items():
            shown = MeterDisplay.by_unit(unit)
            # A meter that itself counts minutes has prices per minute too: the size of the unit says which it is.
            if shown.counts is not Counts.PIECES and shown.unit_name(size).casefold() == unit.casefold():
                return shown
        return MeterDisplay.by_name(meter)

    def zone_name(self, code: str) -> str:
        """What a zone is called."""
        return next((zone.name for zone in self.zones if zone.code == code), code)

    def in_time_zone(self, time_zone: str) -> PlanDefinition:
        """The plan with its time bands in this zone, unless they have one."""
        return replace(self, time_bands=self.time_bands.in_zone(time_zone))

    def with_add_ons(self, allowances: Iterable[Allowance]) -> PlanDefinition:
        """The plan with more allowances of its own, which are drawn after the others."""
        return replace(self, allowances=(*self.allowances, *allowances))

    def part(self, share: Share) -> PlanDefinition:
        """The plan as it counts for a part of a cycle: that part of its allowances and of its minimum charges.

        A maximum stays whole, because it protects; fees are shared where they are charged.
        """
        if share.is_whole:
            return self
        part = replace(
            self,
            prices=tuple(
                price if price.minimum is None else replace(price, minimum=share.of(price.minimum))
                for price in self.prices
            ),
            allowances=tuple(replace(each, quantity=share.of_quantity(each.quantity)) for each in self.allowances),
        )
        part.__dict__["bands"] = self.bands  # quantities do not cut bands, and compiling 20,000 prefixes takes a while
        return part

    @classmethod
    def from_dict(cls, data: object, path: str = "") -> PlanDefinition:
        """Read and check the JSON form. Raises InvalidValue with the dotted field, its value and the remedy."""
        fields = Fields(data, path)
        meters = read_meters(fields)
        plan = cls(
            code=fields.code("code"),
            name=fields.text("name"),
            currency=fields.currency("currency"),
            prices=tuple(
                _named(PriceDefinition.from_dict(item.rest(), item.path), meters)
                for item in fields.objects("prices", _MOST_PRICES)
            ),
            allowances=tuple(
                Allowance.from_dict(item.rest(), item.path) for item in fields.objects("allowances", _MOST_ALLOWANCES)
            ),
            line_discounts=tuple(
                _read_line_discount(item) for item in fields.objects("line_discounts", _MOST_DISCOUNTS)
            ),
            version=fields.whole("version", 1, least=1),
            time_bands=read_time_bands(fields),
            zones=read_zones(fields),
            add_ons=tuple(
                Allowance.from_dict(item.rest(), item.path) for item in fields.objects("add_ons", _MOST_ALLOWANCES)
            ),
            on_change=OnChange.read(fields),
            meters=meters,
        )
        fields.finish()
        check_plan(plan, fields)
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
        lists: dict[str, Sequence[Allowance | LineDiscount | Zone]] = {
            "allowances": self.allowances,
            "line_discounts": self.line_discounts,
            "zones": self.zones,
            "add_ons": self.add_ons,
        }
        written |= {name: [each.to_dict() for each in items] for name, items in lists.items() if items}
        if self.meters:
            written["meters"] = written_meters(self.meters)
        if self.time_bands.bands:
            written["time_bands"] = self.time_bands.to_dict()
        if self.on_change != OnChange():
            written["on_change"] = self.on_change.to_dict()
        return written

    def validate(self) -> None:
        """Refuse a plan that was built by hand and could not have been read. Raises InvalidValue."""
        PlanDefinition.from_dict(self.to_dict())


def _named(price: PriceDefinition, meters: dict[str, MeterDisplay]) -> PriceDefinition:
    """The price with its unit named after what its meter counts, unless it has a name of its own."""
    if price.unit_name or price.meter not in meters:
        return price
    return replace(price, unit_name=meters[price.meter].unit_name(price.unit_size))


def _read_line_discount(fields: Fields) -> LineDiscount:
    line_discount = LineDiscount(price_code=fields.code("price_code"), discount=Discount.read(fields))
    fields.finish()
    return line_discount
