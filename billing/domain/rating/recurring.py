"""Recurring: one fee per cycle, whatever is used."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.domain.fields import Fields
from billing.domain.rating.model import Charge, ChargedUsage, PriceModel, Unit, money_text


@dataclass(frozen=True, slots=True)
class Recurring(PriceModel):
    """``fee`` in whole currency units, once per cycle."""

    fee: Decimal
    kind: ClassVar[str] = "recurring"

    @classmethod
    def read(cls, fields: Fields) -> Recurring:
        return cls(fee=fields.amount("fee"))

    def to_dict(self) -> dict[str, object]:
        return {"fee": str(self.fee)}

    def charge(self, usage: ChargedUsage) -> Charge:
        return Charge(self.fee, (f"1 cycle x {money_text(self.fee, usage.currency)}",))

    def unit_price(self, unit: Unit, currency: str) -> str:
        return f"{money_text(self.fee, currency)} per cycle"
