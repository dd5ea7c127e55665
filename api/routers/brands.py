"""Brands: what the operator is called, and the policies that follow from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from api.dependencies import Admin, ContainerDep, Viewer
from api.schemas.brands import BrandIn, BrandOut
from api.schemas.letterheads import LetterheadIn, LetterheadOut, PublishLetterheadIn
from api.schemas.problems import problems
from billing.services.self_service_links import our_address

router = APIRouter(prefix="/v1/brands", tags=["brands"])
BrandCode = Annotated[str, Path(max_length=31, description="The code of the brand.", examples=["vonk"])]
PDF: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.post("", status_code=201, summary="Add a brand", responses=problems(404, 409))
async def add_brand(brand: BrandIn, container: ContainerDep, _: Admin) -> BrandOut:
    """Its cycle policy is checked against every cycle day of 28 years before it is kept."""
    wanted = brand.as_brand()
    wanted = replace(wanted, account_url=wanted.account_url or our_address(container.public_url))
    return BrandOut.model_validate(await container.catalogue.add_brand(wanted))


@router.get("", summary="List the brands")
async def list_brands(container: ContainerDep, _: Viewer) -> list[BrandOut]:
    """In order of their code."""
    return [BrandOut.model_validate(brand) for brand in await container.catalogue.brands()]


@router.get("/{brand}/letterheads", summary="The letterheads of a brand", responses=problems(404))
async def list_letterheads(brand: BrandCode, container: ContainerDep, _: Viewer) -> list[LetterheadOut]:
    """Every version, newest first. A document is drawn with the newest one of the moment it was issued."""
    return [LetterheadOut.model_validate(each) for each in await container.letterheads.versions(brand)]


@router.post(
    "/{brand}/letterheads/preview",
    summary="See a letterhead on an invoice",
    response_class=Response,
    responses={**PDF, **problems(404)},
)
async def preview_letterhead(
    brand: BrandCode, letterhead: LetterheadIn, container: ContainerDep, _: Viewer
) -> Response:
    """An invoice of nobody as PDF; nothing is kept."""
    content = await container.letterheads.preview(brand, letterhead.as_definition())
    return Response(content, media_type="application/pdf")


@router.post("/{brand}/letterheads", status_code=201, summary="Publish a letterhead", responses=problems(404))
async def publish_letterhead(
    brand: BrandCode, wanted: PublishLetterheadIn, container: ContainerDep, caller: Admin
) -> LetterheadOut:
    """The next version, for documents issued from now on. The same letterhead again is the same version."""
    definition = wanted.letterhead.as_definition()
    version = await container.letterheads.publish(brand, definition, caller.name, wanted.reason)
    return LetterheadOut.model_validate(version)
