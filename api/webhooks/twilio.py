"""What became of text messages, as Twilio tells it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.dependencies import ContainerDep
from api.schemas.problems import problems
from api.webhooks.messages import body_of, take_callback
from billing.ports.messenger import SMS

router = APIRouter(tags=["webhooks"])
STATUS = {"MessageSid": "SM0123456789abcdef0123456789abcdef", "MessageStatus": "delivered"}


@router.post(
    "/webhooks/twilio",
    status_code=204,
    summary="Status of a text message",
    responses=problems(400),
    openapi_extra=body_of("application/x-www-form-urlencoded", STATUS),
)
async def twilio(request: Request, container: ContainerDep) -> Response:
    """204 when stored; 400 when Twilio's signature does not fit."""
    return await take_callback(request, container, SMS)
