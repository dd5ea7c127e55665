"""The price preview at the door; ``pricing_examples`` holds its worked examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Day, Exact, Instant, Request
from api.schemas.usage import AllowanceOut, ChargeLineOut, MoneyOut
from billing.domain.errors import InvalidValue
from billing.domain.fields import LARGEST_QUANTITY
from billing.domain.rating import UsageEvent

MOST_EVENTS = 10_000
MOST_EXPLAINED = 100
MOST_DISCOUNTS = 50
MOST_GRANTS = 50
MOST_OTHERS = 20
Quantity = Annotated[int, Field(ge=0, le=LARGEST_QUANTITY)]
Definition = dict[str, Any]


class PreviewEventIn(Request):
    """One event to price."""

    quantity: Annotated[Quantity, Field(description="In the meter's own units: seconds, bytes, messages.")] = 1
    destination: Annotated[str, Field(max_length=21, description="E.164; empty when there is none.")] = ""
    amount: Annotated[Exact | None, Field(description="The amount it carries, for percentage prices.")] = None
    started_at: Annotated[Instant | None, Field(description="Needed where the time matters.")] = None
    visited: Annotated[
        str, Field(max_length=10, description="Country or network where it was used; empty at home.")
    ] = ""
    traffic_class: Annotated[
        str, Field(max_length=64, description="A class of special traffic; empty for all other.")
    ] = ""
    meter: Annotated[str, Field(max_length=64, description="With a plan of several meters; else the price's own.")] = ""

    def as_event(self, meter: str) -> UsageEvent:
        return UsageEvent(
            self.meter or meter,
            self.quantity,
            self.destination,
            self.amount,
            self.started_at,
            self.visited,
            self.traffic_class,
        )


class RolledOverIn(Request):
    """What an earlier cycle left of one of the allowances."""

    allowance: Annotated[str, Field(max_length=64, description="Its code.")]
    quantity: Annotated[int, Field(ge=1, le=LARGEST_QUANTITY)]
    expires_at: Annotated[Instant | None, Field(description="Decides the order of drawing: soonest first.")] = None
    lives_on: Annotated[bool, Field(description="It may be drawn in the next cycle too, so it counts for the cap.")] = (
        False
    )


class AddOnIn(Request):
    """A quantity bought beside the plan; it is for usage that starts in [``valid_from``, ``valid_to``)."""

    allowance: Annotated[Definition, Field(description="As a plan holds an allowance.")]
    valid_from: Annotated[Instant | None, Field(description="When it was bought within the cycle.")] = None
    valid_to: Annotated[Instant | None, Field(description="When it ends within the cycle.")] = None
    expires_at: Annotated[Instant | None, Field(description="Decides the order of drawing: soonest first.")] = None


class OtherServiceIn(Request):
    """Another service of the account, which draws what is shared: on the same price or plan without allowances of its
    own, or on a ``plan`` of its own.
    """

    plan: Annotated[Definition | None, Field(description="Its own plan, in the same currency.")] = None
    events: Annotated[list[PreviewEventIn], Field(max_length=MOST_EVENTS)]


class PricePreviewIn(Request):
    """A price definition and ``quantity`` (one event) or ``events``; a recurring price needs neither. Or a whole
    ``plan`` and events.
    """

    price: Annotated[Definition | None, Field(description="The price as a plan holds it.")] = None
    plan: Annotated[Definition | None, Field(description="Instead of a price: a whole plan.")] = None
    currency: Annotated[str, Field(pattern="^([A-Z]{3})?$", description="ISO 4217; a plan has its own.")] = ""
    quantity: Annotated[
        Quantity | None,
        Field(description="One event of this quantity, in the meter's own units; for a price per event, the events."),
    ] = None
    events: Annotated[
        list[PreviewEventIn] | None, Field(max_length=MOST_EVENTS, description="Instead of a quantity.")
    ] = None
    allowance: Annotated[Quantity, Field(description="An included quantity, in the meter's own units.")] = 0
    allowances: list[Definition] = Field(
        default_factory=list, max_length=MOST_GRANTS, description="Beside a price: allowances, as a plan holds them."
    )
    time_bands: Annotated[Definition | None, Field(description="Beside a price: time bands, as a plan holds them.")] = (
        None
    )
    zones: list[Definition] = Field(
        default_factory=list, max_length=100, description="Beside a price: roaming zones, as a plan holds them."
    )
    rolled_over: list[RolledOverIn] = Field(
        default_factory=list, max_length=MOST_GRANTS, description="What earlier cycles left of the allowances."
    )
    add_ons: list[AddOnIn] = Field(default_factory=list, max_length=MOST_GRANTS, description="Bought beside the plan.")
    others: list[OtherServiceIn] = Field(
        default_factory=list, max_length=MOST_OTHERS, description="Other services that may draw what is shared."
    )
    discounts: list[Definition] = Field(
        default_factory=list,
        max_length=MOST_DISCOUNTS,
        description="Beside a price: discounts on its lines, as a plan holds them.",
    )
    invoice_discounts: list[Definition] = Field(
        default_factory=list, max_length=MOST_DISCOUNTS, description="Discounts on the sum of all lines."
    )
    on: Annotated[Day | None, Field(description="The local date for which discounts with dates are judged.")] = None
    explain_events: Annotated[
        bool, Field(description=f"Tell the story of each event too; of at most {MOST_EXPLAINED}.")
    ] = False

    def plan_definition(self) -> Definition:
        """The plan to preview: the one given, or one around the price. Raises InvalidValue for both or neither."""
        if (self.price is None) == (self.plan is None):
            raise InvalidValue(
                "A price or a plan is needed.", field="price", value="", remedy="Give price or plan, not both."
            )
        if self.plan is not None:
            self._refuse_beside_a_plan()
            return self.plan
        price = self.price or {}
        if not self.currency:
            raise InvalidValue(
                "A price alone has no currency.", field="currency", value="", remedy="Add the currency, like EUR."
            )
        return {
            "code": "preview",
            "name": "Preview",
            "currency": self.currency,
            "prices": [price],
            "allowances": self.allowances,
            "line_discounts": [each | {"price_code": price.get("code")} for each in self.discounts],
            "time_bands": self.time_bands,
            "zones": self.zones,
        }

    def _refuse_beside_a_plan(self) -> None:
        for name in ("currency", "allowance", "allowances", "time_bands", "zones", "discounts", "quantity"):
            if getattr(self, name):
                raise InvalidValue(
                    "A plan holds this itself.",
                    field=name,
                    value=getattr(self, name),
                    remedy=f"Leave {name} out; a plan takes events.",
                )


class UnpricedOut(BaseModel):
    """An event the price does not take, by its place in the request."""

    model_config = ConfigDict(from_attributes=True)

    place: int
    reason: str


class RolledOut(BaseModel):
    """What goes into the next ``cycles`` cycles, in the meter's own units."""

    allowance: str
    quantity: int
    cycles: int
    explanation: str


