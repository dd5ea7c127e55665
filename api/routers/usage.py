"""Usage: events and kept records. 202 means committed and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query

from api.dependencies import Agent, ContainerDep, Viewer
from api.parameters import IssueId
from api.schemas.base import identity_pattern
from api.schemas.problems import problems
from api.schemas.usage import (
    A_CALL,
    A_SESSION,
    BatchResultOut,
    RecordResultOut,
    ReguideIn,
    ReguideOut,
    ResubmitIn,
    UsageEventIn,
    UsageIssueOut,
)
from billing.ports.usage import IssueFilter
from billing.services.usage import MOST_RECORDS
from billing.services.usage_intake import RecordResult

router = APIRouter(prefix="/v1/usage", tags=["usage"])
Limit = Annotated[int, Query(ge=1, le=1000, description="The most answered.")]


@router.post("/events", status_code=202, summary="Take one usage record")
async def take_event(event: UsageEventIn, container: ContainerDep, _caller: Agent) -> RecordResultOut:
    """Answers after the record is committed and counted. Sending it again answers ``duplicate`` and changes nothing."""
    (result,) = await container.usage.take([event.as_event()])
    return _result_out(result)


@router.post("/events/batch", status_code=202, summary="Take many usage records")
async def take_events(
    events: Annotated[list[UsageEventIn], Body(max_length=MOST_RECORDS, examples=[[A_CALL, A_SESSION]])],
    container: ContainerDep,
    _caller: Agent,
) -> BatchResultOut:
    """One transaction; a record that cannot be taken is kept with its reason and never spoils the others."""
    results = await container.usage.take([event.as_event() for event in events])
    counts = Counter(result.outcome.value for result in results)
    return BatchResultOut(counts=dict(counts), results=[_result_out(result) for result in results])


@router.get("/issues", summary="List records that could not be taken")
async def list_issues(
    container: ContainerDep,
    _caller: Viewer,
    kind: Annotated[
        Literal["", "rejected", "recycled", "conflict", "partial"], Query(description="Of this kind only.")
    ] = "",
    status: Annotated[Literal["", "open", "resolved"], Query(description="In this state only.")] = "open",
    file_id: Annotated[
        str,
        Query(
            pattern=identity_pattern("file", optional=True), description="Of this file only.", examples=["file_1001"]
        ),
    ] = "",
    identifier: Annotated[str, Query(description="Of this line only.", examples=["+31612345678"])] = "",
    after: Annotated[
        str,
        Query(pattern=identity_pattern("rec", optional=True), description="The last record of the page before."),
    ] = "",
    limit: Limit = 100,
) -> Sequence[UsageIssueOut]:
    """Rejected records need a correction; recycled ones wait for a line or a price; conflicts changed since.

    Partial ones are sessions whose other records did not come in time: give what is missing as changes.
    """
    wanted = IssueFilter(kind=kind, status=status, file_id=file_id, identifier=identifier, after=after, limit=limit)
    return [UsageIssueOut.model_validate(issue) for issue in await container.usage.issues(wanted)]


@router.post("/issues/{issue_id}/resubmit", summary="Send a kept record again, corrected", responses=problems(404, 409))
async def resubmit_issue(
    issue_id: IssueId, correction: ResubmitIn, container: ContainerDep, caller: Agent
) -> RecordResultOut:
    """It stays in the list when it still cannot be taken."""
    result = await container.usage.resubmit(
        issue_id, changes=correction.changes, raw=correction.raw, author=caller.name
    )
    return _result_out(result)


@router.post("/reguide", summary="Guide waiting records again")
async def reguide(wanted: ReguideIn, container: ContainerDep, _caller: Agent) -> ReguideOut:
    """For a number that was just connected, or a price that was just published."""
    return ReguideOut.model_validate(await container.usage.reguide(wanted.identifier))


def _result_out(result: RecordResult) -> RecordResultOut:
    event = result.event
    return RecordResultOut(
        place=result.place,
        outcome=result.outcome.value,
        record_id=result.record_id,
        field=result.field,
        value=result.value,
        reason=result.reason,
        account_id=event.account_id if event else None,
        service_id=event.service_id if event else None,
        cycle_number=event.cycle_number if event else None,
        price_code=event.price_code if event else None,
        band=event.band if event else None,
        billable_quantity=event.billable_quantity if event else None,
    )
