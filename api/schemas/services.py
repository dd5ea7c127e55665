"""Lines at the door: their plans in time, their end, and numbers that move to other accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.schemas.actions import ActionIn, example
from api.schemas.base import Instant, Request, Response, identity_pattern
from billing.services.plan_changes import NewPlan, When
from billing.services.service_changes import Port

_EFFECTIVE = "now, next_cycle, or an instant with its offset: to come, or behind in what is not billed yet."


class PlanWanted(Request):
    """The plan a line is to have."""

    plan_code: str = Field(min_length=1, max_length=64, description="A published plan of the account's brand.")
    plan_version: int | None = Field(default=None, ge=1, le=10**6, description="The newest when left out.")
    effective: Literal["now", "next_cycle"] | Instant = Field(default="now", description=_EFFECTIVE)

    def as_plan(self) -> NewPlan:
        """The use case's request."""
        effective = self.effective if isinstance(self.effective, datetime) else When(self.effective)
        return NewPlan(self.plan_code, self.plan_version, effective)


class PlanPreviewIn(PlanWanted):
    """A change of plan to look at first."""

    model_config = PlanWanted.model_config | {"json_schema_extra": {"examples": [{"plan_code": "vonk-plus"}]}}


class ChangePlanIn(ActionIn, PlanWanted):
    """A change of plan; preview it first."""

    model_config = example(plan_code="vonk-plus", effective="next_cycle")


class EndServiceIn(ActionIn):
    """The end of a line."""

    model_config = example(at="2027-03-01T00:00:00+01:00")
    at: Instant | None = Field(
        default=None, description="When it ends or ended, as when a number was ported out; now when left out."
    )


class PortNumberIn(ActionIn):
    """Where a number goes."""

    model_config = example(to_account_id="acc_1002", plan_code="vonk-basis", at="2027-02-20T00:00:00+01:00")
    to_account_id: str = Field(pattern=identity_pattern("acc"), description="The account that gets the number.")
    plan_code: str = Field(min_length=1, max_length=64, description="A published plan of that account's brand.")
    plan_version: int | None = Field(default=None, ge=1, le=10**6, description="The newest when left out.")
    at: Instant | None = Field(default=None, description="When the number moves or moved; now when left out.")

    def as_port(self) -> Port:
        """The use case's request."""
        return Port(self.to_account_id, self.plan_code, self.plan_version)


class PlanPeriodOut(Response):
    """A plan version that a line has in [active_from, active_to); no end: until further notice."""

    plan_code: str = Field(examples=["vonk-basis"])
    plan_version: int = Field(examples=[1])
    active_from: datetime
    active_to: datetime | None


class PlannedFeeOut(Response):
    """A recurring line, net; negative for a discount."""

    description: str
    amount_minor: int
    explanation: list[str]


class PlannedAllowanceOut(Response):
    """What a plan includes in the cycle, in the meter's own units."""

    code: str
    name: str
    meter: str
    included: int


class PlanPartOut(Response):
    """One plan in the cycle of the change: its fees are for ``days`` of ``of_days``."""

    plan_code: str
    plan_version: int
    days: int
    of_days: int
    fees: list[PlannedFeeOut]
    allowances: list[PlannedAllowanceOut]


class PlanChangedOut(Response):
    """What a change of plan means. Amounts are net minor units; usage is priced by the plan of its own time."""

    service_id: str = Field(examples=["svc_1001"])
    identifier: str
    from_plan_code: str = Field(examples=["vonk-basis"])
    from_plan_version: int
    to_plan_code: str = Field(examples=["vonk-plus"])
    to_plan_version: int
    effective_at: datetime
    cycle_number: int | None = Field(description="The cycle it falls in; none while that one has no dates yet.")
    currency: str
    fees_rule: str = Field(description="pro_rata, new or both, as the new plan declares in on_change.")
    allowances_rule: str = Field(description="The same for what is included.")
    parts: list[PlanPartOut] = Field(description="Every plan of the line in that cycle.")
    cycle_fees_before_minor: int = Field(description="The cycle's recurring fees of the line without the change.")
    cycle_fees_minor: int = Field(description="And with it.")
    following_fees_minor: int = Field(description="The recurring fees of each cycle that follows.")
    dropped: list[str] = Field(description="Changes decided before, to come later, which this one replaces.")
    unpriced_meters: list[str] = Field(description="Used so far, without a price from then on: such usage would wait.")
    summary: str


class ServiceEndedOut(Response):
    """A line that ends."""

    service_id: str
    ended_at: datetime
    summary: str


class NumberPortedOut(Response):
    """A number that moved: the line that ended and the one that began."""

    identifier: str
    ported_at: datetime
    from_service_id: str
    to_account_id: str
    to_service_id: str
    summary: str
