"""Package: usage is sold in blocks; a started block is charged whole."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.domain.fields import Fields
from billing.domain.rating.model import Charge, ChargedUsage, PriceModel, Unit, base_rate, money_text


@dataclass(frozen=True, slots=True)
class Package(PriceModel):
    """``rate`` in whole currency units per started block; the price's unit size is the size of the block."""

    rate: Decimal | None
    kind: ClassVar[str] = "package"
    draws_allowance: ClassVar[bool] = True
    takes_destinations: ClassVar[bool] = True

    @classmethod
    def read(cls, fields: Fields) -> Package:
        return cls(rate=base_rate(fields))

    def to_dict(self) -> dict[str, object]:
        return {} if self.rate is None else {"rate": str(self.rate)}

    @property
    def has_base_rate(self) -> bool:
        return self.rate is not None

    def at_rate(self, rate: Decimal) -> Package:
        return Package(rate)

    def charge(self, usage: ChargedUsage) -> Charge:
        rate = self.rate or Decimal(0)
        blocks = -(-usage.quantity // usage.unit.size)
        amount = rate * blocks
        return Charge(
            amount,
            (
                f"{usage.unit.quantity(usage.quantity)} in blocks of {usage.unit.size} = {blocks} started blocks",
                f"{blocks} x {money_text(rate, usage.currency)} = {money_text(amount, usage.currency)}",
            ),
        )

    def unit_price(self, unit: Unit, currency: str) -> str:
        return f"{money_text(self.rate or Decimal(0), currency)} per started {unit.name}"
