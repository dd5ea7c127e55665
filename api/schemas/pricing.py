"""The price preview at the door; ``pricing_examples`` holds its worked examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Day, Exact, Request
from api.schemas.usage import ChargeLineOut, MoneyOut
from billing.domain.fields import LARGEST_QUANTITY
from billing.domain.rating import UsageEvent

MOST_EVENTS = 10_000
MOST_DISCOUNTS = 50
Quantity = Annotated[int, Field(ge=0, le=LARGEST_QUANTITY)]


class PreviewEventIn(Request):
    """One event to price; the meter is the price's own."""

    quantity: Annotated[Quantity, Field(description="In the meter's own units: seconds, bytes, messages.")] = 1
    destination: Annotated[str, Field(max_length=21, description="E.164; empty when there is none.")] = ""
    amount: Annotated[Exact | None, Field(description="The amount it carries, for percentage prices.")] = None

    def as_event(self, meter: str) -> UsageEvent:
        return UsageEvent(meter, self.quantity, self.destination, self.amount)


class PricePreviewIn(Request):
    """A price definition, and ``quantity`` (one event) or ``events``; a recurring price needs neither."""

    price: Annotated[dict[str, Any], Field(description="The price as a plan holds it.")]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217.")]
    quantity: Annotated[
        Quantity | None,
        Field(description="One event of this quantity, in the meter's own units; for a price per event, the events."),
    ] = None
    events: Annotated[
        list[PreviewEventIn] | None, Field(max_length=MOST_EVENTS, description="Instead of a quantity.")
    ] = None
    allowance: Annotated[Quantity, Field(description="An included quantity, in the meter's own units.")] = 0
    discounts: list[dict[str, Any]] = Field(
        default_factory=list,
        max_length=MOST_DISCOUNTS,
        description="Discounts on this price's lines, as a plan holds them.",
    )
    on: Annotated[Day | None, Field(description="The local date for which discounts with dates are judged.")] = None


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
