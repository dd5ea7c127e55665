"""Corrections of published prices at the door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from api.schemas.base import Instant, Request, Response, identity_pattern
from billing.ports.plan_corrections import NewPlanCorrection
from billing.services.plan_correcting import MOST_PREVIEWED

Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
A_CORRECTION: dict[str, Any] = {
    "plan_code": "vonk-basis",
    "plan_version": 1,
    "corrected_version": 2,
    "since": "2027-02-01T00:00:00+01:00",
}


class _CorrectionIn(Request):
    plan_code: Annotated[str, Field(min_length=1, max_length=64, description="The plan.")]
    plan_version: Annotated[Version, Field(description="The version whose price was wrong.")]
    corrected_version: Annotated[Version, Field(description="The version that counts instead; it is published.")]
    since: Annotated[
        Instant,
        Field(description="From here on; earlier usage keeps its price. Within a cycle it is like a change of plan."),
    ]

    def as_correction(self, reason: str, author: str) -> NewPlanCorrection:
        """What the use case takes."""
        return NewPlanCorrection(self.plan_code, self.plan_version, self.corrected_version, self.since, reason, author)


class PlanCorrectionIn(_CorrectionIn):
    """From an instant on, a version of a plan counts as another one, for every line that has it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**A_CORRECTION, "reason": "0.10 a minute was published for 0.07"}]}
    )

    reason: Annotated[str, Field(min_length=1, max_length=500, description="Why; customers' timelines tell it.")]


class PlanCorrectionPreviewIn(_CorrectionIn):
    """The same, for some accounts only, and without keeping anything."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**A_CORRECTION, "account_ids": ["acc_1001"]}]})

    account_ids: Annotated[
        list[Annotated[str, Field(pattern=identity_pattern("acc"))]],
        Field(
            default_factory=list,
            max_length=MOST_PREVIEWED,
            description=f"These accounts; none: the first {MOST_PREVIEWED} that have it.",
        ),
    ]


class PlanCorrectionOut(Response):
    """A correction and how far it is; amounts are net, in minor units, over all changed cycles."""

    correction_id: str
    plan_code: str
    plan_version: int
    corrected_version: int
    since: datetime
    reason: str
    author: str
    currency: str
    recorded_at: datetime
    finished_at: datetime | None = Field(description="null while accounts are being corrected.")
    accounts: int = Field(description="Accounts in which something changed.")
    events: int = Field(description="Records that were rated again.")
    waiting: int = Field(description="Records that have no price any more: they wait, and are credited.")
    difference_minor: int = Field(description="What customers owe more (positive) or less.")


class ChangedLineOut(Response):
    """A line of a cycle that changed; ``explanation`` is the arithmetic of what it is now."""

    service_id: str
    description: str
    before_minor: int
    after_minor: int
    explanation: Sequence[str]


class CycleDifferenceOut(Response):
    """What a cycle cost before and costs now, net and before discounts. ``billed``: the next invoice has the
    difference."""

    account_id: str
    cycle_number: int
    billed: bool
    before_minor: int
    after_minor: int
    difference_minor: int
    lines: Sequence[ChangedLineOut]


class PlanCorrectionPreviewOut(Response):
    """What would change for these accounts."""

    accounts: Sequence[str]
    currency: str
    events: int = Field(description="Records that would be rated again.")
    waiting: int = Field(description="Those of them that would have no price.")
    differences: Sequence[CycleDifferenceOut]
