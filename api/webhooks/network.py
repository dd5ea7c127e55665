"""What the network confirms of our barring orders."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Header, HTTPException, Request

from api.dependencies import ContainerDep
from api.schemas.problems import problems
from api.webhooks.messages import body_of
from billing.ports.barring import UntrustedConfirmation
from billing.services.barring_confirmations import Taken

router = APIRouter(tags=["webhooks"])
APPLIED = {"correlation_id": "acc_1001/ord_1001/svc_1001", "level": "outgoing", "state": "applied"}
_log = structlog.get_logger()


@router.post(
    "/webhooks/network",
    summary="A level was confirmed by the network",
    responses=problems(400),
    openapi_extra=body_of("application/json", APPLIED),
)
async def network(
    request: Request,
    container: ContainerDep,
    signature: Annotated[
        str, Header(alias="X-Evenflow-Signature", description="t=<seconds>,v1=<HMAC-SHA256 of time, dot and body>")
    ] = "",
) -> dict[str, Taken]:
    """200 when it is kept, or when it is about nothing of ours; 400 without a valid signature, and nothing is kept."""
    body = await request.body()
    try:
        taken = await container.network_confirmations.take(body, signature)
    except UntrustedConfirmation as refused:
        raise HTTPException(400, str(refused)) from refused
    if taken is Taken.UNKNOWN:
        _log.warning("confirmation of an unknown order", bytes=len(body))
    return {"taken": taken}