class SkippedOut(BaseModel):
    """A discount that did not apply, and why."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    reason: str


class AppliedOut(BaseModel):
    """A discount that came off the invoice's net subtotal."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    name: str
    amount: MoneyOut
    explanation: str


class InvoiceOut(BaseModel):
    """All lines of all services, less the invoice's discounts, before VAT."""

    model_config = ConfigDict(from_attributes=True)

    subtotal: MoneyOut
    applied: Sequence[AppliedOut]
    skipped: Sequence[SkippedOut]
    net: MoneyOut


class ServicePreviewOut(BaseModel):
    """One service: the net amount, its lines, and every step of the computation in words."""

    amount: MoneyOut
    events: int
    quantity: int
    allowance_drawn: int
    lines: Sequence[ChargeLineOut]
    unpriced: Sequence[UnpricedOut]
    explanation: Sequence[str]
    allowances: Sequence[AllowanceOut]
    rolls_over: Sequence[RolledOut]
    skipped_discounts: Sequence[SkippedOut]
    explained_events: Sequence[Sequence[str]]


class PricePreviewOut(ServicePreviewOut):
    """The service asked about; ``others`` are priced with it, because allowances may be shared. ``invoice`` is there
    when discounts on the invoice were sent.
    """

    others: Sequence[ServicePreviewOut]
    invoice: InvoiceOut | None = None
