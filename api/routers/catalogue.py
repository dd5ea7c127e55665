"""The catalogue as one file: every plan, out and in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.dependencies import Admin, ContainerDep, Viewer
from api.schemas.catalogue import A_CSV_FILE, A_YAML_FILE, CatalogueImportedOut
from api.schemas.problems import problems
from billing.services.catalogue_files.service import CatalogueForm

router = APIRouter(prefix="/v1/catalogue", tags=["plans"])
_YAML, _CSV = "application/yaml", "text/csv"
_MEDIA = {CatalogueForm.YAML: _YAML, CatalogueForm.CSV: _CSV}
_FILES: dict[str, Any] = {
    _YAML: {"schema": {"type": "object"}, "example": A_YAML_FILE},
    _CSV: {"schema": {"type": "string"}, "example": A_CSV_FILE},
}
Form = Annotated[CatalogueForm, Query(description="yaml: whole plans; csv: flat rates, for spreadsheets.")]


@router.get(
    "",
    summary="Export the catalogue",
    response_class=Response,
    responses={200: {"content": _FILES}, **problems(404)},
)
async def export_catalogue(
    container: ContainerDep,
    _: Viewer,
    format: Form = CatalogueForm.YAML,
    brand: Annotated[str, Query(max_length=64, description="Of this brand only.", examples=["vonk"])] = "",
) -> Response:
    """The newest version of every plan. Importing the file as it is changes nothing.

    In CSV, cells that a spreadsheet would run as a formula begin with an apostrophe, which an import takes off again.
    """
    text = await container.catalogue_files.export(format, brand)
    name = f"catalogue{'-' if brand else ''}{brand}.{format.value}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=f"{_MEDIA[format]}; charset=utf-8", headers=headers)


@router.post(
    "/import",
    summary="Import the catalogue",
    openapi_extra={"requestBody": {"required": True, "content": _FILES}},
)
async def import_catalogue(
    request: Request,
    container: ContainerDep,
    caller: Admin,
    format: Form = CatalogueForm.YAML,
    dry_run: Annotated[bool, Query(description="Only check, and say what would change.")] = False,
) -> CatalogueImportedOut:
    """Publish the next version of every plan that the file changes, all of them or none.

    Everything is checked before anything is published. A refusal lists every problem with its line, or in CSV its row
    and column. Plans and prices that the file does not name stay as they are; lines keep the version they have.
    """
    content = await request.body()
    return CatalogueImportedOut.model_validate(
        await container.catalogue_files.import_(format, content, dry_run=dry_run, author=caller.name)
    )
