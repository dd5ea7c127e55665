"""The demonstration's own way in: Evenflow's API as its operator, and the outside world's pages and control."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from evenflow.stack.running import RunningStack

PATIENCE_SECONDS = 30.0
# A part that was killed is back within seconds; every request may be repeated.
ATTEMPTS = 20
PAUSE_SECONDS = 1.0


class Refused(Exception):
    """A door said no; the text is its own sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Door:
    """One server's doors in JSON. What cannot be reached is tried again: its supervisor is bringing it back."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **query: Any) -> Any:
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return await self._ask("POST", path, json=body, **more)

    async def put(self, path: str, body: Any) -> Any:
        return await self._ask("PUT", path, json=body)

    async def _ask(self, method: str, path: str, **request: Any) -> Any:
        """The answer's JSON. Raises Refused for an answer of 400 and more that is no fault of the server."""
        answer = await persistently(self.client, method, path, **request)
        if answer.status_code >= 400:
            raise Refused(answer.status_code, f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None


async def persistently(client: httpx.AsyncClient, method: str, path: str, **request: Any) -> httpx.Response:
    """Send a request again while its server is away or stumbles."""
    for attempt in range(ATTEMPTS):
        try:
            answer = await client.request(method, path, **request)
        except httpx.TransportError:
            if attempt + 1 == ATTEMPTS:
                raise
        else:
            if answer.status_code < 500:
                return answer
            if attempt + 1 == ATTEMPTS:
                raise Refused(answer.status_code, f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError("the last attempt answers or raises")


class Doors:
    """``api`` as an administrator, ``world`` the simulator, ``browser`` a customer's: no key, follows no redirect."""

    def __init__(self, api: Door, world: Door, browser: httpx.AsyncClient) -> None:
        self.api = api
        self.world = world
        self.browser = browser


@asynccontextmanager
async def open_doors(stack: RunningStack) -> AsyncIterator[Doors]:
    """Clients for the length of a running stack."""
    key = {"X-API-Key": stack.environment["EVENFLOW_SECRETS_ADMIN_API_KEY"]}
    async with (
        _client(stack.api_url, key) as api,
        _client(stack.simulator_url) as world,
        _client() as browser,
    ):
        yield Doors(Door(api), Door(world), browser)


def _client(base_url: str = "", headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS)
