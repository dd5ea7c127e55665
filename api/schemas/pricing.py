"""The price preview at the door, with one worked example per price model."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.usage import ChargeLineOut, MoneyOut
from billing.domain.rating import UsageEvent

LARGEST_EVENTS = 10_000


class PreviewEventIn(BaseModel):
    """One event to price; the meter is the price's own."""

    model_config = ConfigDict(extra="forbid")

    quantity: Annotated[int, Field(description="In the meter's own units: seconds, bytes, messages.")] = 1
    destination: Annotated[str, Field(max_length=21, description="E.164; empty when there is none.")] = ""
    amount: Annotated[Decimal | None, Field(description="The amount it carries, for percentage prices.")] = None

    def as_event(self, meter: str) -> UsageEvent:
        return UsageEvent(meter, self.quantity, self.destination, self.amount)


class PricePreviewIn(BaseModel):
    """A price definition, and ``quantity`` (one event) or ``events``; a recurring price needs neither."""

    model_config = ConfigDict(extra="forbid")

    price: Annotated[dict[str, Any], Field(description="The price as a plan holds it.")]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217.")]
    quantity: Annotated[int | None, Field(ge=0, le=10**15)] = None
    events: Annotated[list[PreviewEventIn] | None, Field(max_length=LARGEST_EVENTS)] = None
    allowance: Annotated[int, Field(ge=0, le=10**15, description="An included quantity, in the meter's units.")] = 0


class UnpricedOut(BaseModel):
    """An event the price does not take, by its place in the request."""

    model_config = ConfigDict(from_attributes=True)

    place: int
    reason: str


class PricePreviewOut(BaseModel):
    """The net amount, its lines, and every step of the computation in words."""

    model_config = ConfigDict(from_attributes=True)

    amount: MoneyOut
    events: int
    quantity: int
    allowance_drawn: int
    lines: Sequence[ChargeLineOut]
    unpriced: Sequence[UnpricedOut]
    explanation: Sequence[str]


_TIERS = [{"up_to": 100, "rate": "0.10"}, {"rate": "0.05"}]
_MINUTES: dict[str, Any] = {"code": "voice", "name": "Calls", "meter": "voice", "unit_size": 60, "unit_name": "minute"}

# One request per price model; the answers beside them in OpenAPI are computed by the preview itself.
EXAMPLE_REQUESTS: dict[str, dict[str, Any]] = {
    "recurring": {
        "price": {"code": "fee", "name": "Monthly fee", "model": "recurring", "fee": "15.00"},
        "currency": "EUR",
    },
    "flat": {
        "price": {"code": "day", "name": "Roaming pass", "model": "flat", "meter": "roaming", "fee": "4.50"},
        "currency": "EUR",
        "quantity": 3,
    },
    "per_unit": {
        "price": _MINUTES
        | {
            "model": "per_unit",
            "rate": "0.10",
            "increments": "60/60",
            "connection_fee": "0.05",
            "destinations": [{"name": "Belgium", "prefixes": ["32"], "rate": "0.20"}],
        },
        "currency": "EUR",
        "events": [
            {"quantity": 75, "destination": "+31201234567"},
            {"quantity": 45, "destination": "+3225551234"},
        ],
        "allowance": 60,
    },
    "graduated": {
        "price": _MINUTES | {"model": "graduated", "tiers": _TIERS},
        "currency": "EUR",
        "quantity": 9000,
    },
    "volume": {
        "price": _MINUTES | {"model": "volume", "tiers": _TIERS},
        "currency": "EUR",
        "quantity": 9000,
    },
    "package": {
        "price": {
            "code": "data",
            "name": "Data",
            "model": "package",
            "meter": "data",
            "unit_size": 1_000_000_000,
            "unit_name": "GB",
            "rate": "2.00",
        },
        "currency": "EUR",
        "quantity": 2_500_000_000,
    },
    "percentage": {
        "price": {"code": "shop", "name": "Paid services", "model": "percentage", "meter": "shop", "percent": "10"},
        "currency": "EUR",
        "events": [{"amount": "12.34"}, {"amount": "0.99"}],
    },
    "per_event": {
        "price": {"code": "sms", "name": "SMS", "model": "per_event", "meter": "sms", "rate": "0.09"},
        "currency": "EUR",
        "quantity": 7,
    },
}
