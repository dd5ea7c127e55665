"""Limits and the live balance over HTTP: what is set is shown where it belongs, exact with every record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from api.schemas.brands import A_BRAND
from billing.persistence.unit_of_work import make_engine
from billing.services.usage_limits import LimitService
from tests.builders_limits import MB, LimitsWorld, a_limits_world
from tests.doors.doors_world import DoorsWorld, a_doors_world


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[LimitsWorld]:
    engine = make_engine(database_url)
    yield await a_limits_world(engine, tmp_path)
    await engine.dispose()


@pytest.fixture
async def doors(database_url: str, world: LimitsWorld) -> AsyncIterator[DoorsWorld]:
    limits = LimitService(world.usage.work, world.usage.clock, world.usage.service.thresholds)
    async with a_doors_world(database_url, usage=world.usage.service, limits=limits) as doors:
        yield doors


async def balance(world: LimitsWorld, doors: DoorsWorld) -> Any:
    answer = await doors.get(f"/v1/accounts/{world.usage.account_id}/balance")
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(limits: list[dict[str, Any]]) -> list[str]:
    return [one["limit_id"] for one in limits]


async def test_each_limit_stands_in_the_balance_where_its_scope_is(world: LimitsWorld, doors: DoorsWorld) -> None:
    line = world.usage.service_id
    await world.sets(9000)
    await world.sets(500, measure="quantity", meter="sms")
    await world.sets(3000, service_id=line)
    await world.sets(2000, service_id=line, meter="data", kind="soft")
    found = await balance(world, doors)
    (service,) = found["services"]
    meters = {one["meter"]: one for one in service["meters"]}
    assert ids(found["limits"]) == ["hard:amount:account:all", "hard:quantity:account:sms"]
    assert ids(service["limits"]) == [f"hard:amount:{line}:all", f"hard:amount:{line}:roaming_data"]
    assert ids(meters["data"]["limits"]) == [f"soft:amount:{line}:data"]
    assert (meters["sms"]["limits"], service["stopped"]) == ([], [])


async def test_a_cap_is_exact_with_every_acknowledged_record(world: LimitsWorld, doors: DoorsWorld) -> None:
    await world.sets(1000)
    for euros in (3, 5, 4):
        await world.uses(quantity=euros * 100 * MB)
    (cap,) = (await balance(world, doors))["limits"]
    assert (cap["used"], cap["left"], cap["value"], cap["state"], cap["currency"]) == (1200, 0, 1000, "stopped", "EUR")
    assert cap["excludes"] == ["recurring_fees", "vat", "invoice_discounts", "usage_not_reported_yet"]


async def test_limits_are_listed_with_who_set_them_and_what_waits(world: LimitsWorld, doors: DoorsWorld) -> None:
    await world.sets(1000)
    await world.sets(400)
    answer = await doors.get(f"/v1/accounts/{world.usage.account_id}/limits")
    own, brands = answer.json()
    assert (own["value"], own["next_value"], own["next_from_cycle"], own["set_by"], own["asked_by"], own["reason"]) == (
        1000,
        400,
        2,
        "the agent",
        "customer",
        "asked by telephone",
    )
    assert (brands["by_policy"], brands["set_at"], brands["value"], brands["reminder"]) == (True, None, 5000, 10_000)


async def test_limits_of_an_unknown_account_are_not_found(doors: DoorsWorld) -> None:
    answer = await doors.get("/v1/accounts/acc_99/limits")
    assert (answer.status_code, answer.json()["remedy"] != "") == (404, True)


async def test_a_brand_keeps_its_policy_and_refuses_one_that_cannot_hold(doors: DoorsWorld) -> None:
    brand = deepcopy(A_BRAND) | {"brand": "other"}
    brand["limit_policy"]["roaming_data"]["cap_minor"] = 20_000
    refused = await doors.post("/v1/brands", brand)
    assert (refused.status_code, refused.json()["field"]) == (422, "limit_policy.roaming_data.reminder_minor")
    brand["limit_policy"]["roaming_data"]["reminder_minor"] = 40_000
    kept = await doors.post("/v1/brands", brand)
    assert kept.status_code == 201, kept.text
    assert kept.json()["limit_policy"] == brand["limit_policy"]
