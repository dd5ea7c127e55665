"""The console's pages of usage files and streams: what came, what became of it, and what a person decides about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Literal

from fastapi import APIRouter
from starlette.datastructures import UploadFile
from starlette.responses import PlainTextResponse, Response

from api.console.exports import csv_answer
from api.console.forms import Form
from api.console.listing import Choice, Listing, Text
from api.console.posted import AgentForm, FinanceForm
from api.console.visit import ViewerVisit, Visit
from api.container import Container
from billing.domain.errors import InvalidValue, UnableTo
from billing.ports.usage_files import CANCELLED, CANCELLING, FILE_ORDERS, HELD, REJECTED, FileFilter, UsageFile
from billing.services.usage_outlook import Cancelling, in_hours
from billing.services.usage_reports import as_text

router = APIRouter(prefix="/console/usage", include_in_schema=False)
ROOT = "/console/usage"
PAGE_SIZE = 50
CHUNK_BYTES = 2**20
LARGEST_UPLOAD_BYTES = 64 * 2**20
STATES = ("registered", "held", "importing", "done", "rejected", "cancelling", "cancelled")
FILES = Listing("files", filters=(Choice("status", STATES), Text("profile", 64)), sorts=FILE_ORDERS)
COUNTS = ("read", "accepted", "duplicates", "conflicts", "recycled", "rejected", "late", "partial")
COLUMNS = ("file", "name", "profile", "state", "registered at", "finished at", *COUNTS, "held because")
TABS = (
    ("Files and streams", ROOT),
    ("Kept records", f"{ROOT}/records"),
    ("Unknown numbers", f"{ROOT}/waiting"),
    ("Look up a record", f"{ROOT}/lookup"),
)


@router.get("")
async def files(visit: ViewerVisit) -> Response:
    """Files, streams and sources; or every file as CSV."""
    asked = FILES.read(visit.request)
    wanted = FileFilter(asked.text("status"), asked.text("profile"))
    if asked.as_csv:
        return csv_answer("usage-files", COLUMNS, _every(visit.container, wanted))
    return await _show_files(visit, Form())


async def _show_files(visit: Visit, form: Form) -> Response:
    # After a refused upload the whole list is shown beside it.
    asked = replace(FILES.read(visit.request), path=ROOT)
    usage = visit.container.usage
    wanted = FileFilter(
        asked.text("status"), asked.text("profile"), "", PAGE_SIZE + 1, asked.order, (asked.page - 1) * PAGE_SIZE
    )
    found = await usage.files.list(wanted)
    profiles = usage.files.profiles
    return visit.page(
        "usage.html",
        title="Usage",
        tabs=TABS,
        asked=asked,
        files=found[:PAGE_SIZE],
        pages=asked.page + (len(found) > PAGE_SIZE),
        state_options=[(state, state) for state in STATES],
        profile_options=[(profile, profile) for profile in profiles],
        streams=await usage.streams.positions(),
        sources=[one for one in await usage.outlook.sources(profiles) if one.last_at is not None],
        in_hours=in_hours,
        largest=LARGEST_UPLOAD_BYTES // 2**20,
        form=form,
    )


async def _every(container: Container, wanted: FileFilter) -> AsyncIterator[Sequence[object]]:
    wanted = replace(wanted, before="", limit=PAGE_SIZE)
    while found := await container.usage.files.list(wanted):
        for one in found:
            told = (one.file_id, one.name, one.profile, one.status, one.registered_at, one.finished_at)
            yield (*told, *(getattr(one, name) for name in COUNTS), one.hold_reason)
        wanted = replace(wanted, before=found[-1].file_id)


@router.post("/files")
async def upload(posted: AgentForm) -> Response:
    """A file from the browser; bigger ones come by the API, a folder or the command line."""

    async def act() -> Response:
        file, profile = posted.file("file"), posted.needed("profile", "Choose how its lines are read.", 64)
        if not file.size or file.size > LARGEST_UPLOAD_BYTES:
            size = "empty" if not file.size else f"larger than {LARGEST_UPLOAD_BYTES // 2**20} MiB"
            remedy = "Send it by POST /v1/usage/files/content, a watched folder or evenflow import."
            raise InvalidValue(f"The file is {size}.", field="file", value=file.filename or "", remedy=remedy)
        handed = await posted.container.usage.arrivals.hand_in(file.filename or "", profile, _chunks(file))
        said = "It is being imported." if handed.is_new else "The same content came before: nothing more happens."
        return posted.visit.to(f"{ROOT}/files/{handed.file.file_id}", said, "done" if handed.is_new else "warn")

    return await posted.carry_out(act, lambda form: _show_files(posted.visit, form))


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(CHUNK_BYTES):
        yield chunk


@router.get("/files/{file_id}")
async def file_page(file_id: str, visit: ViewerVisit) -> Response:
    """One file: counts, totals, what it declared, and what a person may decide."""
    return await _show_file(visit, file_id, Form())


async def _show_file(visit: Visit, file_id: str, form: Form, effect: Cancelling | None = None) -> Response:
    report = await visit.container.usage.files.report(file_id)
    file = report.file
    return visit.page(
        "usage_file.html",
        title=file.name,
        file=file,
        report=report,
        counts=[(name, getattr(file, name)) for name in COUNTS],
        progress=_progress(file),
        is_held=file.status == HELD,
        can_be_cancelled=file.status not in (REJECTED, CANCELLING, CANCELLED),
        effect=effect,
        form=form,
    )


def _progress(file: UsageFile) -> int | None:
    """How much of a running import is done, in percent of the declared records; None where nobody said how many."""
    declared = file.declared.get("records", "")
    if file.status != "importing" or not declared.isdigit() or not int(declared):
        return None
    return min(100 * file.read // int(declared), 100)


@router.get("/files/{file_id}/report.txt")
async def report_text(file_id: str, visit: ViewerVisit) -> Response:
    """The report as a page of text."""
    return PlainTextResponse(as_text(await visit.container.usage.files.report(file_id)))


@router.post("/files/{file_id}/{decision}")
async def decide(file_id: str, decision: Literal["release", "reject"], posted: AgentForm) -> Response:
    """Import a held file as it is, or put it aside for good."""
    arrivals = posted.container.usage.arrivals

    async def act() -> Response:
        if decision == "release":
            await arrivals.release(file_id, posted.author, posted.reason)
            return posted.visit.to(f"{ROOT}/files/{file_id}", "The file is released and is being imported.")
        await arrivals.reject(file_id, posted.author, posted.reason)
        return posted.visit.to(f"{ROOT}/files/{file_id}", "The file is put aside; nothing of it is counted.")

    return await posted.carry_out(act, lambda form: _show_file(posted.visit, file_id, form))


@router.post("/files/{file_id}/cancel/preview")
async def preview_cancel(file_id: str, posted: FinanceForm) -> Response:
    """What taking the file back would change; nothing is changed."""

    async def act() -> Response:
        effect = await posted.container.usage.outlook.cancelling(file_id)
        return await _show_file(posted.visit, file_id, Form(posted.values), effect)

    return await posted.carry_out(act, lambda form: _show_file(posted.visit, file_id, form))


@router.post("/files/{file_id}/cancel/confirm")
async def cancel(file_id: str, posted: FinanceForm) -> Response:
    """Take the whole file back, as it was previewed."""

    async def act() -> Response:
        effect = await posted.container.usage.outlook.cancelling(file_id)
        if posted.needed("expected", most=20) != str(effect.events):
            raise UnableTo(
                f"The file counts {effect.events} records by now.",
                field="expected",
                value=posted.text("expected", 20),
                remedy="Look at the preview again.",
            )
        await posted.container.usage.cancelling.cancel(file_id, posted.author, posted.reason)
        return posted.visit.to(f"{ROOT}/files/{file_id}", "The file is being taken back.")

    return await posted.carry_out(act, lambda form: _show_file(posted.visit, file_id, form))
