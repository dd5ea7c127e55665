"""Brands: what the operator is called, and the policies that follow from it."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Admin, ContainerDep, Viewer
from api.schemas.brands import BrandIn, BrandOut
from api.schemas.problems import problems

router = APIRouter(prefix="/v1/brands", tags=["brands"])


@router.post("", status_code=201, summary="Add a brand", responses=problems(404, 409))
async def add_brand(brand: BrandIn, container: ContainerDep, _: Admin) -> BrandOut:
    """Its cycle policy is checked against every cycle day of 28 years before it is kept."""
    return BrandOut.model_validate(await container.catalogue.add_brand(brand.as_brand()))


@router.get("", summary="List the brands")
async def list_brands(container: ContainerDep, _: Viewer) -> list[BrandOut]:
    """In order of their code."""
    return [BrandOut.model_validate(brand) for brand in await container.catalogue.brands()]
