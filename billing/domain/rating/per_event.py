"""Per event: a fee for every event, however long or large it was."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.domain.fields import Fields
from billing.domain.rating.model import Charge, ChargedUsage, PriceModel, Unit, base_rate, events_text, money_text


@dataclass(frozen=True, slots=True)
class PerEvent(PriceModel):
    """``rate`` in whole currency units per event; None when only destinations carry rates."""

    rate: Decimal | None
    kind: ClassVar[str] = "per_event"
    takes_destinations: ClassVar[bool] = True
    may_round_each_event: ClassVar[bool] = True

    @classmethod
    def read(cls, fields: Fields) -> PerEvent:
        return cls(rate=base_rate(fields))

    def to_dict(self) -> dict[str, object]:
        return {} if self.rate is None else {"rate": str(self.rate)}

    @property
    def has_base_rate(self) -> bool:
        return self.rate is not None

    def at_rate(self, rate: Decimal) -> PerEvent:
        return PerEvent(rate)

    def charge(self, usage: ChargedUsage) -> Charge:
        rate = self.rate or Decimal(0)
        amount = rate * usage.events
        rate_text, amount_text = money_text(rate, usage.currency), money_text(amount, usage.currency)
        return Charge(amount, (f"{events_text(usage.events)} x {rate_text} = {amount_text}",))

    def unit_price(self, unit: Unit, currency: str) -> str:
        return f"{money_text(self.rate or Decimal(0), currency)} per event"
