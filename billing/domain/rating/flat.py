"""Flat: one fee for the cycle in which there is any usage beyond allowances."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.domain.fields import Fields
from billing.domain.rating.model import Charge, ChargedUsage, PriceModel, Unit, money_text


@dataclass(frozen=True, slots=True)
class Flat(PriceModel):
    """``fee`` in whole currency units, at most once per cycle."""

    fee: Decimal
    kind: ClassVar[str] = "flat"
    draws_allowance: ClassVar[bool] = True

    @classmethod
    def read(cls, fields: Fields) -> Flat:
        return cls(fee=fields.amount("fee"))

    def to_dict(self) -> dict[str, object]:
        return {"fee": str(self.fee)}

    def charge(self, usage: ChargedUsage) -> Charge:
        if usage.quantity <= 0:
            return Charge(Decimal(0), ("no usage to charge, no flat fee",))
        step = f"{usage.unit.quantity(usage.quantity)} used: flat fee {money_text(self.fee, usage.currency)}"
        return Charge(self.fee, (step,))

    def unit_price(self, unit: Unit, currency: str) -> str:
        return f"{money_text(self.fee, currency)} flat when used"
