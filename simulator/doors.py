"""What the simpler doors share: JSON answers and the faults that strike a request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulator.faults import Fault
from simulator.store import Json
from simulator.world import World

Handler = Callable[[Request], Awaitable[Response]]


def answer_json(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(json.dumps(body), status, headers, "application/json")


async def strikes_on(world: World, request: Request) -> dict[str, Fault]:
    """The faults that strike this request; their counters are kept."""
    strikes = world.faults.on_request(request.method, request.url.path)
    if strikes:
        await world.store.run(lambda tx: tx.keep("faults", world.faults.as_json()))
    return strikes


def serve(world: World, handler: Handler, failure: Json, busy: Json) -> Handler:
    """The handler with the faults in force around it; ``failure`` and ``busy`` are the vendor's 500 and 429."""

    async def struck(request: Request) -> Response:
        strikes = await strikes_on(world, request)
        if "too_many_requests" in strikes:
            return answer_json(429, busy, {"Retry-After": "1"})
        for kind in ("hang_before", "slow"):
            if kind in strikes:
                await asyncio.sleep(strikes[kind].seconds)
        if "error_500_before" in strikes:
            return answer_json(500, failure)
        request.state.strikes = strikes
        answer = await handler(request)
        if "hang_after_commit" in strikes:
            await asyncio.sleep(strikes["hang_after_commit"].seconds)
        return answer_json(500, failure) if "error_500_after" in strikes else answer

    return struck
