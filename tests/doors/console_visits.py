"""Going to pages of the console as somebody: signing in, reading a form, sending it."""

from __future__ import annotations

import re

import httpx

from tests.doors.doors_world import ADMIN_KEY, DoorsWorld

_FIELD = re.compile(r'name="(form|command_id|confirmed)" value="([^"]*)"')


async def sign_in(world: DoorsWorld, key: str = ADMIN_KEY) -> None:
    """From now on the client is signed in with this key."""
    world.client.headers.pop("X-API-Key", None)
    world.client.cookies.clear()
    shown = await world.client.get("/console/sign-in")
    token = re.search(r'name="form" value="([^"]+)"', shown.text)
    assert token is not None
    answer = await world.client.post("/console/sign-in", data={"form": token[1], "key": key})
    assert answer.status_code == 303, answer.text[-1500:]


def hidden(page: httpx.Response) -> dict[str, str]:
    """What a page's form sends back without being typed."""
    main = page.text.partition('<main id="content"')[2]
    return dict(_FIELD.findall(main))


async def send(world: DoorsWorld, path: str, **typed: str | list[str]) -> httpx.Response:
    """Open the page of a form, fill it in and send it."""
    page = await world.client.get(path)
    assert page.status_code == 200, page.text[-1500:]
    return await world.client.post(path, data=hidden(page) | typed)
