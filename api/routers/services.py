"""The lines of an account."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Agent, ContainerDep, Viewer
from api.parameters import AccountId
from api.schemas.accounts import ServiceIn, ServiceOut
from api.schemas.problems import problems

router = APIRouter(prefix="/v1/accounts/{account_id}/services", tags=["accounts"])


@router.post("", status_code=201, summary="Subscribe a further line", responses=problems(404, 409))
async def add_service(account_id: AccountId, service: ServiceIn, container: ContainerDep, caller: Agent) -> ServiceOut:
    """From now on; its first fee is on the next invoice."""
    return ServiceOut.model_validate(
        await container.accounts.add_service(account_id, service.as_service(), caller.name)
    )


@router.get("", summary="List the lines", responses=problems(404))
async def list_services(account_id: AccountId, container: ContainerDep, _: Viewer) -> list[ServiceOut]:
    """With the barring level the network confirmed."""
    return [ServiceOut.model_validate(service) for service in await container.accounts.services_of(account_id)]
