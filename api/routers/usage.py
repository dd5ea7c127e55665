"""Usage: kept records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from api.dependencies import Agent, ContainerDep, Viewer
from api.parameters import IssueId
from api.schemas.base import identity_pattern
from api.schemas.problems import problems
from api.schemas.usage import ArchivedDayOut, RecordResultOut, ReguideIn, ReguideOut
from api.schemas.usage_kept import (
    DismissedOut,
    DismissIn,
    DismissManyIn,
    ResubmitIn,
    ResubmitManyIn,
    ResubmittedOut,
    UsageIssueOut,
)
from api.usage_doors.records import result_out
from billing.ports.usage import IssueFilter
from billing.services.usage_following import Followed

router = APIRouter(prefix="/v1/usage", tags=["usage"])
Limit = Annotated[int, Query(ge=1, le=1000, description="The most answered.")]


@router.get("/issues", summary="List records that could not be taken")
async def list_issues(
    container: ContainerDep,
    _caller: Viewer,
    kind: Annotated[
        Literal["", "rejected", "recycled", "conflict", "partial"], Query(description="Of this kind only.")
    ] = "",
    status: Annotated[Literal["", "open", "resolved", "dismissed"], Query(description="In this state only.")] = "open",
    file_id: Annotated[
        str,
        Query(
            pattern=identity_pattern("file", optional=True), description="Of this file only.", examples=["file_1001"]
        ),
    ] = "",
    identifier: Annotated[str, Query(description="Of this line only.", examples=["+31612345678"])] = "",
    source: Annotated[str, Query(description="Of this source only.", examples=["switch-1"])] = "",
    field: Annotated[str, Query(description="Where this field was what was wrong.", examples=["meter"])] = "",
    after: Annotated[
        str,
        Query(pattern=identity_pattern("rec", optional=True), description="The last record of the page before."),
    ] = "",
    limit: Limit = 100,
) -> Sequence[UsageIssueOut]:
    """Rejected records need a correction; recycled ones wait for a line or a price; conflicts changed since.

    Partial ones are sessions whose other records did not come in time: give what is missing as changes. Dismissed ones
    were put aside by a person.
    """
    wanted = IssueFilter(
        kind=kind,
        status=status,
        file_id=file_id,
        identifier=identifier,
        source=source,
        field=field,
        after=after,
        limit=limit,
    )
    return [UsageIssueOut.model_validate(issue) for issue in await container.usage.issues(wanted)]


@router.get("/archives", summary="List the days of records that were archived")
async def list_archives(container: ContainerDep, _caller: Viewer) -> Sequence[ArchivedDayOut]:
    """Records older than they are kept are written to a file for each UTC day, checked, and only then dropped."""
    return [ArchivedDayOut.model_validate(each) for each in await container.usage.archive.list()]


@router.get("/archives/{day}", summary="Check the file of an archived day", responses=problems(404))
async def check_archive(
    day: Annotated[date, Path(description="A UTC day.", examples=["2027-02-01"])],
    container: ContainerDep,
    _caller: Viewer,
) -> ArchivedDayOut:
    """Reads the whole file again; a damaged one is refused with what is wrong."""
    return ArchivedDayOut.model_validate(await container.usage.archive.check(day))


@router.post("/issues/{issue_id}/resubmit", summary="Send a kept record again, corrected", responses=problems(404, 409))
async def resubmit_issue(
    issue_id: IssueId, correction: ResubmitIn, container: ContainerDep, caller: Agent
) -> RecordResultOut:
    """It stays in the list when it still cannot be taken. One that was dismissed may be sent again too."""
    result = await container.usage.resubmit(
        issue_id, changes=correction.changes, raw=correction.raw, author=caller.name
    )
    return RecordResultOut(**result_out(result, result.place))


@router.post("/issues/resubmit", summary="Send many kept records again, corrected", responses=problems(404))
async def resubmit_issues(correction: ResubmitManyIn, container: ContainerDep, caller: Agent) -> ResubmittedOut:
    """Each open record that is meant is sent again once, with the same `changes`, page by page.

    What is still wrong stays open with its newest reason, and keeps nothing else waiting. At most 10,000 records in one
    call; `left` says how many are beyond. With `dry_run` the answer is the same and nothing is kept.
    """
    done = await container.usage.resubmission.resubmit(
        correction.selection(), correction.changes, author=caller.name, dry_run=correction.dry_run
    )
    return ResubmittedOut.model_validate(done)


@router.post("/issues/{issue_id}/dismiss", summary="Put a kept record aside", responses=problems(404, 409))
async def dismiss_issue(
    issue_id: IssueId, decision: DismissIn, container: ContainerDep, caller: Agent
) -> UsageIssueOut:
    """It is never counted and not tried again by itself; who, when and why stay with it.

    Sending it again is the way back. When its source sends the same record once more, that one is kept anew.
    """
    issue = await container.usage.dismissal.dismiss(issue_id, author=caller.name, reason=decision.reason)
    return UsageIssueOut.model_validate(issue)


@router.post("/issues/dismiss", summary="Put many kept records aside", responses=problems(404))
async def dismiss_issues(decision: DismissManyIn, container: ContainerDep, caller: Agent) -> DismissedOut:
    """Each open record that is meant, for one reason, page by page; at most 10,000 records in one call."""
    done = await container.usage.dismissal.dismiss_all(
        decision.selection(), author=caller.name, reason=decision.reason, dry_run=decision.dry_run
    )
    return DismissedOut.model_validate(done)


@router.post("/reguide", summary="Guide records again")
async def reguide(wanted: ReguideIn, container: ContainerDep, caller: Agent) -> ReguideOut:
    """For a number that was just connected, or a price that was just published: records that wait.

    With `since`, usage of the number that is counted is guided again too, by whose number it was: counters move at
    once, billed cycles get correction lines on the next invoice. Commands that move numbers do this by themselves.
    """
    moved = Followed()
    if wanted.since is not None:
        moved = await container.usage.moves.guide_again(wanted.identifier, wanted.since, caller.name, wanted.reason)
    found = await container.usage.reguide(wanted.identifier)
    return ReguideOut(
        tried=found.tried,
        resolved=found.resolved,
        moved=moved.changed,
        recycled=moved.recycled,
        repeats=moved.repeats,
    )
