"""Zero-rated: usage that is counted and shown, costs nothing and draws no allowance."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.domain.fields import Fields
from billing.domain.rating.model import Charge, ChargedUsage, PriceModel, Unit


@dataclass(frozen=True, slots=True)
class ZeroRated(PriceModel):
    """Has no rate: declared for what is free on purpose, such as a class of traffic or a short number."""

    kind: ClassVar[str] = "zero_rated"
    is_free: ClassVar[bool] = True

    @classmethod
    def read(cls, fields: Fields) -> ZeroRated:
        return cls()

    def to_dict(self) -> dict[str, object]:
        return {}

    def charge(self, usage: ChargedUsage) -> Charge:
        step = f"zero-rated: {usage.unit.quantity(usage.quantity)} counted, not charged, no allowance drawn"
        return Charge(Decimal(0), (step,))

    def unit_price(self, unit: Unit, currency: str) -> str:
        return "free of charge"
