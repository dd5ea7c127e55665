"""Rating as its users meet it over HTTP: a plan with bands, zones and classes, its usage, and add-ons beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from api.schemas.accounts import AN_ACCOUNT
from tests.doors.doors_world import DoorsWorld, a_doors_world

LINE = "+31612345678"
WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]
ROAMER: dict[str, Any] = {
    "code": "roamer",
    "name": "Roamer",
    "currency": "EUR",
    "time_bands": {
        "bands": [
            {"code": "peak", "name": "Peak", "windows": [{"days": WORKDAYS, "from": "08:00", "to": "19:00"}]},
        ]
    },
    "zones": [{"code": "eu", "name": "European Union", "places": ["BE", "206"]}],
    "prices": [
        {
            "code": "calls",
            "name": "Calls",
            "model": "per_unit",
            "meter": "voice",
            "unit_size": 60,
            "rate": "0.10",
            "connection_fee": "0.05",
            "time_bands": [{"band": "peak", "rate": "0.20"}],
        },
        {"code": "data", "name": "Data", "model": "per_unit", "meter": "data", "unit_size": 1000, "rate": "0.01"},
        {
            "code": "away",
            "name": "Data abroad",
            "model": "per_unit",
            "meter": "data",
            "unit_size": 1000,
            "rate": "0.02",
            "zones": ["eu"],
        },
        {"code": "music", "name": "Music", "model": "zero_rated", "meter": "data", "traffic_classes": ["music"]},
    ],
    "add_ons": [
        {"code": "belgium", "name": "Belgium and more", "meter": "data", "quantity": 5000, "zones": ["eu"]},
        {"code": "talk", "name": "Talk to Germany", "meter": "voice", "quantity": 600, "prefixes": ["49"]},
    ],
}


@dataclass
class Subscribed:
    """An account with one line on the plan above."""

    doors: DoorsWorld
    account_id: str
    service_id: str

    async def uses(self, record_id: str, **event: Any) -> dict[str, Any]:
        usual = {"source": "switch", "record_id": record_id, "identifier": LINE, "meter": "data", "quantity": 10_000}
        at = {"started_at": "2027-02-01T12:30:00+01:00"}
        answer = await self.doors.post("/v1/usage/events/batch", [usual | at | event])
        assert answer.status_code == 202, answer.text
        (result,) = answer.json()["results"]
        return dict(result)

    async def balance(self) -> dict[str, Any]:
        (service,) = (await self.doors.get(f"/v1/accounts/{self.account_id}/balance")).json()["services"]
        return dict(service)

    async def charged(self) -> dict[str, int]:
        """Minor units by line."""
        return {line["description"]: line["amount"]["amount_minor"] for line in (await self.balance())["lines"]}

    async def buys(self, key: str = "", **said: Any) -> Any:
        body = {"service_id": self.service_id, "reason": "asked by telephone"} | said
        headers = {"Idempotency-Key": key} if key else {}
        return await self.doors.post(f"/v1/accounts/{self.account_id}/allowances", body, headers=headers)


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Subscribed]:
    async with a_doors_world(database_url) as doors:
        await doors.sell()
        published = await doors.post("/v1/plans", {"brand": "vonk", "definition": ROAMER})
        assert published.status_code == 201, published.text
        account = AN_ACCOUNT | {"activated_at": "2027-01-31T09:00:00+01:00"}
        account["services"] = [{"kind": "mobile", "identifier": LINE, "plan_code": "roamer"}]
        opened = (await doors.post("/v1/accounts", account)).json()
        services = (await doors.get(f"/v1/accounts/{opened['account_id']}")).json()["services"]
        yield Subscribed(doors, opened["account_id"], services[0]["service_id"])


async def test_a_published_plan_takes_the_time_zone_of_its_brand(line: Subscribed) -> None:
    plans = (await line.doors.get("/v1/plans", brand="vonk")).json()
    (roamer,) = (plan["definition"] for plan in plans if plan["plan_code"] == "roamer")
    assert roamer["time_bands"]["time_zone"] == "Europe/Amsterdam"


async def test_a_call_over_the_end_of_the_peak_is_billed_in_its_parts(line: Subscribed) -> None:
    call = {"meter": "voice", "quantity": 180, "started_at": "2027-02-01T07:59:00+01:00"}
    counted = await line.uses("c-1", **call)
    assert (counted["outcome"], counted["band"], counted["billable_quantity"]) == ("accepted", "", 180)
    # One minute before eight with the fee, two minutes of peak without it.
    assert await line.charged() == {"Calls": 15, "Calls, Peak": 40}
    assert (await line.uses("c-1", **call))["outcome"] == "duplicate"
    assert await line.charged() == {"Calls": 15, "Calls, Peak": 40}


async def test_usage_is_priced_where_it_happened_and_waits_where_nothing_is_known(line: Subscribed) -> None:
    await line.uses("d-1")
    await line.uses("d-2", visited="20601")
    await line.uses("d-3", traffic_class="music")
    waiting = await line.uses("d-4", visited="US")
    assert (waiting["outcome"], waiting["reason"]) == ("recycled", "No zone of plan roamer has the visited place US.")
    assert await line.charged() == {"Data": 10, "Data abroad, European Union": 20, "Music": 0}


async def test_an_add_on_of_the_plan_is_drawn_shown_and_listed(line: Subscribed) -> None:
    answer = await line.buys(add_on="belgium", cycles=2)
    assert answer.status_code == 201, answer.text
    await line.uses("d-1", visited="BE", started_at="2027-02-01T13:00:00+01:00", quantity=8000)
    await line.uses("d-2", visited="BE", started_at="2027-02-01T11:00:00+01:00", quantity=1000)
    (state,) = (await line.balance())["allowances"]
    assert (state["name"], state["origin"], state["used"], state["left"]) == ("Belgium and more", "add_on", 5000, 0)
    # 8,000 from the purchase on, of which 5,000 are covered, and 1,000 before it.
    assert await line.charged() == {"Data abroad, European Union": 8}
    (listed,) = (await line.doors.get(f"/v1/accounts/{line.account_id}/allowances")).json()
    assert listed == answer.json()
    assert (listed["grant_id"], listed["last_cycle"], listed["expires_at"]) == (state["code"], 2, state["expires_at"])
    kinds = [entry["kind"] for entry in (await line.doors.get(f"/v1/accounts/{line.account_id}/timeline")).json()]
    assert "usage.allowance_granted" in kinds


async def test_an_add_on_for_some_destinations_covers_only_those(line: Subscribed) -> None:
    assert (await line.buys(add_on="talk")).status_code == 201
    call = {"meter": "voice", "quantity": 60, "started_at": "2027-02-01T13:00:00+01:00"}
    await line.uses("c-1", **call, destination="+4915112345678")
    await line.uses("c-2", **call, destination="+31201234567")
    assert [state["used"] for state in (await line.balance())["allowances"]] == [60]
    # Two connection fees, and one minute of peak.
    assert await line.charged() == {"Calls, Peak": 30}


async def test_the_same_key_buys_once(line: Subscribed) -> None:
    once, again = [(await line.buys("order-7", add_on="belgium")).json() for _ in range(2)]
    other = (await line.buys("order-8", add_on="belgium")).json()
    assert once == again
    assert other["grant_id"] != once["grant_id"]
    assert len((await line.doors.get(f"/v1/accounts/{line.account_id}/allowances")).json()) == 2


GOOD = {"code": "gig", "meter": "data", "quantity": 1000}


@pytest.mark.parametrize(
    ("said", "status", "field"),
    [
        ({}, 422, "add_on"),
        ({"add_on": "belgium", "allowance": GOOD}, 422, "add_on"),
        ({"add_on": "france"}, 404, "add_on"),
        ({"allowance": GOOD | {"quantity": 0}}, 422, "allowance.quantity"),
        ({"allowance": GOOD | {"meter": "sms"}}, 422, "allowance.meter"),
        ({"allowance": GOOD | {"zones": ["mars"]}}, 422, "allowance.zones"),
        ({"allowance": GOOD | {"prefixes": ["49"]}}, 422, "allowance.prefixes"),
        ({"allowance": GOOD | {"traffic_classes": ["music"]}}, 422, "allowance.traffic_classes"),
        ({"allowance": GOOD | {"rollover": {"cycles": 1}}}, 422, "allowance.rollover"),
        ({"allowance": GOOD, "valid_from": "2027-01-31T10:00:00Z"}, 422, "valid_from"),
        ({"allowance": GOOD, "valid_from": "2030-01-31T10:00:00Z"}, 422, "valid_from"),
        ({"allowance": GOOD, "valid_to": "2027-02-01T11:00:00Z"}, 422, "valid_to"),
        ({"allowance": GOOD, "valid_to": "2027-02-09T11:00:00Z", "cycles": 1}, 422, "cycles"),
        ({"allowance": GOOD, "cycles": 0}, 422, "body.cycles"),
        ({"allowance": GOOD, "service_id": "svc_9999"}, 404, "service_id"),
        ({"allowance": GOOD, "reason": ""}, 422, "body.reason"),
    ],
)
async def test_an_add_on_that_cannot_be_granted_is_refused_by_field(
    line: Subscribed, said: dict[str, Any], status: int, field: str
) -> None:
    answer = await line.buys(**said)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert answer.json()["remedy"]
    assert (await line.doors.get(f"/v1/accounts/{line.account_id}/allowances")).json() == []


async def test_a_viewer_looks_and_an_agent_grants(line: Subscribed) -> None:
    path = f"/v1/accounts/{line.account_id}/allowances"
    viewer = line.doors.as_role("viewer")
    assert (await line.doors.client.get(path, headers=viewer)).status_code == 200
    body = {"service_id": line.service_id, "reason": "asked", "add_on": "belgium"}
    assert (await line.doors.client.post(path, json=body, headers=viewer)).status_code == 403
    assert (await line.doors.client.post(path, json=body, headers=line.doors.as_role("agent"))).status_code == 201
    assert (await line.doors.get("/v1/accounts/acc_9999/allowances")).status_code == 404
