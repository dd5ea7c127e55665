"""The network's confirmations at the door: forged ones are refused, true ones kept and told to the waiting order."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api import errors
from api.container import Container
from api.dependencies import Caller
from api.routers import barring, dunning
from api.webhooks import network
from billing.adapters.http_network import SignedConfirmations
from billing.domain.errors import NotFound
from billing.services.barring_confirmations import ConfirmationDesk
from simulator.signatures import timestamped_signature
from tests.builders_dunning import DebtWorld, a_debt_world

SECRET = "the-network's-secret"


class EveryKey:
    """The key's text is its role."""

    async def caller_of(self, key: str) -> Caller:
        return Caller("Robin", key)


@dataclass
class Doors:
    """The application's doors of dunning over one account with an order that waits for its confirmation."""

    world: DebtWorld
    client: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=lambda: {"X-API-Key": "admin"})

    async def confirm(self, *, level: str = "outgoing", order_id: str = "case_1-1", **changes: Any) -> httpx.Response:
        """The network's callback, signed now unless told otherwise."""
        world = self.world
        correlation_id = f"{world.account_id}/{order_id}/{world.line.service_id}"
        told = {"correlation_id": correlation_id, "level": level, "state": "applied", "service": "x"}
        body = json.dumps({**told, **changes}).encode()
        signature = timestamped_signature(changes.get("secret", SECRET), body, int(time.time()))
        return await self.client.post("/webhooks/network", content=body, headers={"X-Evenflow-Signature": signature})


@pytest.fixture
async def doors(database_url: str) -> AsyncIterator[Doors]:
    async with a_debt_world(database_url) as world:
        reader = SignedConfirmations([SECRET])
        container = Container(
            make_work=world.work,
            clock=world.clock,
            process=world.process,
            public_url="https://billing.vonk.example",
            access=EveryKey(),
            dunning=world.service,
            dunning_policies=world.policies,
            disputes=world.disputes,
            barring=world.barring,
            network_confirmations=ConfirmationDesk(world.work, reader, world.barring, world.process),
        )
        app = FastAPI()
        app.state.container = container
        errors.install(app)
        for module in (network, dunning, barring):
            app.include_router(module.router)
        await world.barring.place_order(world.order("outgoing"))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="https://doors.test") as client:
            yield Doors(world, client)


async def test_a_confirmation_is_kept_and_told_to_its_order(doors: Doors) -> None:
    for _ in range(2):
        answer = await doors.confirm()
        assert (answer.status_code, answer.json()) == (200, {"taken": "delivered"})
    assert await doors.world.level() == "outgoing"
    workflow_id, signal, fact = doors.world.process.signals[0]
    assert (workflow_id, signal) == ("barring/vonk/A100001/case_1-1", "network_confirmed")
    assert (fact.order_id, fact.service_id, fact.level) == ("case_1-1", doors.world.line.service_id, "outgoing")


async def test_a_forged_confirmation_is_refused_and_changes_nothing(doors: Doors) -> None:
    answer = await doors.confirm(secret="guess")
    assert answer.status_code == 400
    assert (await doors.world.level(), doors.world.process.signals) == ("none", [])


async def test_a_confirmation_after_the_order_ended_is_kept(doors: Doors) -> None:
    doors.world.process.failure = NotFound("no workflow")
    answer = await doors.confirm()
    assert (answer.status_code, answer.json()) == (200, {"taken": "recorded"})
    assert await doors.world.level() == "outgoing"


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({"order_id": "case_9-9"}, "unknown"),
        ({"correlation_id": "acc_999/case_1-1/svc_1"}, "unknown"),
        ({"state": "superseded"}, "ignored"),
    ],
)
async def test_a_confirmation_of_nothing_of_ours_is_answered_and_left(
    doors: Doors, changes: dict[str, str], taken: str
) -> None:
    answer = await doors.confirm(**changes)
    assert (answer.status_code, answer.json()) == (200, {"taken": taken})
    assert (await doors.world.level(), doors.world.process.signals) == ("none", [])


