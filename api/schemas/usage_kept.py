"""Kept records at the door: corrected, sent again or dismissed, one by one or many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import Instant, Request, Response, identity_pattern
from billing.ports.usage import IssueSelection
from billing.services.usage_selecting import MOST_NAMED

Kind = Literal["rejected", "recycled", "conflict", "partial"]
FailedOutcome = Literal["rejected", "recycled", "conflict"]
Reason = Annotated[str, Field(min_length=1, max_length=500, description="Why, in a few words; it stays with it.")]
DryRun = Annotated[bool, Field(description="Only say what would become of them; nothing is kept.")]


class UsageIssueOut(BaseModel):
    """A record that could not be taken, kept until it is resolved or dismissed."""

    model_config = ConfigDict(from_attributes=True)

    issue_id: str
    kind: Kind
    status: Literal["open", "resolved", "dismissed"]
    source: str
    record_id: str
    identifier: str
    event: dict[str, Any]
    raw: str
    field: str
    reason: str
    created_at: datetime
    file_id: str | None
    line_number: int | None
    resolved_at: datetime | None = Field(description="When it was resolved or dismissed.")
    resolution: str = Field(description="How it ended, by whom and why.")


class ResubmitIn(Request):
    """Send a kept record again: nothing (as it is), ``changes`` to its fields, or the corrected ``raw`` line."""

    model_config = ConfigDict(
        str_strip_whitespace=False,
        json_schema_extra={
            "examples": [
                {"changes": {"quantity": 75}},
                {"raw": "r-1,+31612345678,voice_seconds,75,2027-02-01T10:00:00Z"},
            ]
        },
    )

    changes: Annotated[
        dict[str, Any] | None, Field(description="New values of its fields, by name; null leaves a field out.")
    ] = None
    raw: Annotated[str | None, Field(max_length=65_536, description="The line as the file should have had it.")] = None


class DismissIn(Request):
    """Why a kept record is put aside and will never be counted: it stays with the record, beside the author."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "A test call of the partner"}]})

    reason: Reason


class IssueSelectionIn(Request):
    """Which open kept records: those that agree with all that is said (at least one thing), or ``issue_ids`` alone."""

    kind: Annotated[Kind | None, Field(description="Of this kind only.")] = None
    file_id: Annotated[
        str, Field(pattern=identity_pattern("file", optional=True), description="Of this file only.")
    ] = ""
    identifier: Annotated[str, Field(max_length=200, description="Of this line only.")] = ""
    source: Annotated[str, Field(max_length=200, description="Of this source only.")] = ""
    field: Annotated[str, Field(max_length=200, description="Where this field was what was wrong.")] = ""
    created_from: Annotated[Instant | None, Field(description="Kept at this instant or later.")] = None
    created_before: Annotated[Instant | None, Field(description="Kept before this instant.")] = None
    issue_ids: Annotated[
        list[Annotated[str, Field(pattern=identity_pattern("rec"))]],
        Field(
            default_factory=list,
            max_length=MOST_NAMED,
            description=f"These, at most {MOST_NAMED}; those that wait no more are skipped.",
        ),
    ]

    def selection(self) -> IssueSelection:
        """As the service takes it."""
        return IssueSelection(
            kind=self.kind or "",
            file_id=self.file_id,
            identifier=self.identifier,
            source=self.source,
            field=self.field,
            created_from=self.created_from,
            created_before=self.created_before,
            issue_ids=self.issue_ids,
        )


class ResubmitManyIn(IssueSelectionIn):
    """Send many kept records again with one correction. ``field`` selects, ``changes`` corrects."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"kind": "recycled", "field": "meter", "changes": {"meter": "voice"}, "dry_run": True},
                {"file_id": "file_1001", "field": "destination", "changes": {"destination": None}},
            ]
        }
    )

    changes: Annotated[
        dict[str, Any],
        Field(
            default_factory=dict,
            description="New values by field, the same for each record; null leaves a field out. Not record_id.",
        ),
    ]
    dry_run: DryRun = False


class DismissManyIn(IssueSelectionIn):
    """Put many kept records aside for one reason."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"file_id": "file_1001", "kind": "rejected", "reason": "Test calls of the partner"}]
        }
    )

    reason: Reason
    dry_run: DryRun = False


class StillFailingOut(Response):
    """A record that waits on: which field is wrong now, its value, and why."""

    issue_id: str
    outcome: FailedOutcome
    field: str
    value: str
    reason: str


class ResubmittedOut(Response):
    """``matched`` is the sum of ``outcomes``, ``skipped`` and ``left``."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "matched": 4812,
                    "outcomes": {"accepted": 4790, "duplicate": 21, "recycled": 1},
                    "skipped": 0,
                    "left": 0,
                    "failing": [
                        {
                            "issue_id": "rec_1044",
                            "outcome": "recycled",
                            "field": "identifier",
                            "value": "+31600000000",
                            "reason": "No service had this number at 2027-02-01T10:00:00Z.",
                        }
                    ],
                    "dry_run": False,
                }
            ]
        },
    )

    matched: int = Field(description="Records that are meant.")
    outcomes: Mapping[str, int] = Field(description="How many had which outcome.")
    skipped: int = Field(
        description="Settled, or worked on by somebody else, meanwhile; or their file is being taken back."
    )
    left: int = Field(description="Beyond the 10,000 that one call does: call again.")
    failing: Sequence[StillFailingOut] = Field(description="The first 20 that wait on.")
    dry_run: bool


class DismissedOut(Response):
    """``matched`` is the sum of ``dismissed``, ``skipped`` and ``left``."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"examples": [{"matched": 37, "dismissed": 37, "skipped": 0, "left": 0, "dry_run": False}]},
    )

    matched: int = Field(description="Records that are meant.")
    dismissed: int = Field(description="Put aside now; in a dry run, those that would be.")
    skipped: int = Field(description="Settled, or worked on by somebody else, meanwhile.")
    left: int = Field(description="Beyond the 10,000 that one call does: call again.")
    dry_run: bool
