"""Single kinds over the wire: set as one level with its meaning, confirmed by its name; what must stay open stays."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from billing.adapters.http_network import HttpNetwork, SignedConfirmations
from billing.adapters.http_network.network import order_body
from billing.domain.barring import NEVER_RESTRICTED
from billing.ports.barring import NetworkState
from tests.contracts.simulator_process import NETWORK_SECRET, Listener, Simulator
from tests.contracts.test_network_control import a_line, until_level

pytest_plugins = ["tests.contracts.simulator_fixtures"]
SLOW = "bars:data_throttled@512,international,premium"


async def put(simulator: Simulator, identifier: str, body: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.put(f"{simulator.url}/network/services/{identifier}/restriction", json=body)


async def test_kinds_are_set_as_one_level_with_their_meaning_and_confirmed_by_its_name(
    simulator: Simulator, listener: Listener
) -> None:
    network, (identifier, correlation) = HttpNetwork(f"{simulator.url}/network"), a_line()
    await network.apply(identifier, SLOW, "not paid", correlation)
    assert await until_level(network, identifier, SLOW) == NetworkState(SLOW, SLOW)
    call = await asyncio.to_thread(
        listener.wait_for_call, "/network", lambda one: one.json["correlation_id"] == correlation
    )
    confirmation = SignedConfirmations([NETWORK_SECRET]).read(call.body, call.headers["x-evenflow-signature"])
    assert confirmation is not None
    assert confirmation.level == SLOW
    kept = await asyncio.to_thread(simulator.control, "GET", "/network/orders")
    (order,) = [one["order"] for one in kept["orders"] if one["id"] == correlation]
    parts = order["restrictions"]
    assert (parts["data"], order["data_rate_kbps"]) == ("throttled", 512)
    assert (parts["international_calls"], parts["premium_services"]) == ("barred", "barred")
    assert (parts["outgoing_calls"], parts["incoming_calls"]) == ("allowed", "allowed")
    assert {parts[name] for name in NEVER_RESTRICTED} == {"allowed"}


@pytest.mark.parametrize("part", NEVER_RESTRICTED)
async def test_the_network_refuses_to_close_what_must_stay_open(simulator: Simulator, part: str) -> None:
    identifier, correlation = a_line()
    body = order_body("full", "not paid", correlation)
    body["restrictions"] |= {part: "barred"}
    answer = await put(simulator, identifier, body)
    assert (answer.status_code, answer.json()["field"]) == (422, f"restrictions.{part}")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"restrictions": {}}, "restrictions"),
        ({"restrictions": {"data": "slow"}}, "restrictions"),
        ({"data_rate_kbps": None}, "data_rate_kbps"),
        ({"level": "bars:"}, "level"),
        ({"level": "some"}, "level"),
    ],
)
async def test_kinds_without_their_meaning_are_refused_by_their_field(
    simulator: Simulator, changes: dict[str, Any], field: str
) -> None:
    identifier, correlation = a_line()
    answer = await put(simulator, identifier, order_body(SLOW, "not paid", correlation) | changes)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_an_order_of_the_older_words_alone_is_still_taken(simulator: Simulator) -> None:
    identifier, correlation = a_line()
    answer = await put(simulator, identifier, {"level": "outgoing", "reason": "x", "correlation_id": correlation})
    assert (answer.status_code, answer.json()["level"]) == (202, "outgoing")
