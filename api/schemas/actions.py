"""The operator's commands at the door. Each needs a reason; author and command id come from the call itself."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from api.schemas.base import Day, Instant, Request, Response, Unkeepable, identity_pattern
from billing.domain.cycle_calendar import CycleDayChange
from billing.domain.restrictions import unusable_bar


class ActionIn(Request):
    """Why this is done: it stands on the account's timeline beside the author."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Customer called, agreed with team lead"}]})

    reason: str = Field(min_length=1, max_length=500, description="Why, in a few words.")

    def command_fields(self) -> dict[str, Any]:
        """What the command takes of it, by name."""
        return self.model_dump()


def example(**fields: Any) -> ConfigDict:
    """The configuration with one example of a request."""
    return ConfigDict(json_schema_extra={"examples": [{"reason": "Agreed with the customer", **fields}]})


class RetryIn(ActionIn):
    """Announce and try again."""

    model_config = example(invoice_id="inv_1001")
    invoice_id: str = Field(
        default="", pattern=identity_pattern("inv", optional=True), description="Every overdue invoice when empty."
    )


class PromiseIn(ActionIn):
    """The customer's commitment."""

    model_config = example(pay_by="2027-03-20", amount_minor=4210)
    pay_by: Day = Field(description="Local date; today or later.")
    amount_minor: int = Field(default=0, ge=0, le=10**12, description="0: everything open.")


class HoldIn(ActionIn):
    """An exemption with an end."""

    model_config = example(until="2027-04-01T09:00:00+02:00")
    until: Instant = Field(description="An instant to come, with its offset.")


class ChangeCycleDayIn(ActionIn):
    """The new anchor; preview it first."""

    model_config = example(cycle_day=25, bridge="extended")
    cycle_day: int = Field(description="1 to 31.")
    bridge: Literal["extended", "free", "prorated"] = Field(
        default="extended", description="What the days between the old and the new day cost."
    )


class WaiveIn(ActionIn):
    """A credit note over what is open."""

    model_config = example(invoice_id="inv_1001")
    invoice_id: str = Field(pattern=identity_pattern("inv"), description="The invoice to credit.")


class AdjustIn(ActionIn):
    """A line on the next invoice."""

    model_config = example(amount_minor=-500, description="Apology for the outage")
    amount_minor: int = Field(ge=-(10**12), le=10**12, description="Net; a credit is negative.")
    description: str = Field(min_length=1, max_length=200, description="As the customer reads it.")


class RefundIn(ActionIn):
    """Money back to the method it came from."""

    model_config = example(attempt_id="inv_1001-1", amount_minor=0)
    attempt_id: str = Field(min_length=1, max_length=80, description="The payment, as the list of payments names it.")
    amount_minor: int = Field(default=0, ge=0, le=10**12, description="0: all of it.")


class RefundCreditIn(ActionIn):
    """Credit back to the methods it came from."""

    model_config = example(amount_minor=500)
    amount_minor: int = Field(default=0, ge=0, le=10**12, description="0: all credit that is held.")


SERVICE = Field(default="", pattern=identity_pattern("svc", optional=True), description="Every service when empty.")
KindName = Literal[
    "outgoing_calls",
    "outgoing_sms",
    "international",
    "premium",
    "roaming",
    "data",
    "data_throttled",
    "incoming_calls",
    "outgoing",
    "full",
]
PersonCause = Literal["operator", "customer", "lost_or_stolen", "fraud", "court"]


class Bar(Request):
    """What is restricted by hand. Emergency calls, incoming messages and the pay page always work."""

    service_id: str = SERVICE
    level: Literal["outgoing", "full"] = Field(
        default="outgoing", description="Without kinds. outgoing: everything out and data; full: calls in as well."
    )
    kinds: tuple[KindName, ...] = Field(
        default=(),
        max_length=10,
        strict=False,
        description="Single kinds of use, or the named sets; they replace the level.",
    )
    data_kbps: int | None = Field(
        default=None, ge=16, le=1_000_000, description="With data_throttled: at how many kbit/s data goes on."
    )
    cause: PersonCause = Field(
        default="operator", description="Why. Each cause holds by itself; lifting one leaves the others."
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.kinds and "level" in self.model_fields_set:
            raise Unkeepable("Give kinds or a level, not both; outgoing and full may be kinds.", ("level",))
        refusal = unusable_bar(self.kinds, self.data_kbps, self.cause)
        if refusal is not None:
            raise Unkeepable(f"{refusal.message} {refusal.remedy}", (refusal.field,))
        return self


class BarIn(ActionIn, Bar):
    """A restriction by hand."""

    model_config = example(service_id="svc_1001", kinds=["international", "premium"], cause="customer")


class Unbar(Request):
    """What is lifted by hand."""

    service_id: str = SERVICE
    kinds: tuple[KindName, ...] = Field(
        default=(), max_length=10, strict=False, description="Only these kinds, or named sets; every kind when empty."
    )
    causes: tuple[PersonCause | Literal["dunning"], ...] = Field(
        default=(),
        strict=False,
        max_length=6,
        description="Only what these causes hold; when empty, what operators and dunning hold.",
    )


class UnbarIn(ActionIn, Unbar):
    """The end of a restriction."""

    model_config = example(service_id="svc_1001", causes=["lost_or_stolen"])


class DunningPolicyIn(ActionIn):
    """The policy to pin."""

    model_config = example(policy_code="gentle", policy_version=2)
    policy_code: str = Field(min_length=1, max_length=64, description="A published policy.")
    policy_version: int = Field(ge=1, le=10**6, description="One of its versions.")
    case_only: bool = Field(default=False, description="Only for the case that runs; later ones take their own policy.")


class PaymentMethodIn(ActionIn):
    """A stored method of the account."""

    model_config = example(method_id="pm_1001")
    method_id: str = Field(pattern=identity_pattern("pm"), description="A method of this account.")


class ActionOut(Response):
    """What was done. The same Idempotency-Key answers the same."""

    command_id: str = Field(examples=["4f1c2a5e-1d0b-4f0e-9a53-6f0f6f8e1b11"])
    summary: str = Field(examples=["Collection is paused."])


class CycleOut(Response):
    """One cycle [opens_at, closes_at) of a previewed change."""

    number: int
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    cycle_day: int


class CycleDayPreviewOut(Response):
    """What a change of the cycle day would do; nothing is stored."""

    old_day: int
    new_day: int
    bridge: str
    bridge_opens_on: date
    bridge_closes_on: date
    charged_days: int = Field(description="Of month_days of the recurring fee; 0 unless prorated.")
    month_days: int
    cycles: list[CycleOut]

    @classmethod
    def of(cls, change: CycleDayChange) -> CycleDayPreviewOut:
        seen: dict[str, Any] = {name: getattr(change, name) for name in cls.model_fields if name != "bridge"}
        seen["cycles"] = [CycleOut.model_validate(cycle) for cycle in change.cycles]
        return cls.model_validate(seen | {"bridge": str(change.policy)})
