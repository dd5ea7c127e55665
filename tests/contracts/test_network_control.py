"""The real network adapter against the simulator: orders, states, signed confirmations, refusals and time-outs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx
import pytest

from billing.adapters.http_network import HttpNetwork, SignedConfirmations
from billing.domain.barring import NEVER_RESTRICTED, BarringLevel
from billing.ports.barring import Confirmation, NetworkRefused, NetworkState, UntrustedConfirmation
from simulator.signatures import timestamped_signature
from tests.contracts.simulator_process import NETWORK_SECRET, Listener, Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]
_numbers = count(1)
_HEADER = "x-evenflow-signature"


def a_line() -> tuple[str, str]:
    """A number nobody ordered anything for, and the correlation id of an order about it."""
    number = next(_numbers)
    return f"+3160000{number:04d}", f"acc_1001/case_{number}-1/svc_{number}"


@pytest.fixture
def network(simulator: Simulator) -> HttpNetwork:
    return HttpNetwork(f"{simulator.url}/network")


async def until_level(network: HttpNetwork, identifier: str, level: str) -> NetworkState:
    """The state once the level is in force."""
    for _ in range(400):
        state = await network.get_state(identifier)
        if state.level == level:
            return state
        await asyncio.sleep(0.05)
    raise AssertionError(f"{identifier} never came to {level}: {state}")


@pytest.mark.parametrize("level", [level.value for level in BarringLevel])
async def test_emergency_calls_incoming_sms_and_the_pay_page_stay_allowed(
    network: HttpNetwork, simulator: Simulator, level: str
) -> None:
    identifier, correlation = a_line()
    await network.apply(identifier, level, "not paid", correlation)
    kept = await asyncio.to_thread(simulator.control, "GET", "/network/orders")
    (order,) = [one for one in kept["orders"] if one["id"] == correlation]
    parts = order["order"]["restrictions"]
    assert {parts[name] for name in NEVER_RESTRICTED} == {"allowed"}
    assert ("barred" in parts.values()) == (level != "none")


async def test_an_order_comes_into_force_and_is_confirmed_under_our_correlation_id(
    network: HttpNetwork, listener: Listener
) -> None:
    identifier, correlation = a_line()
    await network.apply(identifier, "outgoing", "not paid", correlation)
    assert await until_level(network, identifier, "outgoing") == NetworkState("outgoing", "outgoing")
    call = await asyncio.to_thread(
        listener.wait_for_call, "/network", lambda one: one.json["correlation_id"] == correlation
    )
    confirmation = SignedConfirmations([NETWORK_SECRET]).read(call.body, call.headers[_HEADER])
    account_id, order_id, service_id = correlation.split("/")
    assert confirmation == Confirmation(account_id, order_id, service_id, "outgoing")


async def test_the_same_order_again_counts_once(network: HttpNetwork, simulator: Simulator) -> None:
    identifier, correlation = a_line()
    for _ in range(2):
        await network.apply(identifier, "full", "not paid", correlation)
    kept = await asyncio.to_thread(simulator.control, "GET", "/network/orders")
    assert [one["id"] for one in kept["orders"]].count(correlation) == 1


async def test_an_order_under_way_shows_as_requested_and_not_in_force(faulty: Simulator) -> None:
    network = HttpNetwork(f"{faulty.url}/network")
    await asyncio.to_thread(faulty.fault, "network_never_confirm")
    identifier, correlation = a_line()
    await network.apply(identifier, "full", "not paid", correlation)
    assert await network.get_state(identifier) == NetworkState("none", "full")


async def test_after_a_time_out_the_state_says_what_happened(faulty: Simulator) -> None:
    await asyncio.to_thread(
        faulty.fault, "hang_after_commit", path="/network/services/", method="PUT", count=1, seconds=3
    )
    identifier, correlation = a_line()
    with pytest.raises(httpx.TimeoutException):
        await HttpNetwork(f"{faulty.url}/network", timeout_seconds=0.5).apply(
            identifier, "full", "not paid", correlation
        )
    patient = HttpNetwork(f"{faulty.url}/network")
    assert await until_level(patient, identifier, "full") == NetworkState("full", "full")


async def test_a_refused_order_is_told_apart_from_a_network_that_is_away(faulty: Simulator) -> None:
    network = HttpNetwork(f"{faulty.url}/network")
    await asyncio.to_thread(faulty.fault, "network_refuse", count=1)
    identifier, correlation = a_line()
    with pytest.raises(NetworkRefused):
        await network.apply(identifier, "full", "not paid", correlation)
    with pytest.raises(httpx.HTTPError):
        await HttpNetwork("http://127.0.0.1:9/network").apply(identifier, "full", "not paid", correlation)


async def test_our_key_goes_along_and_an_unknown_one_is_a_fault_not_a_refusal() -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(httpx.HTTPStatusError):
            await HttpNetwork(f"http://127.0.0.1:{port}/network", "our-key").get_state("+31600000000")
    assert b"authorization: bearer our-key" in heard[0].lower()
    assert heard[0].startswith(b"GET /network/services/%2B31600000000/restriction ")


async def test_what_a_cap_stops_is_ordered_and_confirmed_apart_from_the_level(
    network: HttpNetwork, simulator: Simulator, listener: Listener
) -> None:
    identifier, correlation = a_line()
    assert await network.get_state(identifier, "stop:data") == NetworkState("stop:", "stop:")
    await network.apply(identifier, "stop:data,roaming_data", "a cap", correlation)
    call = await asyncio.to_thread(
        listener.wait_for_call, "/network", lambda one: one.json["correlation_id"] == correlation
    )
    confirmation = SignedConfirmations([NETWORK_SECRET]).read(call.body, call.headers[_HEADER])
    assert confirmation is not None
    assert confirmation.level == "stop:data,roaming_data"
    stopped = NetworkState("stop:data,roaming_data", "stop:data,roaming_data")
    assert await network.get_state(identifier, "stop:") == stopped
    assert await network.get_state(identifier) == NetworkState("none", "none")
    kept = await asyncio.to_thread(simulator.control, "GET", "/network/orders")
    (order,) = [one for one in kept["orders"] if one["id"] == correlation]
    assert order["order"]["stopped"] == ["data", "roaming_data"]


@pytest.mark.parametrize(("level", "path"), [("full", "usage-stop"), ("stop:data", "restriction")])
async def test_a_level_is_refused_where_it_does_not_belong(simulator: Simulator, level: str, path: str) -> None:
    identifier, correlation = a_line()
    async with httpx.AsyncClient(trust_env=False) as client:
        address = f"{simulator.url}/network/services/{identifier}/{path}"
        answer = await client.put(address, json={"level": level, "correlation_id": correlation})
    assert (answer.status_code, answer.json()["field"]) == (422, "level")


# What is believed ---------------------------------------------------------------------------------------------------

NOW = 1_800_000_000
BODY = json.dumps(
    {"correlation_id": "acc_1001/case_7-1/svc_1001", "service": "+31612345678", "level": "full", "state": "applied"}
).encode()


def signed(body: bytes = BODY, secret: str = "s1", at: int = NOW) -> str:
    return timestamped_signature(secret, body, at)


def reader() -> SignedConfirmations:
    return SignedConfirmations(["s1", "s2"], real_time=lambda: float(NOW))


@pytest.mark.parametrize("secret", ["s1", "s2"])
def test_both_secrets_are_good_while_one_is_replaced(secret: str) -> None:
    expected = Confirmation("acc_1001", "case_7-1", "svc_1001", "full")
    assert reader().read(BODY, signed(secret=secret)) == expected


FORGERIES: dict[str, Callable[[], tuple[bytes, str]]] = {
    "no signature": lambda: (BODY, ""),
    "no time": lambda: (BODY, signed().split(",", 1)[1]),
    "another secret": lambda: (BODY, signed(secret="guess")),
    "no secret": lambda: (BODY, signed(secret="")),
    "another body": lambda: (BODY.replace(b"full", b"none"), signed()),
    "six minutes old": lambda: (BODY, signed(at=NOW - 360)),
    "two minutes ahead": lambda: (BODY, signed(at=NOW + 120)),
    "a moved time": lambda: (BODY, signed(at=NOW - 10).replace(str(NOW - 10), str(NOW))),
    "text beyond ASCII": lambda: (BODY, f"t={NOW},v1=é"),
    "signed text that is no JSON": lambda: (b"[", signed(b"[")),
    "signed JSON that is no object": lambda: (b"[]", signed(b"[]")),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_confirmation_is_refused(forgery: str) -> None:
    with pytest.raises(UntrustedConfirmation):
        reader().read(*FORGERIES[forgery]())


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "failed"},
        {"state": "superseded"},
        {"correlation_id": "somebody-elses"},
        {"correlation_id": "acc_x/case_7-1/svc_1001"},
        {"correlation_id": None},
    ],
)
def test_news_that_confirm_nothing_of_ours_are_no_confirmation(changes: dict[str, Any]) -> None:
    body = json.dumps({**json.loads(BODY), **changes}).encode()
    assert reader().read(body, signed(body)) is None
