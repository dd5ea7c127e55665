"""What holds a line now and why. Restricting and lifting are commands of the account; here they are previewed."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import ContainerDep, Viewer
from api.parameters import AccountId, ServiceId
from api.schemas.problems import problems
from api.schemas.restrictions import (
    PreviewBarIn,
    PreviewedRestrictionOut,
    PreviewUnbarIn,
    ServiceRestrictionsOut,
)

router = APIRouter(prefix="/v1/accounts/{account_id}", tags=["dunning"])


@router.get("/services/{service_id}/restrictions", summary="What holds a line, and why", responses=problems(404))
async def show_restrictions(
    account_id: AccountId, service_id: ServiceId, container: ContainerDep, _: Viewer
) -> ServiceRestrictionsOut:
    """Each kind with its cause, author and order; what the network confirmed; what caps stop; and the past."""
    return ServiceRestrictionsOut.model_validate(await container.restrictions.of_service(account_id, service_id))


@router.post("/restrictions/preview-bar", summary="Preview a restriction", responses=problems(404))
async def preview_bar(
    account_id: AccountId, wanted: PreviewBarIn, container: ContainerDep, _: Viewer
) -> list[PreviewedRestrictionOut]:
    """What the network would be told of each line, everything that holds it included. Nothing is stored."""
    previewed = await container.restrictions.preview(account_id, wanted.as_change())
    return [PreviewedRestrictionOut.model_validate(one) for one in previewed]


@router.post("/restrictions/preview-unbar", summary="Preview the end of a restriction", responses=problems(404))
async def preview_unbar(
    account_id: AccountId, wanted: PreviewUnbarIn, container: ContainerDep, _: Viewer
) -> list[PreviewedRestrictionOut]:
    """What other causes would still hold. Nothing is stored."""
    previewed = await container.restrictions.preview(account_id, wanted.as_change())
    return [PreviewedRestrictionOut.model_validate(one) for one in previewed]
