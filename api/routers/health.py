"""Is this process alive, and can it serve?"""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.dependencies import ContainerDep

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="This process answers")
async def live() -> dict[str, str]:
    """For a supervisor: restart the process when this fails."""
    return {"status": "live"}


@router.get("/ready", summary="The books can be reached")
async def ready(container: ContainerDep, response: Response) -> dict[str, str]:
    """For a load balancer: send nothing here while this answers 503."""
    if await container.queries.is_ready():
        return {"status": "ready"}
    response.status_code = 503
    return {"status": "the database does not answer"}
