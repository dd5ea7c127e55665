"""What became of text messages, as Twilio tells it."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response

from api.dependencies import ContainerDep
from api.schemas.problems import problems
from api.webhooks.messages import body_of, take_callback
from billing.ports.messenger import SMS, Callback, CallbackRefused

router = APIRouter(tags=["webhooks"])
STATUS = {"MessageSid": "SM0123456789abcdef0123456789abcdef", "MessageStatus": "delivered"}


HEARD = {"From": "whatsapp:+31612345678", "Body": "STOP", "MessageSid": "SM0123456789abcdef0123456789abcdef"}


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


@router.post(
    "/webhooks/twilio/incoming",
    status_code=204,
    summary="What a customer wrote",
    responses=problems(400),
    openapi_extra=body_of("application/x-www-form-urlencoded", HEARD),
)
async def incoming(request: Request, container: ContainerDep) -> Response:
    """204 when it was taken: by WhatsApp STOP opts out, START in again, and any words open the window of 24 hours."""
    callback = Callback(await request.body(), dict(request.headers), request.url.query)
    try:
        await container.whatsapp.hear(callback)
    except CallbackRefused as refused:
        raise HTTPException(400, str(refused)) from refused
    return Response(status_code=204)
