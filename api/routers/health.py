"""Is this process alive, and can it serve?"""

from __future__ import annotations

from fastapi import APIRouter, HTTPException

from api.dependencies import ContainerDep
from api.schemas.problems import problems

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="This process answers")
async def live() -> dict[str, str]:
    """For a supervisor: restart the process when this fails."""
    return {"status": "live"}


@router.get("/ready", summary="The books can be reached", responses=problems(503))
async def ready(container: ContainerDep) -> dict[str, str]:
    """For a load balancer: send nothing here while this answers 503."""
    if not await container.queries.is_ready():
        raise HTTPException(503, "The database does not answer.")
    return {"status": "ready"}
