"""Signing in with a password and a second factor, and everything that is refused on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.services.access_rules import TRIES_OF_PERSON
from tests.builders_access import EMAIL, PASSWORD, Person, a_person, an_invitation, signed_in, trail
from tests.doors.doors_world import DOOR, DoorsWorld, a_doors_world

TRIES = int(TRIES_OF_PERSON.split()[0])


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as made:
        yield made


@pytest.fixture
async def sanne(world: DoorsWorld) -> AsyncIterator[Person]:
    async with a_person(world) as person:
        yield person


async def test_an_invitation_sets_a_password_and_leads_in(sanne: Person) -> None:
    answer = await sanne.set_password(await an_invitation(sanne.world))
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    assert EMAIL in await sanne.read("/console")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


async def test_a_link_works_once(sanne: Person) -> None:
    link = await an_invitation(sanne.world)
    await sanne.set_password(link)
    shown = await sanne.read(link.removeprefix(DOOR), 404)
    assert "This link was used, is over, or never was." in shown
    assert "Ask an administrator for a new one" in await sanne.read("/console/link/made-up", 404)


async def test_a_new_link_ends_the_one_before(sanne: Person) -> None:
    first = await an_invitation(sanne.world)
    users = (await sanne.world.get("/v1/users")).json()["users"]
    answer = await sanne.world.post(f"/v1/users/{users[0]['user_id']}/link", {"reason": "The mail was lost"})
    await sanne.read(first.removeprefix(DOOR), 404)
    assert (await sanne.set_password(answer.json()["link"])).status_code == 303


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [
        ("short words", "", "Use at least 12 characters"),
        ("password1234", "", "easily guessed|similar to a commonly used|common"),
        ("sanne de vries", "", "mostly your name"),
        (PASSWORD, "mistral teapot forty kitex", "two passwords"),
    ],
)
async def test_a_weak_password_is_refused_in_the_form(sanne: Person, password: str, again: str, said: str) -> None:
    answer = await sanne.set_password(await an_invitation(sanne.world), password, again)
    assert answer.status_code == 422
    assert any(words in answer.text for words in said.split("|"))
    assert password not in answer.text


async def test_a_wrong_password_and_an_unknown_person_are_answered_alike(sanne: Person) -> None:
    await signed_in(sanne)
    async with a_person(sanne.world) as stranger:
        wrong = await stranger.sign_in(password="not the one it is")
        unknown = await stranger.sign_in(email="nobody@vonk.example")
        for answer in (wrong, unknown):
            assert answer.status_code == 401
            assert "do not belong together" in answer.text
        assert (await stranger.browser.get("/console")).status_code == 303


async def test_a_role_that_handles_money_must_set_up_a_second_factor_first(sanne: Person) -> None:
    answer = await sanne.set_password(await an_invitation(sanne.world, "finance"))
    assert answer.headers["location"] == "/console/second-factor"
    assert (await sanne.browser.get("/console")).status_code == 303
    shown = await sanne.enrol()
    assert shown.text.count("<li>") >= 10
    assert (await sanne.browser.get("/console")).status_code == 200


async def test_a_code_is_asked_for_and_counts_once(sanne: Person) -> None:
    await signed_in(sanne, "admin")
    async with a_person(sanne.world) as again:
        again.app = sanne.app
        assert (await again.sign_in()).headers["location"].startswith("/console/sign-in")
        assert (await again.browser.get("/console")).status_code == 303
        wrong = await again.send("/console/sign-in", "/console/sign-in/code", code="000000")
        assert (wrong.status_code, "This code is wrong" in wrong.text) == (401, True)
        code = sanne.code()
        assert (await again.send("/console/sign-in", "/console/sign-in/code", code=code)).status_code == 303
        assert (await again.browser.get("/console")).status_code == 200
    async with a_person(sanne.world) as thief:
        await thief.sign_in()
        used = await thief.send("/console/sign-in", "/console/sign-in/code", code=code)
        assert (used.status_code, "was used before" in used.text) == (401, True)


async def test_a_recovery_code_stands_in_once(sanne: Person) -> None:
    await sanne.set_password(await an_invitation(sanne.world, "admin"))
    shown = (await sanne.enrol()).text
    code = shown.split('class="codes card">')[1].split("<li>")[1].split("</li>")[0]
    for status in (303, 401):
        async with a_person(sanne.world) as again:
            await again.sign_in()
            answer = await again.send("/console/sign-in", "/console/sign-in/code", code=code.upper())
            assert answer.status_code == status


async def test_many_wrong_tries_lock_the_person_and_an_administrator_unlocks(sanne: Person) -> None:
    await signed_in(sanne)
    async with a_person(sanne.world, "198.51.100.9") as thief:
        for _ in range(TRIES):
            assert (await thief.sign_in(password="guess after guess")).status_code == 401
        locked = await thief.sign_in()
        assert (locked.status_code, "too many tries" in locked.text) == (429, True)
        user_id = (await sanne.world.get("/v1/users")).json()["users"][0]["user_id"]
        await sanne.world.post(f"/v1/users/{user_id}/unlock", {"reason": "It was me"})
        assert (await thief.sign_in()).status_code == 303


async def test_an_address_that_tries_many_people_is_refused(sanne: Person) -> None:
    answers = [await sanne.sign_in(email=f"guess{number}@vonk.example") for number in range(31)]
    assert [answer.status_code for answer in answers] == [401] * 30 + [429]


@pytest.mark.parametrize("token", ["made up", "", None])
async def test_a_form_that_is_not_ours_changes_nothing(sanne: Person, token: str | None) -> None:
    await signed_in(sanne)
    form = {"old": PASSWORD, "password": "another long password", "again": "another long password"}
    answer = await sanne.browser.post("/console/me/password", data=form | ({} if token is None else {"form": token}))
    assert answer.status_code == 403
    assert "was not ours" in answer.text
    async with a_person(sanne.world) as again:
        assert (await again.sign_in()).status_code == 303
    refused = (await trail(sanne.world, actor=EMAIL, action="change_password"))[-1]
    assert (refused.outcome, refused.status) == ("NotAllowed", 403)


async def test_another_sessions_form_is_not_ours(sanne: Person) -> None:
    await signed_in(sanne)
    async with a_person(sanne.world) as other:
        await signed_in(other, email="robin@vonk.example")
        stolen = await other.form_of("/console/me")
    answer = await sanne.browser.post("/console/me/sessions/end-others", data={"form": stolen})
    assert answer.status_code == 403


async def test_signing_in_and_every_step_rotates_the_session(sanne: Person) -> None:
    await sanne.set_password(await an_invitation(sanne.world, "admin"))
    before = sanne.browser.cookies["evenflow_session"]
    await sanne.enrol()
    after = sanne.browser.cookies["evenflow_session"]
    assert before != after
    async with a_person(sanne.world) as thief:
        thief.browser.cookies.set("evenflow_session", before, path="/console")
        assert (await thief.browser.get("/console")).status_code == 303


async def test_signing_out_ends_the_session_on_the_server(sanne: Person) -> None:
    await signed_in(sanne)
    word = sanne.browser.cookies["evenflow_session"]
    assert (await sanne.send("/console/me", "/console/sign-out")).headers["location"] == "/console/sign-in"
    async with a_person(sanne.world) as thief:
        thief.browser.cookies.set("evenflow_session", word, path="/console")
        assert (await thief.browser.get("/console")).status_code == 303
