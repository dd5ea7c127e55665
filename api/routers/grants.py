"""Allowances beside the plan: what was bought for an account's services, and what earlier cycles left."""

from __future__ import annotations

from fastapi import APIRouter

from api.account_desk import AgentDesk
from api.dependencies import ContainerDep, Viewer
from api.parameters import AccountId
from api.schemas.grants import AddOnIn, GrantOut
from api.schemas.problems import problems
from billing.services.add_ons import AddOnRequest

router = APIRouter(prefix="/v1/accounts", tags=["usage"])


@router.get("/{account_id}/allowances", summary="What is granted beside plans", responses=problems(404))
async def list_allowances(account_id: AccountId, container: ContainerDep, _: Viewer) -> list[GrantOut]:
    """Bought add-ons and what rolled over, one entry for every cycle a grant reaches. The balance says what is left."""
    return [GrantOut.of(row) for row in await container.usage.add_ons.of(account_id)]


@router.post("/{account_id}/allowances", status_code=201, summary="Grant an add-on", responses=problems(404, 409))
async def grant_allowance(desk: AgentDesk, said: AddOnIn) -> GrantOut:
    """For usage that starts from now on (or from `valid_from`): usage before it is never covered.

    It is drawn after what the plan includes, and among grants the one that expires soonest comes first.
    """
    request = AddOnRequest(
        account_id=desk.account_id, command_id=desk.command_id, author=desk.caller.name, **said.model_dump()
    )
    return GrantOut.of(await desk.container.usage.add_ons.grant(request))
