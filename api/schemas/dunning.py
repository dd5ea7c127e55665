"""Dunning and barring at the door: policies, cases, disputes, orders to the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.base import Instant, Request, Response, identity_pattern

A_LADDER: dict[str, Any] = {
    "code": "default",
    "steps": [
        {"day": 0, "action": "failed_notice"},
        {"day": 3, "action": "retry"},
        {"day": 3, "action": "reminder"},
        {"day": 10, "action": "warn"},
        {"day": 17, "action": "bar_outgoing"},
        {"day": 31, "action": "bar_full"},
        {"day": 60, "action": "hand_over"},
    ],
    "bar_threshold_minor": 1000,
}
Definition = Annotated[
    dict[str, Any],
    Field(description="A ladder and its conditions; fields left out take their defaults.", examples=[A_LADDER]),
]
Zone = Annotated[str, Field(max_length=64, examples=["Europe/Amsterdam"], description="IANA zone of the brand.")]


class PublishPolicyIn(Request):
    """The next version of a policy; the same definition again answers the version that is there."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"definition": A_LADDER}]})

    definition: Definition


class PolicyOut(Response):
    """One published version; it never changes, and cases opened under it keep it."""

    policy_code: str
    policy_version: int
    definition: Mapping[str, Any]
    published_at: datetime


class PreviewPolicyIn(Request):
    """A definition, and when and where a case would open."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "definition": A_LADDER,
                    "opened_at": "2027-06-08T07:00:00Z",
                    "zone": "Europe/Amsterdam",
                    "country": "NL",
                }
            ]
        }
    )

    definition: Definition
    opened_at: Annotated[Instant, Field(description="When the debit failed.")]
    zone: Zone
    country: Annotated[str, Field(max_length=2, description="Names the public holidays.")] = ""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217, of the thresholds.")] = "EUR"


class PreviewedStepOut(Response):
    """A step of a case that nobody pays: when it would be taken and why then; ``bar_on`` is what a warning names."""

    step: str
    at: datetime
    local_day: date
    reason: str
    bar_on: date | None = None


class CaseOut(Response):
    """One debt being pursued. ``failures`` are tries that failed and whether the customer was told of each."""

    case_id: str
    policy_code: str
    policy_version: int
    opened_at: datetime
    invoice_ids: Sequence[str]
    steps_done: Sequence[str]
    failures: Sequence[Mapping[str, Any]]
    last_failure_category: str
    stage: str
    reason: str
    next_action_at: datetime | None
    closed_at: datetime | None
    outcome: str


class CaseEntryOut(Response):
    """Something done in a case, and why."""

    at: datetime
    kind: str
    summary: str
    reason: Mapping[str, Any]
    actor: str


class DunningOut(Response):
    """An account's cases, newest first, and what was done in them, oldest first."""

    cases: Sequence[CaseOut]
    entries: Sequence[CaseEntryOut]


class OpenDisputeIn(Request):
    """What the customer does not accept: an amount of an invoice, or all that is open on it (zero)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"invoice_id": "inv_1001", "amount_minor": 1250, "reason": "calls I did not make"}]
        }
    )

    invoice_id: Annotated[str, Field(pattern=identity_pattern("inv"), description="An invoice of the account.")]
    amount_minor: Annotated[int, Field(ge=0, le=10**12, description="0: all that is open.")] = 0
    reason: Annotated[str, Field(min_length=1, max_length=500, description="In the customer's words.")]


class CloseDisputeIn(Request):
    """The decision: ``accepted`` credits the disputed amount, ``rejected`` lets collection go on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "accepted", "decision": "billed twice"}]})

    outcome: Annotated[Literal["accepted", "rejected"], Field(description="Who is right: the customer, or we.")]
    decision: Annotated[str, Field(min_length=1, max_length=500, description="Why.")]


class DisputeOut(Response):
    """A dispute; its part of the invoice is not pursued while it is open. ``amount_minor`` zero: all that is open."""

    dispute_id: str
    invoice_id: str
    amount_minor: int
    reason: str
    status: Literal["open", "accepted", "rejected"]
    opened_at: datetime
    closed_at: datetime | None
    decision: str


class OrderedServiceOut(Response):
    """One service of an order; ``times_sent`` counts how often it was ordered anew.

    ``level`` is what the network is told of it, everything that holds it included; ``overtaken``: a newer one decided.
    """

    service_id: str
    identifier: str
    level: str
    state: Literal["ordered", "confirmed", "overtaken"]
    times_sent: int
    ordered_at: datetime | None
    confirmed_at: datetime | None


class OrderDetails(Response):
    """An order to the network: a level, or what caps stop (``stop:data``; ``stop:`` lets all usage go on).

    ``paid_at`` and ``restored_real_seconds`` say how soon after a payment services were free, in real time.
    """

    order_id: str
    level: str = Field(
        pattern="^(none|outgoing|full|bars:.*|stop:.*)$", examples=["outgoing", "bars:international,premium"]
    )
    cause: str
    reason: str
    author: str
    placed_at: datetime
    outcome: Literal["placed", "confirmed", "withdrawn", "failed"]
    finished_at: datetime | None
    paid_at: datetime | None
    restored_real_seconds: float | None


class OrderOut(Response):
    """An order with its services."""

    order: OrderDetails
    services: Sequence[OrderedServiceOut]