async def test_orders_are_shown_with_the_state_of_their_services(doors: Doors) -> None:
    await doors.confirm()
    answer = await doors.client.get(f"/v1/accounts/{doors.world.account_id}/barring", headers=doors.headers)
    (shown,) = answer.json()
    assert (shown["order"]["level"], shown["order"]["outcome"]) == ("outgoing", "placed")
    assert [one["state"] for one in shown["services"]] == ["confirmed"]


async def test_a_case_is_shown_with_its_steps_and_reasons(doors: Doors) -> None:
    case = await doors.world.open_case(await doors.world.an_invoice(), attempt="a-1")
    await doors.world.carry_out_all(case)
    answer = await doors.client.get(f"/v1/accounts/{doors.world.account_id}/dunning", headers=doors.headers)
    shown = answer.json()
    assert [one["steps_done"] for one in shown["cases"]] == [["failed_notice@0"]]
    assert [one["kind"] for one in shown["entries"]] == ["case_opened", "dunning_step"]
    assert "policy default version 1" in shown["cases"][0]["reason"]


async def test_a_policy_is_previewed_published_and_listed(doors: Doors) -> None:
    listed = (await doors.client.get("/v1/dunning-policies", headers=doors.headers)).json()
    wanted = {"definition": listed[0]["definition"], "opened_at": "2027-06-08T08:00:00Z", "zone": "Europe/Amsterdam"}
    steps = (await doors.client.post("/v1/dunning-policies/preview", json=wanted, headers=doors.headers)).json()
    days = {one["step"]: one["local_day"] for one in steps}
    assert (days["warn@10"], days["bar_outgoing@17"], days["bar_full@31"]) == ("2027-06-18", "2027-06-25", "2027-07-09")
    slower = {**listed[0]["definition"], "bar_threshold_minor": 2500}
    answer = await doors.client.post("/v1/dunning-policies", json={"definition": slower}, headers=doors.headers)
    assert (answer.status_code, answer.json()["policy_version"]) == (201, 2)


async def test_a_policy_that_bars_without_a_warning_is_refused_by_its_field(doors: Doors) -> None:
    definition = {"code": "hasty", "steps": [{"day": 1, "action": "bar_full"}]}
    answer = await doors.client.post("/v1/dunning-policies", json={"definition": definition}, headers=doors.headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "steps[0].day")


async def test_a_dispute_names_a_line_of_its_own_invoice_or_is_refused_by_that_field(doors: Doors) -> None:
    invoice = await doors.world.an_invoice()
    refused = ((f"{invoice}.1", 404, "line_id"), ("inv_99.1", 422, "line_id"), ("x", 422, "body.line_id"))
    for line_id, status, name in refused:
        wanted = {"invoice_id": invoice, "line_id": line_id, "reason": "not mine"}
        answer = await doors.client.post(
            f"/v1/accounts/{doors.world.account_id}/disputes", json=wanted, headers=doors.headers
        )
        assert (answer.status_code, answer.json()["field"]) == (status, name)


async def test_a_dispute_is_opened_by_an_agent_and_decided_by_finance(doors: Doors) -> None:
    invoice = await doors.world.an_invoice()
    address = f"/v1/accounts/{doors.world.account_id}/disputes"
    wanted = {"invoice_id": invoice, "amount_minor": 1250, "reason": "calls I did not make"}
    opened = await doors.client.post(address, json=wanted, headers={"X-API-Key": "agent"})
    dispute_id = opened.json()["dispute_id"]
    decision = {"outcome": "accepted", "decision": "billed twice"}
    refused = await doors.client.post(f"{address}/{dispute_id}/close", json=decision, headers={"X-API-Key": "agent"})
    closed = await doors.client.post(f"{address}/{dispute_id}/close", json=decision, headers={"X-API-Key": "finance"})
    assert (opened.status_code, refused.status_code, closed.status_code) == (201, 403, 200)
    assert [one["status"] for one in (await doors.client.get(address, headers=doors.headers)).json()] == ["accepted"]
