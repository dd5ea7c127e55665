"""What became of mails, as SendGrid tells it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.dependencies import ContainerDep
from api.schemas.problems import problems
from api.webhooks.messages import body_of, take_callback
from billing.ports.messenger import EMAIL

router = APIRouter(tags=["webhooks"])
EVENTS = [{"email": "sanne@example.com", "event": "delivered", "sg_event_id": "ev-1", "timestamp": 1801483200}]


@router.post(
    "/webhooks/sendgrid",
    status_code=204,
    summary="Events of mails",
    responses=problems(400),
    openapi_extra=body_of("application/json", EVENTS),
)
async def sendgrid(request: Request, container: ContainerDep) -> Response:
    """204 when stored; 400 when SendGrid's signature does not fit."""
    return await take_callback(request, container, EMAIL)
