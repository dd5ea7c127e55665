"""Looking up stored records over HTTP: page by page, within bounds, and one explained."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.schemas.accounts import AN_ACCOUNT
from api.schemas.usage import A_CALL, A_SESSION
from tests.doors.doors_world import DoorsWorld, a_doors_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as world:
        await world.sell()
        await world.post("/v1/accounts", AN_ACCOUNT | {"activated_at": "2027-01-31T09:00:00+01:00"})
        yield world


async def send(world: DoorsWorld, *events: dict[str, Any]) -> None:
    answer = await world.client.post("/v1/usage/events/batch", json=list(events))
    assert answer.json()["counts"] == {"accepted": len(events)}, answer.text


async def test_records_are_listed_page_by_page_to_the_end(world: DoorsWorld) -> None:
    await send(world, *(A_CALL | {"record_id": f"r-{number}"} for number in range(5)), A_SESSION)
    shown: list[str] = []
    page = (await world.get("/v1/usage/events", limit=4)).json()
    while page["next"]:
        shown += [event["record_id"] for event in page["events"]]
        page = (await world.get("/v1/usage/events", limit=4, after=page["next"])).json()
    shown += [event["record_id"] for event in page["events"]]
    assert sorted(shown) == ["r-0", "r-1", "r-2", "r-3", "r-4", "s-77"]
    assert shown[-1] == "s-77"
    assert (page["first"], page["last"]) == ("2027-01-25T12:00:00Z", "2027-02-02T12:00:00Z")


async def test_records_are_listed_by_line_account_and_time(world: DoorsWorld) -> None:
    await send(world, A_CALL, A_SESSION)
    for query, expected in (
        ({"identifier": A_CALL["identifier"]}, ["20270201-0001", "s-77"]),
        ({"identifier": "+31600000000"}, []),
        ({"account_id": "acc_1001"}, ["20270201-0001", "s-77"]),
        ({"account_id": "acc_1002"}, []),
        ({"from": "2027-02-01T09:01:00Z"}, ["s-77"]),
        ({"to": "2027-02-01T09:05:00Z"}, ["20270201-0001"]),
    ):
        answer = await world.get("/v1/usage/events", **query)
        assert [event["record_id"] for event in answer.json()["events"]] == expected, query


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-10-01T00:00:00Z", "to": "2027-02-01T00:00:00Z"}, "from"),
        ({"from": "2027-02-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}, "to"),
        ({"after": "bm90aGluZw=="}, "after"),
        ({"after": "é"}, "after"),
        ({"from": "2027-02-01T00:00:00"}, "query.from"),
        ({"limit": 1001}, "query.limit"),
        ({"file_id": "acc_1"}, "query.file_id"),
    ],
)
async def test_a_search_out_of_bounds_is_refused_by_its_field(
    world: DoorsWorld, query: dict[str, Any], field: str
) -> None:
    answer = await world.get("/v1/usage/events", **query)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert answer.json()["remedy"]


async def test_one_record_is_explained_with_every_step(world: DoorsWorld) -> None:
    await send(world, A_CALL)
    asked = {"source": A_CALL["source"], "record_id": A_CALL["record_id"]}
    record = (await world.get("/v1/usage/events/explain", **asked)).json()
    assert (record["state"], record["corrections"], record["kept"]) == ("rated", [], [])
    [event] = record["events"]
    assert event["parts"][0]["identifier"] == A_CALL["identifier"]
    assert event["steps"][0].startswith("plan ")
    at_its_start = await world.get("/v1/usage/events/explain", **asked, started_at=A_CALL["started_at"])
    assert at_its_start.json() == record
    elsewhere = await world.get("/v1/usage/events/explain", **asked, started_at="2027-02-01T09:00:01Z")
    assert (elsewhere.status_code, elsewhere.json()["field"]) == (404, "record_id")


async def test_a_viewer_may_look_and_nobody_without_a_key(world: DoorsWorld) -> None:
    for path in ("/v1/usage/events", "/v1/usage/events/explain?source=s&record_id=r"):
        assert (await world.client.get(path, headers=world.as_role("viewer"))).status_code in (200, 404)
        assert (await world.client.get(path, headers={"X-API-Key": "none"})).status_code == 401
