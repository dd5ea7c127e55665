"""Volume: the total decides the tier, and that tier's rate holds for every unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from billing.domain.fields import Fields
from billing.domain.rating.model import Charge, ChargedUsage, PriceModel, Unit, money_text
from billing.domain.rating.tiers import Tier, read_tiers, tiers_text


@dataclass(frozen=True, slots=True)
class Volume(PriceModel):
    """Rising tiers; the last one is open. A total equal to a limit still belongs to that tier."""

    tiers: tuple[Tier, ...]
    kind: ClassVar[str] = "volume"
    draws_allowance: ClassVar[bool] = True

    @classmethod
    def read(cls, fields: Fields) -> Volume:
        return cls(tiers=read_tiers(fields))

    def to_dict(self) -> dict[str, object]:
        return {"tiers": [tier.to_dict() for tier in self.tiers]}

    def charge(self, usage: ChargedUsage) -> Charge:
        tier = self._tier_of(usage.quantity, usage.unit)
        amount = tier.rate * usage.quantity / usage.unit.size
        name = "above all limits" if tier.up_to is None else f"up to {tier.up_to}"
        rate_text, amount_text = money_text(tier.rate, usage.currency), money_text(amount, usage.currency)
        step = f"total in tier {name}: {usage.unit.in_units(usage.quantity)} x {rate_text} = {amount_text}"
        return Charge(amount, (step,))

    def _tier_of(self, quantity: int, unit: Unit) -> Tier:
        for tier in self.tiers:
            limit = tier.limit(unit)
            if limit is None or quantity <= limit:
                return tier
        return self.tiers[-1]

    def unit_price(self, unit: Unit, currency: str) -> str:
        return f"{tiers_text(self.tiers, unit, currency)}, by the total"
