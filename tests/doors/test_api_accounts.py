"""Accounts over HTTP: opened with a workflow, found again, looked at; and what a caller may not do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from api.schemas.accounts import AN_ACCOUNT
from tests.doors.doors_world import DoorsWorld, a_doors_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as world:
        await world.sell()
        yield world


async def test_opening_an_account_starts_its_workflow_with_the_stored_plan(world: DoorsWorld) -> None:
    answer = await world.post("/v1/accounts", AN_ACCOUNT)
    assert answer.status_code == 201, answer.text
    state = world.process.started["account/vonk/A100001"]
    assert (state.account_id, state.plan.cycle_day) == (answer.json()["account_id"], 31)


async def test_an_account_opened_again_is_the_same_account(world: DoorsWorld) -> None:
    first, second = await world.post("/v1/accounts", AN_ACCOUNT), await world.post("/v1/accounts", AN_ACCOUNT)
    assert first.json() == second.json()


async def test_an_account_is_found_by_number_name_and_line(world: DoorsWorld) -> None:
    await world.post("/v1/accounts", AN_ACCOUNT)
    await world.post("/v1/accounts", AN_ACCOUNT | {"number": "B2", "customer_name": "Jo Smit", "services": []})
    for text in ("A1000", "sanne", "612345678"):
        found = (await world.get("/v1/accounts", q=text)).json()["accounts"]
        assert [one["number"] for one in found] == ["A100001"]
    assert (await world.get("/v1/accounts", q="%")).json()["accounts"] == []


async def test_pages_hold_every_account_once(world: DoorsWorld) -> None:
    for number in range(5):
        opened = await world.post("/v1/accounts", AN_ACCOUNT | {"number": f"A{number}", "services": []})
        assert opened.status_code == 201
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = (await world.get("/v1/accounts", limit=2, after=after)).json()
        seen += [one["number"] for one in page["accounts"]]
        after = page["next_after"]
    assert seen == ["A0", "A1", "A2", "A3", "A4"]


async def test_an_account_shows_its_lines_and_where_its_process_stands(world: DoorsWorld) -> None:
    account_id = (await world.post("/v1/accounts", AN_ACCOUNT)).json()["account_id"]
    shown = (await world.get(f"/v1/accounts/{account_id}")).json()
    assert [line["identifier"] for line in shown["services"]] == ["+31612345678"]
    assert shown["process"]["workflow_id"] == "account/vonk/A100001"
    assert shown["process"]["next_action"] == "issue"


async def test_an_account_without_a_workflow_shows_no_process(world: DoorsWorld) -> None:
    account_id = (await world.post("/v1/accounts", AN_ACCOUNT)).json()["account_id"]
    world.process.started.clear()
    assert (await world.get(f"/v1/accounts/{account_id}")).json()["process"] is None


async def test_the_timeline_names_rule_and_author(world: DoorsWorld) -> None:
    account_id = (await world.post("/v1/accounts", AN_ACCOUNT)).json()["account_id"]
    line = {"kind": "internet", "identifier": "fiber-1", "plan_code": "vonk-basis"}
    assert (await world.post(f"/v1/accounts/{account_id}/services", line)).status_code == 201
    opened, added = (await world.get(f"/v1/accounts/{account_id}/timeline")).json()
    assert (opened["kind"], opened["actor"]) == ("account_opened", "admin")
    assert "no pro rata" in opened["reason"]["rule"]
    assert added["kind"] == "service_added"


REFUSALS = [
    ("an unknown brand", {"brand": "nobody"}, 404, "brand"),
    ("a day no month has", {"cycle_day": 32}, 422, "cycle_day"),
    ("a kind of customer there is not", {"customer_kind": "ghost"}, 422, "customer_kind"),
    ("a mobile number nobody can call", {"mobile": "12"}, 422, "mobile"),
    ("a discount without an amount", {"discounts": [{"code": "x"}]}, 422, "discounts[0].percent"),
    ("a misspelt field", {"cycleday": 3}, 422, "body.cycleday"),
    ("a time without a zone", {"activated_at": "2027-01-01T00:00:00"}, 422, "body.activated_at"),
    ("a time beyond the calendar", {"activated_at": "9999-12-31T00:00:00Z"}, 422, "body.activated_at"),
    ("a number as a time", {"activated_at": 0}, 422, "body.activated_at"),
    ("true as a day", {"cycle_day": True}, 422, "body.cycle_day"),
    ("an address no mail reaches", {"email": "sanne"}, 422, "body.email"),
    ("a locale nothing is written in", {"locale": "zz_ZZ"}, 422, "locale"),
    ("a country without a calendar", {"country": "XX"}, 422, "country"),
    ("a channel there is not", {"notice_channels": {"ready": ["pigeon"]}}, 422, "notice_channels.ready"),
    ("no channel at all", {"notice_channels": {"default": 5}}, 422, "notice_channels.default"),
    ("a notice there is not", {"notice_channels": {"hello": "sms"}}, 422, "notice_channels"),
    (
        "another currency",
        {"discounts": [{"code": "x", "amount": "1", "currency": "USD"}]},
        422,
        "discounts[0].currency",
    ),
    ("a plan nobody published", {"services": [{"kind": "tv", "identifier": "t", "plan_code": "no"}]}, 404, "plan_code"),
]


@pytest.mark.parametrize(("change", "status", "field"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
async def test_a_refusal_names_field_value_and_remedy(
    world: DoorsWorld, change: dict[str, object], status: int, field: str
) -> None:
    answer = await world.post("/v1/accounts", AN_ACCOUNT | change)
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (answer.status_code, said["status"], said["field"]) == (status, status, field)
    assert said["remedy"]
    assert said["detail"]
    assert world.process.started == {}


async def test_a_locale_is_kept_as_it_is_written_everywhere(world: DoorsWorld) -> None:
    assert (await world.post("/v1/accounts", AN_ACCOUNT | {"locale": "de-DE"})).json()["locale"] == "de_DE"


async def test_what_cannot_be_used_is_refused_of_an_account_that_is_there_too(world: DoorsWorld) -> None:
    await world.post("/v1/accounts", AN_ACCOUNT)
    answer = await world.post("/v1/accounts", AN_ACCOUNT | {"cycle_day": 0})
    assert (answer.status_code, answer.json()["field"]) == (422, "cycle_day")


async def test_a_misspelt_query_parameter_is_not_ignored(world: DoorsWorld) -> None:
    answer = await world.get("/v1/accounts", limt=5)
    assert (answer.status_code, answer.json()["field"], answer.json()["value"]) == (422, "limt", "5")
    assert "limit" in answer.json()["remedy"]
    assert (await world.get("/v1/accounts", status="open")).json()["field"] == "query.status"


async def test_a_number_of_another_customer_is_refused(world: DoorsWorld) -> None:
    await world.post("/v1/accounts", AN_ACCOUNT)
    answer = await world.post("/v1/accounts", AN_ACCOUNT | {"customer_name": "Someone Else"})
    assert (answer.status_code, answer.json()["value"]) == (409, "A100001")


@pytest.mark.parametrize("account_id", ["acc_999999", "acc_x", "inv_1", "acc_99999999999999999999999"])
async def test_an_account_nobody_knows_is_not_found(world: DoorsWorld, account_id: str) -> None:
    for path in ("", "/timeline", "/services"):
        answer = await world.get(f"/v1/accounts/{account_id}{path}")
        assert answer.status_code in (404, 422)
        assert answer.json()["remedy"]
