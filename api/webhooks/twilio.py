"""What became of text messages, as Twilio tells it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.dependencies import ContainerDep
from api.webhooks.messages import take_callback
from billing.ports.messenger import SMS

router = APIRouter(tags=["webhooks"])


@router.post("/webhooks/twilio", status_code=204, summary="Status of a text message")
async def twilio(request: Request, container: ContainerDep) -> Response:
    return await take_callback(request, container, SMS)
