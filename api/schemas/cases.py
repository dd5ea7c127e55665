"""Cases for people at the door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.base import Request, Response
from billing.domain.staff_cases import LONGEST_REASON, kind_of
from billing.ports.staff_cases import StaffCase

State = Literal["open", "acknowledged", "closed"]


class CaseDecisionIn(Request):
    """What a person decides about a case, and why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Asked the provider; they look into it"}]})

    reason: Annotated[
        str, Field(min_length=1, max_length=LONGEST_REASON, description="Why; it stays with the case and its account.")
    ]


class CaseNoteOut(Response):
    """One change of a case."""

    at: datetime = Field(description="Business time.")
    state: State = Field(description="How it stood from then on.")
    author: str = Field(description="Who: `evenflow` for the system itself.")
    reason: str = Field(description="Why.")


class StaffCaseOut(Response):
    """Something that needs a person."""

    case_id: str = Field(examples=["stc_1001"])
    kind: str = Field(examples=["refund_and_chargeback"])
    subject: str = Field(description="What it is about, within its kind.")
    account_id: str | None = Field(description="Whose it is; null: nobody's.")
    severity: str = Field(description="urgent, high or normal.")
    state: State
    explanation: str = Field(description="What was found, in one sentence.")
    means: str = Field(description="What cases of this kind mean.")
    what_to_do: str = Field(description="What a person does about it.")
    runbook: str = Field(description="Where the documentation describes it.")
    facts: dict[str, Any] = Field(description="The same in plain values: amounts in minor units, ids, counts.")
    opened_at: datetime = Field(description="When it was opened last; business time.")
    last_seen_at: datetime = Field(description="When its cause was last seen.")
    times_opened: int = Field(description="1, and once more for every time the cause came back.")
    cause_gone_at: datetime | None = Field(description="When the cause was seen to be gone; null while it lasts.")
    told_at: datetime | None = Field(description="When staff were alerted; null: not yet, or too mild.")
    closed_at: datetime | None
    assignee: str = Field(description="Who looks after it; empty: nobody yet.")
    history: Sequence[CaseNoteOut]

    @classmethod
    def of(cls, case: StaffCase) -> StaffCaseOut:
        """The case with what its kind means."""
        kind = kind_of(case.kind)
        values = {name: getattr(case, name) for name in cls.model_fields if hasattr(case, name)}
        return cls.model_validate(
            values | {"means": kind.means, "what_to_do": kind.what_to_do, "runbook": kind.runbook}
        )


class StaffCaseList(Response):
    """A page of cases, the newest first."""

    cases: list[StaffCaseOut]
    next_before: str | None = Field(description="Send it as `before` for the next page; null: this is the last one.")
    open_by_severity: dict[str, int] = Field(description="All that are not closed, whatever was asked for.")
