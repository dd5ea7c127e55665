"""Retry policies at the doors: who may publish, what is refused, and what would be decided now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.schemas.retries import A_RETRY_POLICY
from billing.services.method_links import MethodLinks
from tests.builders_method_pages import a_container
from tests.builders_payments import PAY_BASE, SIGNING_KEY, RecordedProcess, TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty) as world:
        yield world


@pytest.fixture
async def client(till: TillWorld) -> AsyncIterator[httpx.AsyncClient]:
    links = MethodLinks(till.work, (SIGNING_KEY,), PAY_BASE)
    transport = httpx.ASGITransport(create_app(a_container(till, RecordedProcess(), links)))
    async with httpx.AsyncClient(transport=transport, base_url=PAY_BASE, headers={"X-API-Key": "admin"}) as made:
        yield made


def wanted(**changes: Any) -> dict[str, Any]:
    return {"brand": "vonk", "definition": A_RETRY_POLICY, "reason": "wages come on the 25th"} | changes


async def test_an_administrator_publishes_with_a_reason_and_the_same_again_is_the_same(
    client: httpx.AsyncClient,
) -> None:
    first = await client.post("/v1/retry-policies", json=wanted())
    again = await client.post("/v1/retry-policies", json=wanted(reason="once more"))
    assert (first.status_code, again.json()) == (201, first.json())
    (listed,) = (await client.get("/v1/retry-policies")).json()
    assert (listed["policy_version"], listed["author"], listed["reason"]) == (1, "Robin", "wages come on the 25th")
    assert listed["definition"]["rules"][0]["within_days"] == 30


@pytest.mark.parametrize("role", ["viewer", "agent", "finance"])
async def test_nobody_else_publishes(client: httpx.AsyncClient, role: str) -> None:
    answer = await client.post("/v1/retry-policies", json=wanted(), headers={"X-API-Key": role})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"brand": "nobody"}, 404, "brand"),
        ({"reason": ""}, 422, "body.reason"),
        ({"definition": {"rules": [{"instruments": ["visa"], "categories": ["funds"], "most_retries": 20}]}}, 422,
         "rules[0].most_retries"),
        ({"definition": {"rules": [], "paydays": {"days_of_month": [32]}}}, 422, "paydays.days_of_month[0]"),
        ({"definition": {"rule": []}}, 422, "rule"),
    ],
)  # fmt: skip
async def test_what_cannot_be_kept_is_refused_by_field(
    client: httpx.AsyncClient, changes: dict[str, Any], status: int, field: str
) -> None:
    answer = await client.post("/v1/retry-policies", json=wanted(**changes))
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.json()["remedy"]


async def test_what_would_be_decided_now_is_shown_with_rule_and_inputs(
    till: TillWorld, client: httpx.AsyncClient
) -> None:
    address = f"/v1/accounts/{till.account_id}/next-retry"
    nothing = (await client.get(address)).json()
    assert (nothing["possible"], nothing["explanation"]) == (False, "Nothing is open any more.")
    card = await till.a_card()
    script = {"subject": f"payment_method:{card.provider_method}", "outcomes": ["insufficient_funds"]}
    await till.control("POST", "/scripts", script)
    invoice = await till.an_announced_invoice(4210)
    await till.service.collect(till.a_request(invoice))
    shown = (await client.get(address)).json()
    assert (shown["possible"], shown["rule"], shown["policy_version"]) == (True, "card funds", 0)
    assert (shown["invoice_ids"], shown["inputs"]["code"]) == ([invoice], "51")
    assert (await client.get("/v1/accounts/acc_999999/next-retry")).status_code == 404
