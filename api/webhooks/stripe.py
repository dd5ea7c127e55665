"""What Stripe tells us: verified, stored once, answered, then passed on."""

from __future__ import annotations

from fastapi import APIRouter, BackgroundTasks, HTTPException, Request, Response

from api.dependencies import ContainerDep
from api.schemas.problems import problems
from api.webhooks.messages import body_of
from billing.ports.payment_provider import UntrustedWebhook

router = APIRouter(tags=["webhooks"])

EVENT = {"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}
LARGEST_BYTES = 512 * 1024


@router.post(
    "/webhooks/stripe",
    summary="A payment event",
    responses=problems(400, 503),
    openapi_extra=body_of("application/json", EVENT),
)
async def stripe(request: Request, container: ContainerDep, background: BackgroundTasks) -> Response:
    """200 when stored; 400 when not from Stripe; 503 while it cannot be stored: Stripe sends again."""
    body = await _bounded(request)
    try:
        row = await container.webhook_inbox.receive("stripe", body, dict(request.headers))
    except UntrustedWebhook as refused:
        raise HTTPException(400, str(refused)) from refused
    except Exception as fault:
        raise HTTPException(503, "The event could not be stored; send it again.", {"Retry-After": "30"}) from fault
    if row is not None:
        background.add_task(container.webhook_inbox.pass_on, row)
    return Response(status_code=200, background=background)


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BYTES:
            raise HTTPException(413, f"An event has at most {LARGEST_BYTES} bytes.")
    return bytes(body)
