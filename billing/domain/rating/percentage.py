"""Percentage: a share of the amount each event carries (premium content, a partner's charge)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.domain.fields import Fields, plain
from billing.domain.rating.model import Charge, ChargedUsage, PriceModel, Unit, events_text, money_text

_LARGEST_PERCENT = Decimal(1000)


@dataclass(frozen=True, slots=True)
class Percentage(PriceModel):
    """``percent`` of the carried amount, which is in the plan's currency; 100 passes it on unchanged."""

    percent: Decimal
    kind: ClassVar[str] = "percentage"
    may_round_each_event: ClassVar[bool] = True

    @classmethod
    def read(cls, fields: Fields) -> Percentage:
        return cls(percent=fields.amount("percent", most=_LARGEST_PERCENT, decimals=4))

    def to_dict(self) -> dict[str, object]:
        return {"percent": str(self.percent)}

    def of_event(self, carried_amount: Decimal) -> Decimal:
        """The exact share of one event's amount; moving the point instead of dividing keeps it exact."""
        return (carried_amount * self.percent).scaleb(-2)

    def charge(self, usage: ChargedUsage) -> Charge:
        share = f"{plain(self.percent)} % of the amounts of {events_text(usage.events)}"
        return Charge(usage.amount, (f"{share} = {money_text(usage.amount, usage.currency)}",))

    def unit_price(self, unit: Unit, currency: str) -> str:
        return f"{plain(self.percent)} % of the amount"
