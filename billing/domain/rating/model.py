"""What every price model is: a pure function from one counter's totals to an amount with its steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Self

from billing.domain.fields import Fields, plain

_NOUNS = {"voice_seconds": "seconds", "data_bytes": "bytes", "messages": "messages"}
_UNIT_NAMES = {
    ("voice_seconds", 1): "second",
    ("voice_seconds", 60): "minute",
    ("voice_seconds", 3600): "hour",
    ("data_bytes", 1): "byte",
    ("data_bytes", 1_000_000): "MB",
    ("data_bytes", 1_048_576): "MiB",
    ("data_bytes", 1_000_000_000): "GB",
    ("data_bytes", 1_073_741_824): "GiB",
    ("messages", 1): "message",
}


def meter_noun(meter: str) -> str:
    """What a meter counts, in the plural: ``voice_seconds`` counts seconds."""
    return _NOUNS.get(meter, meter.replace("_", " "))


@dataclass(frozen=True, slots=True)
class Unit:
    """What a rate is for: ``size`` of the meter's own units (60 seconds), and its ``name`` (minute)."""

    meter: str
    size: int
    name: str

    @classmethod
    def of(cls, meter: str, size: int, name: str = "") -> Unit:
        """A unit with the name given or the usual one."""
        usual = _UNIT_NAMES.get((meter, size)) or (f"{size} {meter_noun(meter)}" if size > 1 else meter_noun(meter))
        return cls(meter, size, name or usual)

    def quantity(self, quantity: int) -> str:
        """A quantity in the meter's own units: "3600 seconds", "1 second"."""
        noun = _UNIT_NAMES.get((self.meter, quantity)) if quantity == 1 else None
        return f"{quantity} {noun or meter_noun(self.meter)}"

    def in_units(self, quantity: int) -> str:
        """A quantity as the count of units a clerk multiplies: "3600 seconds / 60"."""
        return self.quantity(quantity) + (f" / {self.size}" if self.size > 1 else "")


@dataclass(frozen=True, slots=True)
class ChargedUsage:
    """What a model prices: ``quantity`` beyond allowances, in the meter's units; ``amount`` summed per event."""

    events: int
    quantity: int
    amount: Decimal
    unit: Unit
    currency: str


@dataclass(frozen=True, slots=True)
class Charge:
    """An exact amount in whole currency units, and the steps that lead to it."""

    amount: Decimal
    steps: tuple[str, ...]


class PriceModel(ABC):
    """One way to price totals. Models hold rates only; meter, unit and limits belong to the price around them."""

    kind: ClassVar[str]
    draws_allowance: ClassVar[bool] = False
    takes_destinations: ClassVar[bool] = False
    may_round_each_event: ClassVar[bool] = False
    is_free: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def read(cls, fields: Fields) -> Self:
        """The model's own fields from the price's JSON object."""

    @abstractmethod
    def to_dict(self) -> dict[str, object]:
        """The model's own fields as plain JSON."""

    @abstractmethod
    def charge(self, usage: ChargedUsage) -> Charge:
        """The exact amount of these totals; never rounded here."""

    @abstractmethod
    def unit_price(self, unit: Unit, currency: str) -> str:
        """The price as one short text: "0.12 EUR per minute"."""

    @property
    def has_base_rate(self) -> bool:
        """False when only destinations carry rates."""
        return True

    def at_rate(self, rate: Decimal) -> PriceModel:
        """The same model with a destination's rate."""
        raise NotImplementedError(f"{self.kind} takes no destination rates, to hold {plain(rate)}")


def money_text(amount: Decimal, currency: str) -> str:
    """An exact amount for an explanation: "6.6 EUR"."""
    return f"{plain(amount)} {currency}"


def base_rate(fields: Fields) -> Decimal | None:
    """The field ``rate``, which may be left out only when destinations carry the rates."""
    if fields.has("rate") or not fields.has("destinations"):
        return fields.amount("rate")
    return None


def events_text(events: int) -> str:
    """A count of events: "1 event", "2 events"."""
    return f"{events} event" if events == 1 else f"{events} events"
