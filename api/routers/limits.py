"""Limits on usage: set, change and remove them, agree to go on abroad, and see what is left of each."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.account_desk import AgentDesk
from api.dependencies import ContainerDep, Viewer
from api.parameters import AccountId
from api.schemas.actions import ActionOut
from api.schemas.limits import A_LIMIT, AgreeIn, LimitOut, RemoveLimitIn, SetLimitIn
from api.schemas.problems import problems
from billing.messages import limits as commands

router = APIRouter(prefix="/v1/accounts/{account_id}", tags=["limits"])
SHOWN: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"example": [A_LIMIT]}}}}


@router.get("/limits", summary="Limits, and what is left of them", responses=problems(404) | SHOWN)
async def list_limits(account_id: AccountId, container: ContainerDep, _caller: Viewer) -> list[LimitOut]:
    """Every limit in force in the running cycle, the brand's own included, with what is used of it now."""
    return [LimitOut.of(view) for view in await container.limits.of(account_id)]


@router.post("/actions/set-usage-limit", summary="Set a limit on usage", responses=problems(404, 409))
async def set_usage_limit(desk: AgentDesk, said: SetLimitIn) -> ActionOut:
    """Raising works at once and lets usage go on; lowering works from the next cycle."""
    await desk.refuse_unknown_service(said.service_id)
    return await desk.ask("set_usage_limit", commands.SetUsageLimit, said)


@router.post("/actions/remove-usage-limit", summary="Remove a limit on usage", responses=problems(404, 409))
async def remove_usage_limit(desk: AgentDesk, said: RemoveLimitIn) -> ActionOut:
    """At once; what it stopped goes on."""
    await desk.refuse_unknown_service(said.service_id)
    return await desk.ask("remove_usage_limit", commands.RemoveUsageLimit, said)


@router.post("/actions/agree-to-continue", summary="Go on with data abroad", responses=problems(404, 409))
async def agree_to_continue(desk: AgentDesk, said: AgreeIn) -> ActionOut:
    """The customer agrees to go on beyond the cap on data abroad until the cycle ends."""
    await desk.refuse_unknown_service(said.service_id)
    return await desk.ask("agree_to_continue", commands.AgreeToContinue, said)
