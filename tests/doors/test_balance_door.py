"""The door of balances and the route behind it answer the very same, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.usage_doors import door
from billing.persistence.balance_reading import SqlBalanceSource
from billing.persistence.unit_of_work import make_engine
from billing.services.usage import UsageService
from tests.builders_usage import UsageWorld, a_customer, a_usage_world, an_event
from tests.doors.usage_server import Keys, a_container

ACCOUNTS = 12


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[UsageWorld]:
    engine, source = make_engine(database_url), SqlBalanceSource(database_url)
    world = await a_usage_world(engine, tmp_path)
    service = UsageService(world.work, world.clock, world.process, {}, tmp_path, source)
    yield UsageWorld(engine, service, world.clock, world.process, world.account_id, world.service_id)
    await source.close()
    await engine.dispose()


@pytest.fixture
async def client(world: UsageWorld) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(a_container(world, Keys())))
    async with httpx.AsyncClient(transport=transport, base_url="http://door.test", headers=VIEWER) as client:
        yield client


VIEWER = {"X-API-Key": "viewer"}


async def used(world: UsageWorld) -> list[str]:
    """Accounts that used more and more, on one line or two."""
    account_ids = [world.account_id]
    for number in range(1, ACCOUNTS):
        async with world.work() as work:
            account_id, _ = await a_customer(work, number=f"B{number}", identifier=f"+3160000{number:04}")
            await work.commit()
        account_ids.append(account_id)
        line = {"source": f"s{number}", "identifier": f"+3160000{number:04}"}
        events = [
            an_event(**line, record_id=f"{meter}-{place}", meter=meter, quantity=61 * number, destination=destination)
            for place, destination in enumerate(("+31201234567", "+3225551234"))
            for meter in ("voice", "sms", "shop")[: number % 4]
        ]
        await world.service.take([each | ({"amount": "12.305"} if each["meter"] == "shop" else {}) for each in events])
    return account_ids


async def test_over_many_accounts_door_and_route_answer_the_same(
    world: UsageWorld, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [f"/v1/accounts/{account_id}/balance" for account_id in [*await used(world), "acc_999999"]]
    at_the_door = [await client.get(path) for path in paths]
    monkeypatch.setattr(door, "asked_account", lambda scope: "")
    by_the_route = [await client.get(path) for path in paths]
    assert [answer.status_code for answer in at_the_door] == [200] * ACCOUNTS + [404]
    for one, other in zip(at_the_door, by_the_route, strict=True):
        assert (one.status_code, one.content) == (other.status_code, other.content)
        assert dict(one.headers) == dict(other.headers)


async def test_the_door_is_what_answers(
    world: UsageWorld, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def route(app: Any, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the framework was asked")

    monkeypatch.setattr(FastAPI, "__call__", route)
    answer = await client.get(f"/v1/accounts/{world.account_id}/balance")
    assert (answer.status_code, answer.json()["account_id"]) == (200, world.account_id)


@pytest.mark.parametrize(
    ("path", "headers", "status", "field"),
    [
        ("/v1/accounts/{}/balance", {"X-API-Key": ""}, 401, "X-API-Key"),
        ("/v1/accounts/{}/balance", {"X-API-Key": "unknown"}, 401, "X-API-Key"),
        ("/v1/accounts/{}/balance?cycle=2", VIEWER, 422, "cycle"),
        ("/v1/accounts/acc_01/balance", VIEWER, 422, "account_id"),
        ("/v1/accounts/svc_1/balance", VIEWER, 422, "account_id"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused_as_everywhere(
    world: UsageWorld, client: httpx.AsyncClient, path: str, headers: dict[str, str], status: int, field: str
) -> None:
    answer = await client.get(path.format(world.account_id), headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert field in answer.text
    assert answer.json()["remedy"]
