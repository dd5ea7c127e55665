"""What a plan would cost, a published price corrected, and the whole catalogue as one file."""

from __future__ import annotations

from datetime import datetime, time

from fastapi import APIRouter
from starlette.responses import Response

from api.console.desk import mistakes_of, typed_day, typed_whole
from api.console.forms import Form, refused_form
from api.console.listing import Choice, Listing, Text
from api.console.posted import AdminForm, Posted, ViewerForm
from api.console.visit import AdminVisit, ViewerVisit, Visit
from api.routers.console_catalogue import ROOT, chosen, defined, show_plan, versions_of
from billing.domain.cycle_calendar import at_local_time
from billing.domain.errors import InvalidValue, Refusal
from billing.domain.rating import PreviewedService, UsageEvent, preview_services
from billing.ports.plan_corrections import NewPlanCorrection
from billing.services.catalogue_files.service import LARGEST_FILE_BYTES, CatalogueForm, CatalogueImported

router = APIRouter(prefix="/console/catalogue", include_in_schema=False)
FORMS = tuple(form.value for form in CatalogueForm)
FILE = Listing("file", filters=(Choice("form", FORMS), Text("brand", 64)), has_export=False)
MEDIA = {CatalogueForm.YAML: "application/yaml", CatalogueForm.CSV: "text/csv"}
MOST_TIMES = 1000


@router.post("/plans/{code}/price")
async def price(code: str, posted: ViewerForm) -> Response:
    """What a month of some usage would cost on a version, with every step."""

    async def act() -> Response:
        version = typed_whole(posted.values, "version", 1)
        plan = defined(chosen(await versions_of(posted.container, code), version))
        wanted = posted.text("price_code", 64)
        events: list[UsageEvent] = []
        if wanted:
            known = {one.code: one for one in plan.usage_prices}
            if wanted not in known:
                raise InvalidValue("There is no such price.", field="price_code", value=wanted, remedy="Choose one.")
            quantity, times = typed_whole(posted.values, "quantity", 1, 10**12), typed_whole(posted.values, "times", 1)
            if times > MOST_TIMES:
                remedy = f"Use at most {MOST_TIMES}."
                raise InvalidValue("These are too many.", field="times", value=times, remedy=remedy)
            event = UsageEvent(known[wanted].meter, quantity, posted.text("destination", 21))
            events = [event] * times
        (priced,) = preview_services([PreviewedService(plan, events)])
        return await show_plan(posted.visit, code, version, Form(posted.values), priced=priced)

    return await posted.carry_out(act, lambda form: show_plan(posted.visit, code, None, form))


async def _correction(code: str, posted: Posted, reason: str) -> NewPlanCorrection:
    """What a form asks for; ``since`` is midnight of the brand's date. Raises InvalidValue."""
    versions = await versions_of(posted.container, code)
    kept = chosen(versions, typed_whole(posted.values, "version", 1))
    corrected = typed_whole(posted.values, "corrected_version", 1)
    zone = next(one.zone for one in await posted.container.catalogue.brands() if one.brand == kept.brand)
    since: datetime = at_local_time(typed_day(posted.values, "since"), time(), zone)
    return NewPlanCorrection(code, kept.plan_version, corrected, since, reason, posted.author)


@router.post("/plans/{code}/correct/preview")
async def preview_correction(code: str, posted: AdminForm) -> Response:
    """Who would be affected by a correction, and by how much; nothing is kept."""

    async def act() -> Response:
        wanted = await _correction(code, posted, "preview")
        seen = await posted.container.usage.plan_corrections.preview(wanted)
        return await show_plan(posted.visit, code, wanted.plan_version, Form(posted.values), correction=seen)

    return await posted.carry_out(act, lambda form: show_plan(posted.visit, code, None, form))


@router.post("/plans/{code}/correct")
async def correct(code: str, posted: AdminForm) -> Response:
    """From an instant on, one version counts as another."""

    async def act() -> Response:
        wanted = await _correction(code, posted, posted.reason)
        made = await posted.container.usage.plan_corrections.request(wanted)
        said = f"{made.correction_id} is under way: open cycles change at once, billed ones on the next invoice."
        return posted.visit.to(f"{ROOT}/plans/{code}", said)

    return await posted.carry_out(act, lambda form: show_plan(posted.visit, code, None, form))


@router.get("/file")
async def export(visit: ViewerVisit) -> Response:
    """The newest version of every plan as a file."""
    asked = FILE.read(visit.request)
    form = CatalogueForm(asked.text("form") or CatalogueForm.YAML)
    text = await visit.container.catalogue_files.export(form, asked.text("brand"))
    headers = {"content-disposition": f'attachment; filename="catalogue.{form.value}"'}
    return Response(text, media_type=f"{MEDIA[form]}; charset=utf-8", headers=headers)


@router.get("/import")
async def import_page(visit: AdminVisit) -> Response:
    """A form for a file; it is checked as a whole first."""
    return await _show_import(visit, Form())


async def _show_import(
    visit: Visit, form: Form, imported: CatalogueImported | None = None, refusal: Refusal | None = None
) -> Response:
    return visit.page(
        "catalogue_import.html",
        title="Import the catalogue",
        form=form,
        imported=imported,
        mistakes=mistakes_of(refusal, ""),
        largest=LARGEST_FILE_BYTES // 2**20,
    )


@router.post("/import")
async def import_file(posted: AdminForm) -> Response:
    """Check a file, or publish what it changes; a refusal names every row and column, or line."""
    try:
        file = posted.file("file")
        form = CatalogueForm.CSV if (file.filename or "").casefold().endswith(".csv") else CatalogueForm.YAML
        checks = posted.text("do") != "publish"
        reason = "" if checks else posted.reason
        imported = await posted.container.catalogue_files.import_(
            form, await file.read(LARGEST_FILE_BYTES + 1), dry_run=checks, author=posted.author, reason=reason
        )
        if checks:
            return await _show_import(posted.visit, Form(posted.values), imported)
        return posted.visit.to(ROOT, f"{imported.changed} plans have a new version.")
    except Refusal as refusal:
        posted.visit.request.state.refusal = type(refusal).__name__
        return await _show_import(posted.visit, refused_form(posted.values, refusal), refusal=refusal)
