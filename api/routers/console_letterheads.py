"""The console's pages of letterheads: versions, how an invoice looks with one, and a new one with its logo."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.console.forms import Form
from api.console.listing import Listing
from api.console.posted import AdminForm, Posted
from api.console.visit import ViewerVisit, Visit
from api.routers.console_policies import VersionRow
from api.schemas.letterheads import LetterheadIn
from billing.domain.errors import InvalidValue, NotFound
from billing.services.definition_text import as_text, compare

router = APIRouter(prefix="/console/letterheads", include_in_schema=False)
ROOT = "/console/letterheads"
LIST = Listing("letterheads", has_export=False)
FIELDS = tuple(name for name in LetterheadIn.model_fields if name != "logo")
LARGEST_LOGO_BYTES = 65_536
Version = Annotated[int | None, Query(ge=1, le=100_000)]


@router.get("")
async def letterheads(visit: ViewerVisit) -> Response:
    """Every brand with its newest letterhead."""
    LIST.read(visit.request)
    brands = await visit.container.catalogue.brands()
    rows = [(brand, next(iter(await visit.container.letterheads.versions(brand.brand)), None)) for brand in brands]
    return visit.page("letterheads.html", title="Letterheads", rows=rows)


@router.get("/{brand}")
async def letterhead(brand: str, visit: ViewerVisit, version: Version = None) -> Response:
    """One brand's letterhead, its versions, and the form for the next one."""
    return await _show(visit, brand, Form(), version)


async def _show(visit: Visit, brand: str, form: Form, version: int | None = None) -> Response:
    versions = await visit.container.letterheads.versions(brand)
    kept = next((one for one in versions if version in (None, one.version)), None)
    if version is not None and kept is None:
        raise NotFound("There is no such version.", field="version", value=version, remedy="Choose one of the table.")
    rows = [
        VersionRow(
            one.version,
            one.published_at,
            one.author,
            one.reason,
            "in force" if not place else "",
            [("Look", f"{ROOT}/{brand}?version={one.version}"), ("PDF", f"{ROOT}/{brand}/{one.version}.pdf")],
        )
        for place, one in enumerate(versions)
    ]
    before = next((one for one in versions if kept is not None and one.version == kept.version - 1), None)
    return visit.page(
        "letterhead.html",
        title=f"Letterhead of {brand}",
        brand=brand,
        kept=kept,
        fields=FIELDS,
        definition=dict(kept.definition) if kept else {},
        rows=rows,
        lines=compare(_text(before.definition), _text(kept.definition)) if before and kept else None,
        form=form,
    )


def _text(definition: Any) -> str:
    """A letterhead's fields as text; of the logo only that there is one."""
    logo = {"logo": f"{len(definition['logo'])} characters of SVG"} if definition.get("logo") else {}
    return as_text({name: definition[name] for name in FIELDS if name in definition} | logo)


@router.get("/{brand}/{version}.pdf")
async def specimen(brand: str, version: int, visit: ViewerVisit) -> Response:
    """An invoice of nobody with a version."""
    versions = await visit.container.letterheads.versions(brand)
    kept = next((one for one in versions if one.version == version), None)
    if kept is None:
        raise NotFound("There is no such version.", field="version", value=version, remedy="Choose one of the table.")
    return _pdf(await visit.container.letterheads.preview(brand, kept.definition))


def _pdf(content: bytes) -> Response:
    headers = {"Content-Disposition": 'inline; filename="specimen.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


@router.post("/{brand}")
async def publish(brand: str, posted: AdminForm) -> Response:
    """Show what was typed on an invoice, or publish it for documents from now on."""

    async def act() -> Response:
        definition = await _typed(posted, brand)
        if posted.text("do") == "preview":
            return _pdf(await posted.container.letterheads.preview(brand, definition))
        kept = await posted.container.letterheads.publish(brand, definition, posted.author, posted.reason)
        return posted.visit.to(f"{ROOT}/{brand}", f"Version {kept.version} is on documents from now on.")

    return await posted.carry_out(act, lambda form: _show(posted.visit, brand, form))


async def _typed(posted: Posted, brand: str) -> dict[str, str]:
    """The letterhead as it was typed; without a new logo it keeps the newest one's. Raises InvalidValue."""
    definition = {name: posted.text(name, 200) for name in FIELDS if posted.text(name, 200)}
    logo = posted.data.get("logo")
    if logo is not None and not isinstance(logo, str) and logo.filename:
        content = await logo.read(LARGEST_LOGO_BYTES + 1)
        if len(content) > LARGEST_LOGO_BYTES:
            remedy = "Use an SVG of at most 64 KiB."
            raise InvalidValue("The logo is too large.", field="logo", value=logo.filename, remedy=remedy)
        try:
            return definition | {"logo": content.decode("utf-8-sig")}
        except UnicodeDecodeError:
            remedy = "Save it as plain SVG in UTF-8."
            raise InvalidValue("This is no SVG.", field="logo", value=logo.filename, remedy=remedy) from None
    if posted.text("keep_logo") == "true":
        newest = next(iter(await posted.container.letterheads.versions(brand)), None)
        if newest is not None and newest.definition.get("logo"):
            definition["logo"] = newest.definition["logo"]
    return definition
