"""What holds a line, and previews of what the network would be told, at the door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from billing.persistence.unit_of_work import SqlUnitOfWork
from tests.doors.console_data import FULL_ACCOUNT, fill
from tests.doors.doors_world import DoorsWorld, a_doors_world
from tests.doors.test_api_console import sign_in

LINE = "svc_1001"
ADDRESS = f"/v1/accounts/{FULL_ACCOUNT}"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as made:
        work = made.container.make_work()
        assert isinstance(work, SqlUnitOfWork)
        async with work:
            await fill(work, accounts=2)
        yield made


async def test_a_line_is_shown_with_every_cause_and_what_the_network_confirmed(world: DoorsWorld) -> None:
    shown = (await world.get(f"{ADDRESS}/services/{LINE}/restrictions")).json()
    assert (shown["confirmed"]["level"], shown["wanted"]["level"], shown["in_step"]) == ("outgoing", "outgoing", True)
    assert shown["confirmed"]["restrictions"]["outgoing_calls"] == "barred"
    assert shown["confirmed"]["restrictions"]["emergency_calls"] == "allowed"
    assert {(one["cause"], one["reason"], one["order_id"], one["case_id"]) for one in shown["held"]} == {
        ("dunning", "not paid", "case_1001-1", "case_1001")
    }
    assert sorted(one["kind"] for one in shown["held"]) == [
        "data",
        "international",
        "outgoing_calls",
        "outgoing_sms",
        "premium",
        "roaming",
    ]


async def test_a_line_of_another_account_is_not_shown(world: DoorsWorld) -> None:
    refused = await world.get(f"{ADDRESS}/services/svc_1002/restrictions")
    assert (refused.status_code, refused.json()["field"]) == (404, "service_id")


async def test_a_bar_is_previewed_with_what_holds_the_line_already(world: DoorsWorld) -> None:
    body = {"service_id": LINE, "kinds": ["incoming_calls"], "cause": "lost_or_stolen"}
    (line,) = (await world.post(f"{ADDRESS}/restrictions/preview-bar", body)).json()
    assert (line["now"]["level"], line["then"]["level"], line["changes"]) == ("outgoing", "full", True)
    assert line["then"]["restrictions"]["incoming_sms"] == "allowed"


async def test_the_end_of_a_debt_is_previewed_kind_by_kind(world: DoorsWorld) -> None:
    body = {"causes": ["dunning"], "kinds": ["data"]}
    (line,) = (await world.post(f"{ADDRESS}/restrictions/preview-unbar", body)).json()
    assert line["then"]["level"] == "bars:international,outgoing_calls,outgoing_sms,premium,roaming"
    (same,) = (await world.post(f"{ADDRESS}/restrictions/preview-unbar", {"causes": ["court"]})).json()
    assert (same["then"]["level"], same["changes"]) == ("outgoing", False)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kinds": ["emergency_calls"]}, "body.kinds.0"),
        ({"kinds": ["data_throttled"]}, "body.data_kbps"),
        ({"kinds": ["premium"], "data_kbps": 64}, "body.data_kbps"),
        ({"kinds": ["premium"], "level": "full"}, "body.level"),
        ({"cause": "dunning"}, "body.cause"),
    ],
)
async def test_what_cannot_be_restricted_is_refused_by_its_field(
    world: DoorsWorld, body: dict[str, Any], field: str
) -> None:
    for path in ("restrictions/preview-bar", "actions/bar-service"):
        reason = {"reason": "asked for"} if path.startswith("actions") else {}
        refused = await world.post(f"{ADDRESS}/{path}", body | reason)
        assert (refused.status_code, refused.json()["field"]) == (422, field)
        assert refused.json()["remedy"]


async def test_the_console_shows_what_holds_each_line_and_why(world: DoorsWorld) -> None:
    await sign_in(world)
    shown = (await world.client.get(f"/console/accounts/{FULL_ACCOUNT}/services")).text
    assert "Dunning: data, international, outgoing calls" in shown
    assert "not paid · dunning" in shown
