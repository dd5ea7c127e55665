"""Limits on usage at the door."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from api.schemas.actions import ActionIn, example
from api.schemas.base import Response, identity_pattern
from billing.domain.fields import LARGEST_QUANTITY
from billing.services.limits_in_force import LimitView

Kind = Literal["soft", "hard"]
Measure = Literal["amount", "quantity"]
AskedBy = Literal["customer", "operator"]
A_SERVICE = Field(default="", pattern=identity_pattern("svc", optional=True), description="Every service when empty.")
ASKED_BY = "Whose wish it is: the customer's, or the operator's."


class LimitNamed(ActionIn):
    """Which limit is meant: together these fields name it."""

    kind: Kind = Field(default="hard", description="soft: notices at 80 and 100 %; hard: usage stops at 100 % as well.")
    measure: Measure = Field(
        default="amount", description="amount: net usage charges; quantity: the meter's own units."
    )
    service_id: str = A_SERVICE
    meter: str = Field(default="", max_length=64, description="A meter of the plan; every meter when empty.")
    roaming: bool = Field(default=False, description="Only data used abroad, of one service: the cap of EU roaming.")
    asked_by: AskedBy = Field(default="operator", description=ASKED_BY)


class SetLimitIn(LimitNamed):
    """A limit and its value. Raising works at once, lowering from the next cycle; a first limit works at once."""

    model_config = example(kind="hard", measure="amount", service_id="svc_1001", meter="data", value=2500)
    value: int = Field(
        ge=0, le=LARGEST_QUANTITY, description="Minor units of the account's currency, or the meter's own units."
    )


class RemoveLimitIn(LimitNamed):
    """The end of a limit, at once; with ``roaming`` also of the brand's own cap on data abroad."""

    model_config = example(kind="hard", measure="amount", service_id="svc_1001", meter="data")


class AgreeIn(ActionIn):
    """The customer's word that data abroad goes on beyond its cap."""

    model_config = example(service_id="svc_1001", asked_by="customer")
    service_id: str = Field(pattern=identity_pattern("svc"), description="The service that is abroad.")
    asked_by: AskedBy = Field(default="operator", description=ASKED_BY)


A_LIMIT: dict[str, Any] = {
    "limit_id": "hard:amount:svc_1001:data",
    "kind": "hard",
    "measure": "amount",
    "service_id": "svc_1001",
    "meter": "data",
    "roaming": False,
    "value": 2500,
    "currency": "EUR",
    "used": 2130,
    "left": 370,
    "state": "near",
    "excludes": ["recurring_fees", "vat", "invoice_discounts", "usage_not_reported_yet"],
    "reminder": 0,
    "by_policy": False,
    "set_at": "2027-02-01T09:00:00Z",
    "set_by": "the agent",
    "asked_by": "customer",
    "reason": "Agreed with the customer",
    "next_value": 1500,
    "next_from_cycle": 4,
}


class LimitOut(Response):
    """A limit now. Amounts are net usage charges in minor units, quantities in the meter's own units.

    ``state`` is free, near (from 80 %), reached (soft, from 100 %), stopped (hard, from 100 %) or agreed (data abroad
    goes on beyond its cap). ``excludes`` says what does not count against it. ``reminder`` is a further amount at which
    the customer is told (0: none). ``next_value`` waits for cycle ``next_from_cycle``.
    """

    limit_id: str = Field(examples=["hard:amount:svc_1001:data"])
    kind: Kind
    measure: Measure
    service_id: str | None = Field(description="null: every service.")
    meter: str = Field(description="Empty: every meter.")
    roaming: bool
    value: int
    currency: str = Field(description="Empty for a quantity.")
    used: int
    left: int
    state: Literal["free", "near", "reached", "stopped", "agreed"]
    excludes: Sequence[str]
    reminder: int
    by_policy: bool = Field(description="The brand's own limit, set by nobody.")
    set_at: AwareDatetime | None
    set_by: str
    asked_by: str
    reason: str
    next_value: int | None
    next_from_cycle: int | None

    @classmethod
    def of(cls, view: LimitView) -> LimitOut:
        """The answer for a limit with its use."""
        use, limit, change, coming = view.use, view.use.limit, view.change, view.coming
        return cls(
            limit_id=limit.limit_id,
            kind=limit.kind.value,
            measure=limit.measure.value,
            service_id=limit.scope.service_id or None,
            meter=limit.scope.meter,
            roaming=limit.scope.roaming,
            value=limit.value,
            currency=view.currency if limit.measure == "amount" else "",
            used=use.used,
            left=use.left,
            state=use.state.value,
            excludes=use.excludes,
            reminder=limit.reminder,
            by_policy=limit.by_policy,
            set_at=change.set_at if change else None,
            set_by=change.author if change else "",
            asked_by=change.asked_by if change else "",
            reason=change.reason if change else "",
            next_value=coming.value if coming else None,
            next_from_cycle=coming.from_cycle if coming else None,
        )
