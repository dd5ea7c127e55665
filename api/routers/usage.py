"""Usage: events, files, kept records. 202 means committed and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Body, File, Query, UploadFile

from api.dependencies import Agent, ContainerDep, Viewer
from api.parameters import FileId, IssueId
from api.schemas.base import identity_pattern
from api.schemas.problems import problems
from api.schemas.usage import (
    A_CALL,
    A_FILE,
    A_SESSION,
    BatchResultOut,
    RecordResultOut,
    ReguideIn,
    ReguideOut,
    ResubmitIn,
    UploadedFileOut,
    UsageEventIn,
    UsageFileOut,
    UsageIssueOut,
)
from billing.messages.usage import ImportFileRequest
from billing.ports.usage import IssueFilter
from billing.services.usage import MOST_RECORDS
from billing.services.usage_intake import RecordResult

router = APIRouter(prefix="/v1/usage", tags=["usage"])
_CHUNK_BYTES = 2**20
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


@router.post("/files", status_code=202, summary="Upload a usage file")
async def upload_file(
    file: Annotated[UploadFile, File(description="A usage file, as its profile says.", examples=[A_FILE])],
    profile: Annotated[str, Query(description="How its lines are read.", examples=["csv"])],
    container: ContainerDep,
    _caller: Agent,
) -> UploadedFileOut:
    """Registers the file and starts its import; follow it at ``GET /v1/usage/files/{file_id}``."""
    kept, is_new = await container.usage.files.register(file.filename or "", profile, _chunks(file))
    if kept.status != "done":
        await container.process.start_import(ImportFileRequest(kept.file_id))
    return UploadedFileOut(file=UsageFileOut.model_validate(kept), already_known=not is_new)


@router.get("/files", summary="List usage files, newest first")
async def list_files(container: ContainerDep, _caller: Viewer, limit: Limit = 100) -> Sequence[UsageFileOut]:
    """With counts of what became of their lines."""
    return [UsageFileOut.model_validate(file) for file in await container.usage.files.list(limit)]


@router.get("/files/{file_id}", summary="A usage file and how far it is", responses=problems(404))
async def get_file(file_id: FileId, container: ContainerDep, _caller: Viewer) -> UsageFileOut:
    """It grows while the file is imported; ``done`` at the end."""
    return UsageFileOut.model_validate(await container.usage.files.get(file_id))


@router.get("/issues", summary="List records that could not be taken")
async def list_issues(
    container: ContainerDep,
    _caller: Viewer,
    kind: Annotated[Literal["", "rejected", "recycled", "conflict"], Query(description="Of this kind only.")] = "",
    status: Annotated[Literal["", "open", "resolved"], Query(description="In this state only.")] = "open",
    file_id: Annotated[
        str,
        Query(
            pattern=identity_pattern("file", optional=True), description="Of this file only.", examples=["file_1001"]
        ),
    ] = "",
    identifier: Annotated[str, Query(description="Of this line only.", examples=["+31612345678"])] = "",
    limit: Limit = 100,
) -> Sequence[UsageIssueOut]:
    """Rejected records need a correction; recycled ones wait for a line or a price; conflicts changed since."""
    wanted = IssueFilter(kind=kind, status=status, file_id=file_id, identifier=identifier, limit=limit)
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


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(_CHUNK_BYTES):
        yield chunk


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
