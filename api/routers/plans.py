"""Plans and their prices: published in versions, never changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import Admin, ContainerDep, Viewer
from api.schemas.plans import PlanIn, PlanOut
from api.schemas.problems import problems

router = APIRouter(prefix="/v1/plans", tags=["plans"])


@router.post("", status_code=201, summary="Publish a plan", responses=problems(404))
async def publish_plan(plan: PlanIn, container: ContainerDep, caller: Admin) -> PlanOut:
    """The next version of the plan; publishing the same definition again answers the version that is there.

    Lines keep the version they were sold with. ``POST /v1/pricing/preview`` prices a definition first.
    """
    published = await container.catalogue.publish_plan(
        plan.brand, plan.definition, caller.name, plan.reason, plan.sold_from
    )
    return PlanOut.model_validate(published)


@router.get("", summary="List the published plans")
async def list_plans(
    container: ContainerDep, _: Viewer, brand: Annotated[str | None, Query(description="Of this brand only.")] = None
) -> list[PlanOut]:
    """Every version, in order of code and version."""
    return [PlanOut.model_validate(plan) for plan in await container.catalogue.plans(brand)]
