"""Per unit: a rate for every unit, in proportion to the part of a unit used (increments decide how finely)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.domain.fields import Fields
from billing.domain.rating.model import Charge, ChargedUsage, PriceModel, Unit, base_rate, money_text


@dataclass(frozen=True, slots=True)
class PerUnit(PriceModel):
    """``rate`` in whole currency units per unit; None when only destinations carry rates."""

    rate: Decimal | None
    kind: ClassVar[str] = "per_unit"
    draws_allowance: ClassVar[bool] = True
    takes_destinations: ClassVar[bool] = True
    may_round_each_event: ClassVar[bool] = True

    @classmethod
    def read(cls, fields: Fields) -> PerUnit:
        return cls(rate=base_rate(fields))

    def to_dict(self) -> dict[str, object]:
        return {} if self.rate is None else {"rate": str(self.rate)}

    @property
    def has_base_rate(self) -> bool:
        return self.rate is not None

    def at_rate(self, rate: Decimal) -> PerUnit:
        return PerUnit(rate)

    def charge(self, usage: ChargedUsage) -> Charge:
        rate = self.rate or Decimal(0)
        # One division, last: a sum of rounded quotients could miss an exact half cent.
        amount = rate * usage.quantity / usage.unit.size
        rate_text, amount_text = money_text(rate, usage.currency), money_text(amount, usage.currency)
        return Charge(amount, (f"{usage.unit.in_units(usage.quantity)} x {rate_text} = {amount_text}",))

    def unit_price(self, unit: Unit, currency: str) -> str:
        return f"{money_text(self.rate or Decimal(0), currency)} per {unit.name}"
