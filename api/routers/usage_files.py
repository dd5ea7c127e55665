"""Usage files: hand them in, follow them, read their reports, decide about those that are held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Header, Query, Request, UploadFile
from fastapi.responses import PlainTextResponse, Response

from api.dependencies import Agent, ContainerDep, Finance, Viewer
from api.parameters import FileId
from api.schemas.base import identity_pattern
from api.schemas.problems import problems
from api.schemas.usage_files import A_FILE, DecisionIn, FileReportOut, UploadedFileOut, UsageFileOut
from billing.ports.usage_files import FileFilter
from billing.services.usage_arrivals import HandedIn
from billing.services.usage_reports import as_text

router = APIRouter(prefix="/v1/usage/files", tags=["usage"])
_CHUNK_BYTES = 2**20
_BINARY = {
    "requestBody": {
        "required": False,  # a day without usage is an empty file
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}, "example": A_FILE},
        },
    }
}
_REPORTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"example": "file_1004  roaming-0009.csv\nstatus          done\n..."}}}
}
Profile = Annotated[str, Query(description="How its lines are read.", examples=["csv"])]


@router.post("", status_code=202, summary="Upload a usage file")
async def upload_file(
    file: Annotated[UploadFile, File(description="A usage file, as its profile says.", examples=[A_FILE])],
    profile: Profile,
    container: ContainerDep,
    _caller: Agent,
) -> UploadedFileOut:
    """Registers the file and starts its import; follow it at ``GET /v1/usage/files/{file_id}``."""
    return _uploaded(await container.usage.arrivals.hand_in(file.filename or "", profile, _chunks(file)))


@router.post("/content", status_code=202, summary="Upload a usage file as a stream", openapi_extra=_BINARY)
async def upload_content(
    request: Request,
    profile: Profile,
    name: Annotated[str, Query(max_length=200, description="The file's name, with its number.", examples=["day.csv"])],
    container: ContainerDep,
    _caller: Agent,
) -> UploadedFileOut:
    """The body is the file itself, up to 1 GiB; it goes to disk as it comes. Otherwise like an upload as a form."""
    return _uploaded(await container.usage.arrivals.hand_in(name, profile, request.stream()))


@router.get("", summary="List usage files, newest first")
async def list_files(
    container: ContainerDep,
    _caller: Viewer,
    status: Annotated[
        Literal["", "registered", "held", "importing", "done", "rejected", "cancelling", "cancelled"],
        Query(description="In this state only."),
    ] = "",
    profile: Annotated[str, Query(description="Of this profile only.", examples=["csv"])] = "",
    before: Annotated[
        str,
        Query(pattern=identity_pattern("file", optional=True), description="The last file of the page before."),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="The most answered.")] = 100,
) -> Sequence[UsageFileOut]:
    """With counts of what became of their lines; held ones say why."""
    found = await container.usage.files.list(FileFilter(status, profile, before, limit))
    return [UsageFileOut.model_validate(file) for file in found]


@router.get("/{file_id}", summary="A usage file and how far it is", responses=problems(404))
async def get_file(file_id: FileId, container: ContainerDep, _caller: Viewer) -> UsageFileOut:
    """It grows while the file is imported; ``done`` at the end."""
    return UsageFileOut.model_validate(await container.usage.files.get(file_id))


@router.get(
    "/{file_id}/report",
    summary="The report of a usage file",
    response_model=FileReportOut,
    responses={**problems(404), **_REPORTS},
)
async def get_report(
    file_id: FileId,
    container: ContainerDep,
    _caller: Viewer,
    accept: Annotated[str, Header(description="text/plain for a page of text.", examples=["text/plain"])] = "",
) -> Response | FileReportOut:
    """What it declared and held, and what became of every record; the records themselves: ``GET /v1/usage/issues``."""
    report = await container.usage.files.report(file_id)
    if accept.partition(",")[0].partition(";")[0].strip() == "text/plain":
        return PlainTextResponse(as_text(report))
    return FileReportOut.of(report, as_text(report))


@router.post("/{file_id}/release", summary="Import a held file as it is", responses=problems(404, 409))
async def release_file(file_id: FileId, decision: DecisionIn, container: ContainerDep, caller: Agent) -> UsageFileOut:
    """Also lets go the files that waited behind it in the sequence."""
    file = await container.usage.arrivals.release(file_id, caller.name, decision.reason)
    return UsageFileOut.model_validate(file)


@router.post("/{file_id}/reject", summary="Put a held file aside for good", responses=problems(404, 409))
async def reject_file(file_id: FileId, decision: DecisionIn, container: ContainerDep, caller: Agent) -> UsageFileOut:
    """Nothing of it is counted; its number in the sequence is free for the right file."""
    file = await container.usage.arrivals.reject(file_id, caller.name, decision.reason)
    return UsageFileOut.model_validate(file)


@router.post("/{file_id}/cancel", status_code=202, summary="Take an imported file back", responses=problems(404, 409))
async def cancel_file(file_id: FileId, decision: DecisionIn, container: ContainerDep, caller: Finance) -> UsageFileOut:
    """As if it had never come: its records are counted down, in a billed cycle by a correction on the next invoice.

    ``cancelling`` until the last record is taken back, then ``cancelled``; the same content may then be sent again.
    """
    file = await container.usage.cancelling.cancel(file_id, caller.name, decision.reason)
    return UsageFileOut.model_validate(file)


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(_CHUNK_BYTES):
        yield chunk


def _uploaded(handed_in: HandedIn) -> UploadedFileOut:
    return UploadedFileOut(file=UsageFileOut.model_validate(handed_in.file), already_known=not handed_in.is_new)
