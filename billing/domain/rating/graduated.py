"""Graduated: each unit is charged at the rate of the tier it falls into, so the amount has no jumps."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.domain.fields import Fields
from billing.domain.rating.model import Charge, ChargedUsage, PriceModel, Unit, money_text
from billing.domain.rating.tiers import Tier, read_tiers, tiers_text


@dataclass(frozen=True, slots=True)
class Graduated(PriceModel):
    """Rising tiers; the last one is open."""

    tiers: tuple[Tier, ...]
    kind: ClassVar[str] = "graduated"
    draws_allowance: ClassVar[bool] = True

    @classmethod
    def read(cls, fields: Fields) -> Graduated:
        return cls(tiers=read_tiers(fields))

    def to_dict(self) -> dict[str, object]:
        return {"tiers": [tier.to_dict() for tier in self.tiers]}

    def charge(self, usage: ChargedUsage) -> Charge:
        weighted, steps = Decimal(0), []
        for tier, quantity in self._split(usage.quantity, usage.unit):
            weighted += tier.rate * quantity
            steps.append(_step(tier, quantity, usage))
        # One division, last: a sum of rounded quotients could miss an exact half cent.
        amount = weighted / usage.unit.size
        if len(steps) > 1:
            steps.append(f"sum of tiers = {money_text(amount, usage.currency)}")
        return Charge(amount, tuple(steps) or ("no usage to charge",))

    def _split(self, quantity: int, unit: Unit) -> list[tuple[Tier, int]]:
        parts, lower = [], 0
        for tier in self.tiers:
            limit = tier.limit(unit)
            upper = quantity if limit is None else min(quantity, limit)
            if upper > lower:
                parts.append((tier, upper - lower))
                lower = upper
        return parts

    def unit_price(self, unit: Unit, currency: str) -> str:
        return tiers_text(self.tiers, unit, currency)


def _step(tier: Tier, quantity: int, usage: ChargedUsage) -> str:
    amount = tier.rate * quantity / usage.unit.size
    name = "beyond" if tier.up_to is None else f"up to {tier.up_to}"
    rate_text, amount_text = money_text(tier.rate, usage.currency), money_text(amount, usage.currency)
    return f"tier {name}: {usage.unit.in_units(quantity)} x {rate_text} = {amount_text}"
