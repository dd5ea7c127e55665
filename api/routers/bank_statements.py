"""Files of banks coming in: hand them in, follow what they led to, decide about those that are held."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response

from api.dependencies import ContainerDep, Finance, Viewer
from api.schemas.bank_statements import (
    A_STATEMENT_FILE,
    BankPaymentOut,
    BankReportOut,
    BankStatementOut,
    StatementDecisionIn,
    TakenInOut,
    shown_file,
)
from api.schemas.base import identity_pattern
from api.schemas.problems import problems
from billing.services.bank_statement_reports import as_text

router = APIRouter(prefix="/v1/bank-statements", tags=["bank files"])
FileId = Annotated[str, Path(pattern=identity_pattern("bkf"), description="The bank's file.", examples=["bkf_1001"])]
Limit = Annotated[int, Query(ge=1, le=1000, description="The most listed.")]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/xml": {"schema": {"type": "string", "format": "binary"}, "example": A_STATEMENT_FILE},
        },
    }
}
_REPORTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"example": "bkf_1001  camt053-00000007.xml\nstatus          taken\n..."}}}
}


@router.post("", status_code=201, summary="Hand in a bank's file", openapi_extra=_BODY, responses=problems(409))
async def hand_in(
    request: Request,
    name: Annotated[
        str, Query(min_length=1, max_length=200, description="The file's name.", examples=["camt053-7.xml"])
    ],
    container: ContainerDep,
    caller: Finance,
) -> TakenInOut:
    """The body is the file itself: pain.002 or camt.052 to camt.054, up to 64 MiB. What cannot be read is refused, and
    nothing of it kept; what cannot be believed is held. The same content again changes nothing.
    """
    with tempfile.TemporaryFile() as content:
        async for piece in request.stream():
            content.write(piece)
        taken = await container.bank_statements.take_in(name, content, "api", caller.name)
    report = BankReportOut.of(taken.report)
    return TakenInOut(**dict(report), already_known=not taken.is_new)


@router.get("", summary="List banks' files, newest first")
async def list_files(
    container: ContainerDep,
    _: Viewer,
    status: Annotated[Literal["", "held", "taken", "rejected"], Query(description="In this state only.")] = "",
    before: Annotated[
        str, Query(pattern=identity_pattern("bkf", optional=True), description="The last file of the page before.")
    ] = "",
    limit: Limit = 100,
) -> Sequence[BankStatementOut]:
    """Held ones say why."""
    return [shown_file(one) for one in await container.bank_statements.list(status, before, limit)]


@router.get(
    "/{file_id}",
    summary="The report of a bank's file",
    response_model=BankReportOut,
    responses={**problems(404), **_REPORTS},
)
async def get_report(
    file_id: FileId,
    container: ContainerDep,
    _: Viewer,
    accept: Annotated[str, Header(description="text/plain for a page of text.", examples=["text/plain"])] = "",
) -> Response | BankReportOut:
    """What its payments led to, and those that belong to nobody yet."""
    report = await container.bank_statements.report(file_id)
    if accept.partition(",")[0].partition(";")[0].strip() == "text/plain":
        return PlainTextResponse(as_text(report))
    return BankReportOut.of(report)


@router.get("/{file_id}/payments", summary="The payments that a file was the first to bring", responses=problems(404))
async def list_payments(
    file_id: FileId,
    container: ContainerDep,
    _: Viewer,
    effect: Annotated[str, Query(max_length=20, description="That led to this; empty: that wait.")] = "suspense",
    limit: Limit = 100,
) -> Sequence[BankPaymentOut]:
    """Each with what became of it, and why."""
    found = await container.bank_statements.payments(file_id, effect, limit)
    return [BankPaymentOut.model_validate(one) for one in found]


@router.post("/{file_id}/release", summary="Take a held file as it is", responses=problems(404, 409))
async def release_file(
    file_id: FileId, decision: StatementDecisionIn, container: ContainerDep, caller: Finance
) -> BankReportOut:
    """Payments that do not add up to their entry are taken as its sum, and wait in suspense."""
    return BankReportOut.of(await container.bank_statements.release(file_id, caller.name, decision.reason))


@router.post("/{file_id}/reject", summary="Put a held file aside for good", responses=problems(404, 409))
async def reject_file(
    file_id: FileId, decision: StatementDecisionIn, container: ContainerDep, caller: Finance
) -> BankReportOut:
    """Nothing of it is booked."""
    return BankReportOut.of(await container.bank_statements.reject(file_id, caller.name, decision.reason))
