"""People who sign in: invited, with a password, with an app, in a browser of their own."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pyotp

from billing.ports.audit import AuditEvent, AuditFilter
from tests.doors.doors_world import DOOR, DoorsWorld

PASSWORD = "mistral teapot forty kites"
EMAIL = "sanne@vonk.example"


@dataclass
class Person:
    """A browser of one person; ``app`` is the secret in their authenticator app."""

    world: DoorsWorld
    browser: httpx.AsyncClient
    app: str = ""
    codes_shown: int = 0

    async def form_of(self, path: str) -> str:
        """The token of a page's form."""
        shown = await self.browser.get(path)
        found = re.search(r'name="form" value="([^"]+)"', shown.text)
        assert found is not None, (path, shown.status_code)
        return found[1]

    async def send(self, page: str, path: str, **fields: str) -> httpx.Response:
        """A form of a page, as a browser sends it."""
        return await self.browser.post(path, data={"form": await self.form_of(page)} | fields)

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD, **fields: str) -> httpx.Response:
        return await self.send("/console/sign-in", "/console/sign-in", email=email, password=password, **fields)

    async def set_password(self, link: str, password: str = PASSWORD, again: str = "") -> httpx.Response:
        path, word = link.removeprefix(DOOR), link.rpartition("/")[2]
        return await self.send(path, "/console/link", word=word, password=password, again=again or password)

    def code(self) -> str:
        """What the app shows now, then what it shows next: no test waits half a minute. There are two of them."""
        self.codes_shown += 1
        assert self.codes_shown <= 2
        return pyotp.TOTP(self.app).at(datetime.now(UTC) + timedelta(seconds=30 * (self.codes_shown - 1)))

    async def enrol(self) -> httpx.Response:
        """Set the second factor up with the key that the page shows."""
        shown = (await self.browser.get("/console/second-factor")).text
        found = re.search(r"Key: <code>([A-Z2-7]+)</code>", shown)
        assert found is not None
        self.app = found[1]
        return await self.send("/console/second-factor", "/console/second-factor", code=self.code())

    async def read(self, path: str, status: int = 200) -> str:
        shown = await self.browser.get(path)
        assert (path, shown.status_code) == (path, status)
        return html.unescape(shown.text)


@asynccontextmanager
async def a_person(world: DoorsWorld, address: str = "192.0.2.7") -> AsyncIterator[Person]:
    """Somebody with a browser, not signed in."""
    transport = httpx.ASGITransport(world.app, raise_app_exceptions=False, client=(address, 50000))
    async with httpx.AsyncClient(transport=transport, base_url=DOOR) as browser:
        yield Person(world, browser)


async def an_invitation(
    world: DoorsWorld, role: str = "agent", email: str = EMAIL, name: str = "Sanne de Vries"
) -> str:
    """The link that an administrator gets for somebody."""
    answer = await world.post("/v1/users", {"email": email, "name": name, "role": role})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["link"])


async def signed_in(person: Person, role: str = "agent", email: str = EMAIL) -> Person:
    """Invited with this role, with a password and, where the role wants it, a second factor."""
    answer = await person.set_password(await an_invitation(person.world, role, email))
    if answer.headers["location"] == "/console/second-factor":
        await person.enrol()
    assert (await person.browser.get("/console")).status_code == 200
    return person


async def trail(world: DoorsWorld, **wanted: str) -> list[AuditEvent]:
    """What the audit trail says, oldest first."""
    assert world.container.audit is not None
    return list(reversed(await world.container.audit.find(AuditFilter(**wanted))))
