"""Users for administrators: invited, given roles, disabled; the trail of it; and nobody else gets there."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing.persistence.unit_of_work import SqlUnitOfWork
from tests.builders_access import EMAIL, Person, a_person, an_invitation, signed_in, trail
from tests.doors.doors_world import ADMIN_KEY, DoorsWorld, a_doors_world

ADMIN_PAGES = ("/console/users", "/console/users/usr_1001", "/console/keys", "/console/audit")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as made:
        yield made


@pytest.fixture
async def admin(world: DoorsWorld) -> AsyncIterator[Person]:
    async with a_person(world) as person:
        yield await signed_in(person, "admin")


@pytest.fixture
async def agent(admin: Person) -> AsyncIterator[Person]:
    async with a_person(admin.world, "192.0.2.8") as person:
        yield await signed_in(person, "agent", "robin@vonk.example")


async def test_pages_of_administrators_are_refused_to_others_and_the_refusal_is_kept(agent: Person) -> None:
    for path in ADMIN_PAGES:
        shown = await agent.read(path, 403)
        assert "This needs the role admin" in shown
    refused = await trail(agent.world, actor="robin@vonk.example", refused=True)
    assert [one.outcome for one in refused] == ["NotAllowed"] * len(ADMIN_PAGES)
    assert (refused[0].role, refused[0].address, refused[0].signed_in_by) == ("agent", "192.0.2.8", "password")
    assert "Users" not in await agent.read("/console")


async def test_commands_of_administrators_are_refused_to_others(agent: Person) -> None:
    answer = await agent.send(
        "/console/me", "/console/users/usr_1001/role", role="viewer", reason="Because", name="x", email="y@z.example"
    )
    assert answer.status_code == 403
    for role in ("viewer", "agent", "finance"):
        answer = await agent.world.client.get("/v1/users", headers=agent.world.as_role(role))
        assert answer.status_code == 403


async def test_an_administrator_invites_on_the_page_and_the_link_is_shown_once(admin: Person) -> None:
    shown = await admin.send(
        "/console/users",
        "/console/users/invite",
        email="Li.Wei@Vonk.example",
        name="Li  Wei",
        role="agent",
        reason="New here",
    )
    link = shown.text.split('value="http://door.test')[1].split('"')[0]
    async with a_person(admin.world) as invited:
        answer = await invited.set_password(f"http://door.test{link}")
        assert answer.headers["location"] == "/console"
        assert "li.wei@vonk.example" in await invited.read("/console")
    again = await admin.send(
        "/console/users",
        "/console/users/invite",
        email="li.wei@vonk.example",
        name="Li",
        role="agent",
        reason="New here",
    )
    assert (again.status_code, "There is a user with this address" in again.text) == (409, True)
    wrong = await admin.send(
        "/console/users", "/console/users/invite", email="no address", name="Li", role="agent", reason="New here"
    )
    assert (wrong.status_code, 'value="no address"' in wrong.text) == (422, True)
    silent = await admin.send("/console/users", "/console/users/invite", email="x@vonk.example", name="X", role="agent")
    assert (silent.status_code, "Write in a few words why" in silent.text) == (422, True)


async def test_every_step_for_a_user_asks_why(admin: Person) -> None:
    user_id = (await admin.world.get("/v1/users", role="admin")).json()["users"][0]["user_id"]
    path = f"/console/users/{user_id}"
    for step in ("name", "link", "unlock", "end-sessions"):
        silent = await admin.send(path, f"{path}/{step}", name="Robin")
        assert (step, silent.status_code, "Write in a few words why" in silent.text) == (step, 422, True)
    done = await admin.send(path, f"{path}/name", name="Robin the First", reason="Married")
    assert done.status_code == 303
    assert (await trail(admin.world))[-1].reason == "Married"


async def test_users_and_keys_are_sorted_and_filtered(admin: Person) -> None:
    await an_invitation(admin.world, "viewer", "adam@vonk.example")
    for name, role in (("mediation", "agent"), ("Crm", "viewer")):
        await admin.world.container.access.create(name, role)
    for query, first in (("", "adam@"), ("?sort=-email", EMAIL), ("?role=viewer&sort=name", "adam@")):
        shown = (await admin.read(f"/console/users{query}")).partition("<tbody>")[2]
        emails = re.findall(r'data-label="Email">([^<]+)<', shown)
        assert (query, emails[0].startswith(first)) == (query, True)
    for query, names in (
        ("?q=crm", ["Crm"]),
        ("?role=agent&q=med", ["mediation"]),
        ("?sort=-name&q=m", ["the admin", "mediation", "Crm"]),
    ):
        shown = (await admin.read(f"/console/keys{query}")).partition("<tbody>")[2]
        assert (query, re.findall(r'<th scope="row">([^<]+)<', shown)) == (query, names)
    assert "Crm,viewer" in await admin.read("/console/keys?q=crm&format=csv")


async def test_a_new_role_is_a_new_sign_in(agent: Person, admin: Person) -> None:
    users = (await admin.world.get("/v1/users", q="robin")).json()["users"]
    path = f"/console/users/{users[0]['user_id']}"
    silent = await admin.send(path, f"{path}/role", role="finance", reason=" ")
    assert (silent.status_code, "This is empty" in silent.text) == (422, True)
    done = await admin.send(path, f"{path}/role", role="finance", reason="Moved to the finance team")
    assert done.status_code == 303
    assert "The role is changed" in await admin.read(path)
    assert (await agent.browser.get("/console")).status_code == 303
    kept = (await trail(admin.world, actor=EMAIL))[-1]
    assert (kept.reason, kept.subject) == ("Moved to the finance team", f"{users[0]['user_id']} role")


async def test_who_is_disabled_is_out_at_once(agent: Person) -> None:
    user_id = (await agent.world.get("/v1/users", q="robin")).json()["users"][0]["user_id"]
    answer = await agent.world.post(f"/v1/users/{user_id}/disable", {"reason": "Left the company"})
    assert answer.json()["status"] == "disabled"
    assert (await agent.browser.get("/console")).status_code == 303
    assert (await agent.sign_in("robin@vonk.example")).status_code == 401
    assert (await agent.world.post(f"/v1/users/{user_id}/link", {"reason": "By mistake"})).status_code == 409
    await agent.world.post(f"/v1/users/{user_id}/enable", {"reason": "Came back"})
    assert (await agent.sign_in("robin@vonk.example")).status_code == 303


async def test_the_last_administrator_stays(admin: Person) -> None:
    user_id = (await admin.world.get("/v1/users", role="admin")).json()["users"][0]["user_id"]
    for path, body in (("role", {"role": "viewer", "reason": "x"}), ("disable", {"reason": "x"})):
        answer = await admin.world.post(f"/v1/users/{user_id}/{path}", body)
        assert (answer.status_code, "last administrator" in answer.json()["detail"]) == (409, True)
    await an_invitation(admin.world, "admin", "second@vonk.example")
    answer = await admin.world.post(f"/v1/users/{user_id}/disable", {"reason": "Invited ones cannot sign in yet"})
    assert answer.status_code == 409


async def test_a_lost_phone_is_a_reset(admin: Person) -> None:
    user_id = (await admin.world.get("/v1/users")).json()["users"][0]["user_id"]
    answer = await admin.world.post(f"/v1/users/{user_id}/reset-second-factor", {"reason": "The phone was stolen"})
    assert answer.json()["has_factor"] is False
    assert (await admin.sign_in()).headers["location"] == "/console/second-factor"


async def test_people_see_and_end_their_sessions(agent: Person) -> None:
    async with a_person(agent.world, "198.51.100.1") as elsewhere:
        await elsewhere.sign_in("robin@vonk.example")
        shown = await agent.read("/console/me")
        assert "198.51.100.1" in shown
        session_id = shown.split("/console/me/sessions/ses_")[1].split("/")[0]
        await agent.send("/console/me", f"/console/me/sessions/ses_{session_id}/end")
        assert (await elsewhere.browser.get("/console")).status_code == 303
    assert (await agent.browser.get("/console")).status_code == 200
    answer = await agent.send("/console/me", "/console/me/sessions/ses_999999/end")
    assert answer.status_code == 404


async def test_a_changed_password_ends_the_other_sessions(agent: Person) -> None:
    new = "copper lantern seven hills"
    async with a_person(agent.world) as elsewhere:
        await elsewhere.sign_in("robin@vonk.example")
        wrong = await agent.send("/console/me", "/console/me/password", old="wrong", password=new, again=new)
        assert (wrong.status_code, "This is not your password" in wrong.text) == (401, True)
        done = await agent.send(
            "/console/me", "/console/me/password", old="mistral teapot forty kites", password=new, again=new
        )
        assert done.status_code == 303
        assert (await elsewhere.browser.get("/console")).status_code == 303
        assert (await elsewhere.sign_in("robin@vonk.example", new)).status_code == 303
    assert (await agent.browser.get("/console")).status_code == 200


async def test_keys_are_made_shown_once_and_revoked(admin: Person) -> None:
    silent = await admin.send("/console/keys", "/console/keys", name="crm", role="agent")
    assert silent.status_code == 422
    shown = await admin.send("/console/keys", "/console/keys", name="crm", role="agent", reason="A CRM was bought")
    key = shown.text.split('value="evk_')[1].split('"')[0]
    header = {"X-API-Key": f"evk_{key}"}
    assert (await admin.world.client.get("/v1/users", headers=header)).status_code == 403
    assert f"evk_{key}" not in await admin.read("/console/keys")
    done = await admin.send("/console/keys", "/console/keys/revoke", name="crm", reason="The CRM was replaced")
    assert done.status_code == 303
    assert (await admin.world.client.get("/v1/users", headers=header)).status_code == 401


async def test_the_trail_tells_who_did_what_why_and_from_where(admin: Person) -> None:
    shown = await admin.read("/console/audit")
    assert "Set password" in shown
    read = (await admin.world.get("/v1/audit", limit=2)).json()
    assert len(read["events"]) == 2
    older = (await admin.world.get("/v1/audit", before=read["next_before"])).json()["events"]
    assert older
    assert {one["event_id"] for one in older}.isdisjoint(one["event_id"] for one in read["events"])
    file = (await admin.browser.get("/console/audit", params={"format": "csv"})).text
    rows = list(csv.reader(io.StringIO(file.removeprefix("\ufeff"))))
    assert rows[0][:3] == ["event", "at", "actor"]
    assert len(rows) > 3
    everything = str(await trail(admin.world))
    for secret in ("mistral teapot", ADMIN_KEY, admin.app):
        assert secret not in everything


@pytest.mark.parametrize("statement", ["UPDATE audit_events SET actor = ''", "DELETE FROM audit_events"])
async def test_the_trail_cannot_be_changed(admin: Person, statement: str) -> None:
    async with admin.world.work() as work:
        assert isinstance(work, SqlUnitOfWork)
        with pytest.raises(DBAPIError, match="append-only"):
            await work.connection.execute(text(statement))


async def test_a_command_of_the_api_is_in_the_trail_with_its_reason(world: DoorsWorld) -> None:
    await world.post("/v1/accounts/acc_1001/actions/pause-collection", {"reason": "A dispute by telephone"})
    kept = (await trail(world, subject="acc_1001"))[-1]
    assert (kept.actor, kept.signed_in_by, kept.reason) == ("admin", "key", "A dispute by telephone")
    assert (kept.outcome, kept.status) == ("NotFound", 404)
    assert kept.place == "POST /v1/accounts/{account_id}/actions/pause-collection"


async def test_what_no_column_keeps_does_not_keep_a_refusal_out_of_the_trail(world: DoorsWorld) -> None:
    body = rb'{"reason": "half \ud83d of it, and \u0000"}'
    path, kind = "/v1/accounts/acc_1002/actions/pause-collection", {"Content-Type": "application/json"}
    await world.client.post(path, content=body, headers=kind)
    kept = (await trail(world, subject="acc_1002"))[-1]
    assert (kept.status, kept.reason) == (422, "half ? of it, and ")
