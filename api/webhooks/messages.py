"""The one way a messenger's callback comes in: raw body, headers and query; 400 without a valid signature."""

from __future__ import annotations

from typing import Any

from fastapi import HTTPException, Request, Response

from api.container import Container
from billing.ports.messenger import Callback, CallbackRefused


def body_of(media_type: str, example: Any) -> dict[str, Any]:
    """Describes a body that is verified byte by byte before anything reads it."""
    schema = {"type": "array" if isinstance(example, list) else "object"}
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema, "example": example}}}}


async def take_callback(request: Request, container: Container, channel: str) -> Response:
    """Hand the callback over; 204 when it is stored. Faults leave as 5xx, so that the vendor tries again."""
    callback = Callback(await request.body(), dict(request.headers), request.url.query)
    try:
        await container.notice_callbacks.take(channel, callback)
    except CallbackRefused as refused:
        raise HTTPException(400, str(refused)) from refused
    return Response(status_code=204)
