"""The network's control door: levels are set, acknowledged, confirmed; or refused, lost, overtaken."""

from __future__ import annotations

import hashlib
import hmac
from itertools import count
from typing import Any

import httpx
import pytest

from tests.contracts.simulator_process import NETWORK_SECRET, Listener, Simulator, wait_for

pytest_plugins = ["tests.contracts.simulator_fixtures"]
_numbers = count(1)


def a_service() -> str:
    """A service nobody ordered anything for."""
    return f"svc_{next(_numbers)}"


def order(simulator: Simulator, service: str, level: str, correlation_id: str, status: int = 202) -> Any:
    """Ask for a level."""
    body = {"level": level, "reason": "non-payment", "correlation_id": correlation_id}
    answer = httpx.put(f"{simulator.url}/network/services/{service}/restriction", json=body, timeout=20)
    assert answer.status_code == status, answer.text
    return answer.json()


def state(simulator: Simulator, service: str) -> Any:
    """What is in force."""
    return httpx.get(f"{simulator.url}/network/services/{service}/restriction").json()


def confirmation(listener: Listener, correlation_id: str) -> Any:
    """The callback about an order."""
    return listener.wait_for_call("/network", lambda one: one.json["correlation_id"] == correlation_id)


def test_an_order_is_acknowledged_and_confirmed_with_a_signature(simulator: Simulator, listener: Listener) -> None:
    service = a_service()
    assert state(simulator, service)["level"] == "none"
    assert order(simulator, service, "outgoing", "c-1")["state"] == "accepted"
    callback = confirmation(listener, "c-1")
    assert callback.json == {"correlation_id": "c-1", "service": service, "level": "outgoing", "state": "applied"}
    stamp, given = (part.split("=", 1)[1] for part in callback.headers["x-evenflow-signature"].split(","))
    signed = f"{stamp}.".encode() + callback.body
    assert given == hmac.new(NETWORK_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert (state(simulator, service)["level"], state(simulator, service)["state"]) == ("outgoing", "applied")


def test_the_same_order_again_does_nothing_more(simulator: Simulator, listener: Listener) -> None:
    service = a_service()
    for _ in range(2):
        order(simulator, service, "full", "c-2")
    confirmation(listener, "c-2")
    order(simulator, service, "full", "c-2")
    orders = simulator.control("GET", f"/network/orders?service={service}")["orders"]
    assert [one["id"] for one in orders] == ["c-2"]
    order(simulator, service, "none", "c-2", status=409)


def test_a_newer_order_overtakes_one_under_way(faulty: Simulator, listener: Listener) -> None:
    service = a_service()
    faulty.fault("network_delay", path=f"/network/services/{service}/", method="PUT", count=1, seconds=2)
    order(faulty, service, "full", "c-3")
    order(faulty, service, "none", "c-4")
    assert confirmation(listener, "c-4").json["state"] == "applied"
    assert confirmation(listener, "c-3").json["state"] == "superseded"
    assert state(faulty, service)["level"] == "none"


def test_an_order_may_be_refused(faulty: Simulator) -> None:
    service = a_service()
    faulty.fault("network_refuse", path=f"/network/services/{service}/", count=1)
    order(faulty, service, "full", "c-5", status=422)
    assert state(faulty, service)["level"] == "none"


def test_a_lost_confirmation_leaves_the_order_pending(faulty: Simulator) -> None:
    service = a_service()
    faulty.fault("network_never_confirm", path=f"/network/services/{service}/")
    order(faulty, service, "full", "c-6")
    assert (state(faulty, service)["level"], state(faulty, service)["state"]) == ("none", "pending")


def test_a_time_out_may_have_set_the_level(faulty: Simulator) -> None:
    service = a_service()
    faulty.fault("hang_after_commit", path=f"/network/services/{service}/", method="PUT", count=1, seconds=3)
    body = {"level": "full", "reason": "non-payment", "correlation_id": "c-7"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.put(f"{faulty.url}/network/services/{service}/restriction", json=body, timeout=0.5)
    wait_for(lambda: state(faulty, service)["level"] == "full")


def test_the_network_may_fail_to_do_it(faulty: Simulator, listener: Listener) -> None:
    service = a_service()
    faulty.fault("network_fail", path=f"/network/services/{service}/", count=1)
    order(faulty, service, "full", "c-8")
    assert confirmation(listener, "c-8").json["state"] == "failed"
    assert (state(faulty, service)["level"], state(faulty, service)["state"]) == ("none", "failed")


@pytest.mark.parametrize(("body", "field"), [({"level": "half"}, "level"), ({"correlation_id": ""}, "correlation_id")])
def test_an_order_that_cannot_be_used_names_its_field(simulator: Simulator, body: dict[str, str], field: str) -> None:
    given = {"level": "full", "correlation_id": "c-9", **body}
    answer = httpx.put(f"{simulator.url}/network/services/{a_service()}/restriction", json=given)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
