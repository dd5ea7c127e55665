"""What became of mails, as SendGrid tells it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.dependencies import ContainerDep
from api.webhooks.messages import take_callback
from billing.ports.messenger import EMAIL

router = APIRouter(tags=["webhooks"])


@router.post("/webhooks/sendgrid", status_code=204, summary="Events of mails")
async def sendgrid(request: Request, container: ContainerDep) -> Response:
    return await take_callback(request, container, EMAIL)
