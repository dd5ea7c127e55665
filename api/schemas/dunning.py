"""Dunning and barring at the door: policies, cases, disputes, orders to the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.actions import ActionIn, example
from api.schemas.base import Instant, Request, Response, identity_pattern
from billing.ports.dunning import CaseFilter

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
LINE_PATTERN = r"^(inv_(0|[1-9][0-9]{0,17})\.[1-9][0-9]{0,8})?$"
Definition = Annotated[
    dict[str, Any],
    Field(description="A ladder and its conditions; fields left out take their defaults.", examples=[A_LADDER]),
]
Zone = Annotated[str, Field(max_length=64, examples=["Europe/Amsterdam"], description="IANA zone of the brand.")]


class PublishPolicyIn(Request):
    """The next version of a policy; the same definition again answers the version that is there."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"definition": A_LADDER}]})

    definition: Definition
    reason: str = Field(
        default="", max_length=500, description="Why; it stays with the version.", examples=["Two weeks' warning"]
    )


class PolicyOut(Response):
    """One published version; it never changes, and cases opened under it keep it."""

    policy_code: str
    policy_version: int
    definition: Mapping[str, Any]
    published_at: datetime
    author: str
    reason: str


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
    fee_minor: int = 0


class LawRuleOut(Response):
    """One rule of a law pack; ``check`` always: kept by the code that decides, whatever a policy says."""

    code: str
    check: str
    value: Any
    says: str
    source: str


class LawPackOut(Response):
    """The rules of a country, and a policy definition that keeps them, to begin with."""

    code: str
    name: str
    country: str
    currency: str
    rules: Sequence[LawRuleOut]
    policy: Mapping[str, Any]
    as_of: date = Field(description="The day on which we knew the law like this.")
    counsel: str = Field(description="What to do before relying on it.")
    readings: Mapping[str, str] = Field(description="Where each value of the policy comes from.")


class AssignPolicyIn(ActionIn):
    """The policy of a segment; without a code the segment has the brand's policy again."""

    model_config = example(policy_code="default", policy_version=1)
    policy_code: str = Field(default="", max_length=64, description="A published policy; the brand's own when empty.")
    policy_version: int | None = Field(
        default=None, ge=1, le=10**6, description="One of its versions; the newest when a case opens when left out."
    )


class AssignmentOut(Response):
    """Which policy the cases of a segment open under."""

    brand: str
    segment: str
    policy_code: str
    policy_version: int | None
    author: str
    reason: str
    assigned_at: datetime


class SegmentIn(ActionIn):
    """Another segment for an account."""

    model_config = example(segment="vulnerable")
    segment: str = Field(min_length=1, max_length=64, description="For conditions and assignments of policies.")


class CaseFilterIn(Request):
    """Which open cases; at least one of these."""

    brand: str = Field(default="", max_length=31, description="Of this brand.", examples=["vonk"])
    segment: str = Field(default="", max_length=64, description="Of accounts of this segment.")
    policy_code: str = Field(default="", max_length=64, description="That walk by this policy.")
    policy_version: int = Field(default=0, ge=0, le=10**6, description="By this version of it; 0: any.")
    stage: str = Field(default="", max_length=64, description="Whose last step is this one, like warn@10.")

    def as_filter(self) -> CaseFilter:
        """The use case's filter."""
        return CaseFilter(**self.model_dump())


A_MOVE: dict[str, Any] = {"cases": {"brand": "vonk"}, "policy_code": "default", "policy_version": 1}


class PreviewMoveIn(Request):
    """Cases to move to another policy version; nothing is changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [A_MOVE]})

    cases: CaseFilterIn = Field(description="Which open cases.")
    policy_code: str = Field(min_length=1, max_length=64, description="A published policy.")
    policy_version: int = Field(ge=1, le=10**6, description="One of its versions.")


class MoveCasesIn(ActionIn):
    """Cases to move, as they were previewed."""

    model_config = example(**A_MOVE, expected=0)

    cases: CaseFilterIn = Field(description="Which open cases.")
    policy_code: str = Field(min_length=1, max_length=64, description="A published policy.")
    policy_version: int = Field(ge=1, le=10**6, description="One of its versions.")
    expected: int = Field(ge=0, le=10**9, description="The count that the preview answered as matched.")


class MovedCaseOut(Response):
    """One case: what comes next by its own policy, and by the new one."""

    account_id: str
    case_id: str
    from_policy: str
    stage: str
    next_now: str
    next_then: str
    outcome: str


class CaseMoveOut(Response):
    """A move, or its preview; ``left`` cases are beyond the 200 of one call: send it again."""

    to_policy: str
    matched: int
    left: int
    cases: Sequence[MovedCaseOut]


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
    """What the customer does not accept: a line of an invoice, an amount of it, or all that is open on it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"invoice_id": "inv_1001", "amount_minor": 1250, "reason": "calls I did not make"}]
        }
    )

    invoice_id: Annotated[str, Field(pattern=identity_pattern("inv"), description="An invoice of the account.")]
    amount_minor: Annotated[
        int, Field(ge=0, le=10**12, description="VAT included; 0: all that is open, or all of the line.")
    ] = 0
    line_id: Annotated[
        str,
        Field(
            pattern=LINE_PATTERN,
            description="A line of the invoice, as the invoice names it; empty: not about one line.",
            examples=[""],
        ),
    ] = ""
    reason: Annotated[str, Field(min_length=1, max_length=500, description="In the customer's words.")]


class CloseDisputeIn(Request):
    """The decision: ``accepted`` credits the disputed amount, ``rejected`` lets collection go on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "accepted", "decision": "billed twice"}]})

    outcome: Annotated[Literal["accepted", "rejected"], Field(description="Who is right: the customer, or we.")]
    decision: Annotated[str, Field(min_length=1, max_length=500, description="Why.")]


class DisputeOut(Response):
    """A dispute; its part of the invoice is not pursued while it is open. ``amount_minor`` zero: all that is open.

    ``line_id`` and ``line_description`` say which line it is about; empty for the invoice as a whole.
    """

    dispute_id: str
    invoice_id: str
    line_id: str
    line_description: str
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
