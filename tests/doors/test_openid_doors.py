"""Signing in at an identity provider, over HTTP: the whole way, and every token that proves nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from evenflow.access import build_access
from evenflow.access_settings import OidcSettings
from evenflow.settings import PublicSettings, Settings
from evenflow.stack.ports import free_port
from simulator.issuer import CLIENT_ID, CLIENT_SECRET, Issuer
from tests.browser.console_server import served
from tests.builders_access import Person, a_person, an_invitation, trail
from tests.doors.doors_world import DOOR, DoorsWorld, a_doors_world


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The address of a provider that is served."""
    app, made = Starlette(), Issuer("")
    app.router.routes.append(Mount("/openid", routes=made.routes()))
    with served(app) as address:
        made.address = f"{address}/openid"
        yield made.address


@dataclass
class AtProvider:
    """A person's browser with both ends."""

    person: Person
    issuer: str

    async def sign_in(self, sub: str = "p-1") -> httpx.Response:
        """All the way there and back."""
        return await self.person.browser.get(await self.back(sub))

    async def back(self, sub: str = "p-1") -> str:
        """Where the provider sends the browser."""
        sent = await self.person.browser.get("/console/openid", params={"next": "/console/accounts"})
        assert sent.status_code == 303, sent.text
        async with httpx.AsyncClient() as web:
            asked = urlsplit(sent.headers["location"])
            assert (await web.get(sent.headers["location"])).status_code == 200
            chosen = await web.get(f"{self.issuer}/chosen?{asked.query}&sub={sub}")
        assert chosen.status_code == 303, chosen.text
        return str(chosen.headers["location"])

    async def control(self, **said: Any) -> None:
        async with httpx.AsyncClient() as web:
            (await web.post(f"{self.issuer}/_control", json=said)).raise_for_status()


def settings(issuer: str, **changes: Any) -> Settings:
    chosen = {"issuer": issuer, "client_id": CLIENT_ID, "client_secret": SecretStr(CLIENT_SECRET)}
    roles = {"role_map": "billing-admins=admin,callcenter=agent", "makes_users": True}
    return Settings(oidc=OidcSettings(**chosen | roles | changes), public=PublicSettings(api_base=DOOR))


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as made:
        yield made


@pytest.fixture
async def sanne(world: DoorsWorld, issuer: str) -> AsyncIterator[AtProvider]:
    connect(world, settings(issuer))
    async with a_person(world) as person:
        yield AtProvider(person, issuer)


def connect(world: DoorsWorld, chosen: Settings) -> None:
    """The same application with this provider."""
    store: Any = world.container.queries
    parts = build_access(chosen, store._engine, world.container.access)
    object.__setattr__(world.container, "openid", parts.openid)


async def test_a_person_comes_back_as_a_user_with_the_mapped_role(sanne: AtProvider) -> None:
    assert "Sign in with your organisation" in await sanne.person.read("/console/sign-in")
    shown = await sanne.sign_in()
    assert 'content="0;url=/console/accounts"' in shown.text
    me = await sanne.person.read("/console/me")
    assert "sanne@vonk.example" in me
    assert "identity provider" in me
    user = (await sanne.person.world.get("/v1/users")).json()["users"][0]
    assert (user["role"], user["subject"], user["issuer"]) == ("admin", "p-1", sanne.issuer)
    assert (await sanne.sign_in()).status_code == 200  # and a second time as the same one
    assert len((await sanne.person.world.get("/v1/users")).json()["users"]) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("nonce", "not for this sign-in"),
        ("issuer", "not for this sign-in"),
        ("audience", "not for this sign-in"),
        ("expired", "not for this sign-in"),
        ("unsigned", "not signed as it must be"),
        ("foreign_key", "not signed as it must be"),
        ("symmetric", "not signed as it must be"),
        ("unverified", "not verified"),
    ],
)
async def test_a_token_that_proves_nothing_signs_nobody_in(sanne: AtProvider, wrong: str, said: str) -> None:
    await sanne.control(wrong=wrong)
    answer = await sanne.sign_in()
    assert (answer.status_code, said in answer.text) == (403, True), answer.text
    assert (await sanne.person.browser.get("/console")).status_code == 303
    assert (await sanne.person.world.get("/v1/users")).json()["users"] == []
    assert (await trail(sanne.person.world, action="openid_back"))[-1].outcome == "ProviderRefused"


async def test_keys_may_change_at_any_time(sanne: AtProvider) -> None:
    assert (await sanne.sign_in()).status_code == 200
    await sanne.control(rotate=True)
    provider: Any = sanne.person.world.container.openid
    provider._provider._keys_read_at = 0.0  # as if more than ten seconds had passed
    assert (await sanne.sign_in()).status_code == 200


async def test_another_state_a_used_code_and_a_stranger_browser_are_refused(sanne: AtProvider) -> None:
    back = await sanne.back()
    asked = parse_qs(urlsplit(back).query)
    forged = await sanne.person.browser.get(urljoin(DOOR, f"/console/openid/back?code={asked['code'][0]}&state=other"))
    assert (forged.status_code, "belongs to another sign-in" in forged.text) == (403, True)
    async with a_person(sanne.person.world) as stranger:
        stolen = await stranger.browser.get(back)
        assert (stolen.status_code, "not begun here" in stolen.text) == (403, True)
    assert (await sanne.person.browser.get(back)).status_code == 200
    again = await sanne.back()
    replayed = again.replace(parse_qs(urlsplit(again).query)["code"][0], asked["code"][0])
    assert (await sanne.person.browser.get(replayed)).status_code == 403


async def test_people_without_a_role_stay_outside(sanne: AtProvider) -> None:
    answer = await sanne.sign_in("p-3")
    assert (answer.status_code, "no role here" in answer.text) == (403, True)
    refused = await sanne.person.browser.get("/console/openid/back", params={"error": "access_denied"})
    assert refused.status_code == 403


async def test_only_who_was_invited_comes_in_where_it_is_set_so(sanne: AtProvider) -> None:
    connect(sanne.person.world, settings(sanne.issuer, makes_users=False))
    answer = await sanne.sign_in("p-2")
    assert (answer.status_code, "was not invited" in answer.text) == (403, True)
    await an_invitation(sanne.person.world, "viewer", "robin@vonk.example", "Robin Smit")
    assert (await sanne.sign_in("p-2")).status_code == 200
    user = (await sanne.person.world.get("/v1/users")).json()["users"][0]
    assert (user["role"], user["status"]) == ("agent", "active")


async def test_a_disabled_user_stays_out_whatever_the_provider_says(sanne: AtProvider) -> None:
    await sanne.sign_in("p-2")
    user_id = (await sanne.person.world.get("/v1/users")).json()["users"][0]["user_id"]
    await sanne.person.world.post(f"/v1/users/{user_id}/disable", {"reason": "Left"})
    answer = await sanne.sign_in("p-2")
    assert (answer.status_code, "disabled" in answer.text) == (403, True)


async def test_a_provider_that_does_not_answer_is_said_so(sanne: AtProvider) -> None:
    connect(sanne.person.world, settings(f"http://127.0.0.1:{free_port()}/openid"))
    answer = await sanne.person.browser.get("/console/openid")
    assert (answer.status_code, "did not answer" in answer.text) == (403, True)
