"""Lines over HTTP: plans in time, ends, and numbers that move to other accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.schemas.accounts import AN_ACCOUNT
from api.schemas.plans import A_PLAN
from tests.doors.doors_world import NOW, DoorsWorld, a_doors_world

LATER, LONG_AGO = "2027-02-20T00:00:00+01:00", "2027-01-20T00:00:00+01:00"
TOO_LONG_AGO = "2027-01-15T09:59:59+01:00"
CHEAPER = A_PLAN | {"code": "vonk-klein", "name": "Vonk Klein"}


@dataclass
class OpenAccount:
    """An account with one line since 15 January, and the doors of that line."""

    world: DoorsWorld
    account_id: str
    service_id: str

    async def ask(self, what: str, key: str = "", **body: Any) -> httpx.Response:
        path = f"/v1/accounts/{self.account_id}/services/{self.service_id}/{what}"
        headers = {"Idempotency-Key": key} if key else {}
        return await self.world.post(path, body, headers=headers)

    async def lines(self) -> list[dict[str, Any]]:
        answer = await self.world.get(f"/v1/accounts/{self.account_id}/services")
        return list(answer.json())


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[OpenAccount]:
    async with a_doors_world(database_url) as world:
        await world.sell()
        await world.container.catalogue.publish_plan("vonk", CHEAPER)
        account = AN_ACCOUNT | {"activated_at": "2027-01-15T10:00:00+01:00"}
        account_id = (await world.post("/v1/accounts", account)).json()["account_id"]
        [shown] = (await world.get(f"/v1/accounts/{account_id}/services")).json()
        yield OpenAccount(world, account_id, shown["service_id"])


async def test_a_plan_is_previewed_changed_and_listed(line: OpenAccount) -> None:
    preview = await line.ask("plan/preview", plan_code="vonk-klein", effective=LATER)
    changed = await line.ask("plan", key="k-1", plan_code="vonk-klein", effective=LATER, reason="asked for it")
    assert (preview.status_code, changed.status_code) == (200, 200), changed.text
    assert changed.json() == preview.json()
    assert (await line.ask("plan", key="k-1", plan_code="vonk-klein", effective=LATER, reason="x")).json() == (
        changed.json()
    )
    plans = await line.world.get(f"/v1/accounts/{line.account_id}/services/{line.service_id}/plans")
    assert [(each["plan_code"], each["active_to"]) for each in plans.json()] == [
        ("vonk-basis", "2027-02-19T23:00:00Z"),
        ("vonk-klein", None),
    ]


async def test_until_a_change_to_come_the_line_shows_the_plan_it_has(line: OpenAccount) -> None:
    await line.ask("plan", plan_code="vonk-klein", effective="next_cycle", reason="asked for it")
    assert [each["plan_code"] for each in await line.lines()] == ["vonk-basis"]
    await line.ask("plan", plan_code="vonk-klein", effective="now", reason="sooner")
    assert [each["plan_code"] for each in await line.lines()] == ["vonk-klein"]


async def test_a_change_before_the_line_began_is_refused_and_says_what_to_do(line: OpenAccount) -> None:
    answer = await line.ask("plan", plan_code="vonk-klein", effective=TOO_LONG_AGO, reason="too late")
    assert (answer.status_code, answer.json()["field"]) == (422, "effective")
    assert "since 2027-01-15T09:00:00+00:00" in answer.json()["remedy"]


async def test_a_change_may_be_entered_late_for_what_is_not_billed(line: OpenAccount) -> None:
    answer = await line.ask("plan", plan_code="vonk-klein", effective=LONG_AGO, reason="entered late")
    assert answer.status_code == 200, answer.text
    assert [each["plan_code"] for each in await line.lines()] == ["vonk-klein"]


async def test_a_plan_the_line_has_already_is_no_change(line: OpenAccount) -> None:
    answer = await line.ask("plan", plan_code="vonk-basis", reason="again")
    assert (answer.status_code, answer.json()["field"]) == (409, "plan_code")


async def test_a_line_ends_and_its_number_can_be_used_again(line: OpenAccount) -> None:
    ended = await line.ask("end", key="k-1", at=LONG_AGO, reason="ported out")
    assert ended.status_code == 200, ended.text
    assert (await line.ask("end", key="k-1", at=LONG_AGO, reason="ported out")).json() == ended.json()
    taken = {"kind": "mobile", "identifier": AN_ACCOUNT["services"][0]["identifier"], "plan_code": "vonk-basis"}
    path = f"/v1/accounts/{line.account_id}/services"
    early = await line.world.post(path, taken | {"active_from": "2027-01-19T00:00:00+01:00"})
    assert (early.status_code, early.json()["field"]) == (409, "services.identifier")
    again = await line.world.post(path, taken | {"active_from": "2027-01-21T00:00:00+01:00"})
    assert again.status_code == 201, again.text
    longer = await line.ask("end", at="2027-01-22T00:00:00+01:00", reason="wrong day")
    assert (longer.status_code, longer.json()["field"]) == (409, "at")


async def test_a_line_cannot_end_before_it_began_or_begin_before_its_account(line: OpenAccount) -> None:
    ended = await line.ask("end", at="2027-01-01T00:00:00+01:00", reason="ported out")
    assert (ended.status_code, ended.json()["field"]) == (422, "at")
    early = {"kind": "tv", "identifier": "tv-1", "plan_code": "vonk-basis", "active_from": "2027-01-01T00:00:00+01:00"}
    begun = await line.world.post(f"/v1/accounts/{line.account_id}/services", early)
    assert (begun.status_code, begun.json()["field"]) == (422, "services.active_from")


async def test_a_number_moves_to_another_account(line: OpenAccount) -> None:
    other = AN_ACCOUNT | {"number": "B2", "services": [], "activated_at": "2027-01-10T00:00:00+01:00"}
    to_account_id = (await line.world.post("/v1/accounts", other)).json()["account_id"]
    target = {"to_account_id": to_account_id, "plan_code": "vonk-klein", "at": LONG_AGO, "reason": "sold"}
    ported = await line.ask("port", key="k-1", **target)
    assert ported.status_code == 200, ported.text
    assert (await line.ask("port", key="k-1", **target)).json() == ported.json()
    [old] = await line.lines()
    [new] = await OpenAccount(line.world, to_account_id, "").lines()
    assert (old["active_to"], new["active_from"]) == ("2027-01-19T23:00:00Z", "2027-01-19T23:00:00Z")
    assert (new["identifier"], new["plan_code"]) == (old["identifier"], "vonk-klein")
    kinds = [
        [each["kind"] for each in (await line.world.get(f"/v1/accounts/{account}/timeline")).json()]
        for account in (line.account_id, to_account_id)
    ]
    assert all("port_number" in each for each in kinds)
    async with line.world.work() as work:
        [move] = await work.accounts.pending_number_moves()
        assert (move.kind, move.from_account_id, move.to_account_id) == ("ported", line.account_id, to_account_id)
        await work.accounts.mark_number_moved(move.move_id, NOW)
        assert await work.accounts.pending_number_moves() == []


async def test_a_number_does_not_move_to_its_own_account_or_to_one_that_began_later(line: OpenAccount) -> None:
    own = await line.ask("port", to_account_id=line.account_id, plan_code="vonk-klein", reason="x")
    assert (own.status_code, own.json()["field"]) == (422, "to_account_id")
    other = AN_ACCOUNT | {"number": "B2", "services": []}
    to_account_id = (await line.world.post("/v1/accounts", other)).json()["account_id"]
    early = await line.ask("port", to_account_id=to_account_id, plan_code="vonk-klein", at=LONG_AGO, reason="x")
    assert (early.status_code, early.json()["field"]) == (422, "services.active_from")
    assert [each["active_to"] for each in await line.lines()] == [None]


@pytest.mark.parametrize("what", ["plan", "end", "port"])
async def test_an_unknown_line_is_not_found(line: OpenAccount, what: str) -> None:
    unknown = OpenAccount(line.world, line.account_id, "svc_999999")
    other = AN_ACCOUNT | {"number": "B2", "services": []}
    to_account_id = (await line.world.post("/v1/accounts", other)).json()["account_id"]
    bodies = {"plan": {"plan_code": "vonk-klein"}, "end": {}}
    body = bodies.get(what, {"to_account_id": to_account_id, "plan_code": "vonk-klein"})
    answer = await unknown.ask(what, reason="x", **body)
    assert (answer.status_code, answer.json()["field"]) == (404, "service_id")
