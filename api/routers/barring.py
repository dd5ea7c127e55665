"""Barring orders as the network answered them. Bar and unbar are commands of the account."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import ContainerDep, Viewer
from api.parameters import AccountId
from api.schemas.dunning import OrderOut
from api.schemas.problems import problems

router = APIRouter(tags=["dunning"])


@router.get("/v1/accounts/{account_id}/barring", summary="Orders to the network", responses=problems(404))
async def list_orders(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> list[OrderOut]:
    """Newest first, each with the state of its services."""
    return [OrderOut.model_validate(one) for one in await container.barring.orders(account_id)]
