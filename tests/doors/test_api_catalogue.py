"""Brands, plans and cycle previews over HTTP, and what every door has in common."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.schemas.accounts import AN_ACCOUNT
from api.schemas.brands import A_BRAND
from api.schemas.plans import A_PLAN, EVERY_PRICE_MODEL
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.rating import PRICE_MODELS
from tests.doors.doors_world import DoorsWorld, a_doors_world

PLAIN: dict[str, Any] = {"allowances": [], "line_discounts": []}
TAX_CODE = "prices[0].tax_code"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as world:
        yield world


async def test_the_brand_of_the_example_can_be_added_once(world: DoorsWorld) -> None:
    added = await world.post("/v1/brands", A_BRAND)
    assert added.status_code == 201, added.text
    assert added.json() == A_BRAND
    assert (await world.get("/v1/brands")).json() == [A_BRAND]
    again = await world.post("/v1/brands", A_BRAND)
    assert (again.status_code, again.json()["field"], again.json()["value"]) == (409, "brand", "vonk")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"brand": "Vonk!"}, "brand"),
        ({"zone": "Europe/Atlantis"}, "zone"),
        ({"tax_table": {"country": "NL"}}, "tax_table.rates"),
        ({"cycle_policy": {"notice_hour_local": 22}}, "notice_hour_local"),
        ({"cycle_policy": {"notice_dayz": 3}}, "body.cycle_policy.notice_dayz"),
        ({"currency": "euro"}, "body.currency"),
        ({"currency": "ZZZ"}, "currency"),
        ({"locale": "zz"}, "locale"),
        ({"sms_sender": "Vonk Mobiel NL"}, "body.sms_sender"),
        ({"notice_channels": {"ready": "fax"}}, "notice_channels.ready"),
        ({"minimum_charge_minor": True}, "body.minimum_charge_minor"),
        ({"name": "Vonk\0Mobiel"}, "body.name"),
    ],
)
async def test_a_brand_that_cannot_be_kept_is_refused(world: DoorsWorld, change: dict[str, Any], field: str) -> None:
    answer = await world.post("/v1/brands", A_BRAND | change)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert answer.json()["remedy"]


async def test_a_brand_may_name_a_dunning_policy_that_is_published(world: DoorsWorld) -> None:
    answer = await world.post("/v1/brands", A_BRAND | {"dunning_policy_code": "gentle"})
    assert (answer.status_code, answer.json()["field"]) == (404, "policy_code")


async def test_the_plan_of_the_example_holds_every_price_model_and_is_published_in_versions(world: DoorsWorld) -> None:
    assert set(EVERY_PRICE_MODEL) == set(PRICE_MODELS)
    await world.sell()
    changed = A_PLAN | {"name": "Vonk Basis Plus"}
    second = await world.post("/v1/plans", {"brand": "vonk", "definition": changed})
    again = await world.post("/v1/plans", {"brand": "vonk", "definition": changed})
    assert (second.json()["plan_version"], again.json()["plan_version"]) == (2, 2)
    listed = (await world.get("/v1/plans", brand="vonk")).json()
    assert [plan["plan_version"] for plan in listed] == [1, 2]


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"currency": "GBP"}, 422, "currency"),
        ({"prices": [{"code": "x", "model": "per_minute"}]}, 422, "prices[0].model"),
        ({"prices": [{"code": "x", "model": "recurring", "fee": 1.5}]}, 422, "prices[0].fee"),
        ({"prices": [{"code": "fee", "model": "recurring", "fee": "1", "tax_code": "luxury"}], **PLAIN}, 422, TAX_CODE),
    ],
)
async def test_a_plan_that_cannot_be_billed_is_refused(
    world: DoorsWorld, change: dict[str, Any], status: int, field: str
) -> None:
    await world.sell()
    answer = await world.post("/v1/plans", {"brand": "vonk", "definition": A_PLAN | change})
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.json()["remedy"]


async def test_a_preview_shows_every_date_and_stores_nothing(world: DoorsWorld) -> None:
    answer = await world.get(
        "/v1/cycles/preview", **{"cycle_day": 31, "from": "2027-02-10", "count": 2, "country": "NL"}
    )
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["cycles"]
    assert (first["invoice_date"], second["invoice_date"]) == ("2027-02-28", "2027-03-31")
    assert first["next_closes_at"] == second["closes_at"]
    assert (first["closes_at"], first["debit_on"]) == ("2027-02-27T23:00:00Z", "2027-03-15")
    assert answer.json()["policy"] == CyclePolicy(country="NL").to_dict()
    assert (await world.get("/v1/accounts")).json()["accounts"] == []


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"notice_days": 40}, "notice_days", "20"),
        ({"reminder_days": -1}, "reminder_days", "debit"),
        ({"cycle_day": 32}, "cycle_day", "day of the month"),
        ({"zone": "Nowhere"}, "zone", ""),
        ({"method_kind": "cash"}, "method_kind", ""),
        ({"scheme_calendar": "MOON"}, "scheme_calendar", ""),
        ({"quiet_starts_hour": 8, "quiet_ends_hour": 12}, "notice_hour_local", "quiet"),
    ],
)
async def test_a_policy_that_cannot_be_kept_is_refused_with_what_collides(
    world: DoorsWorld, change: dict[str, Any], field: str, words: str
) -> None:
    answer = await world.get("/v1/cycles/preview", **{"cycle_day": 31} | change)
    said = answer.json()
    assert (answer.status_code, said["field"]) == (422, field), said
    assert words in said["detail"]
    assert said["remedy"]


async def test_nothing_is_answered_without_a_key(world: DoorsWorld) -> None:
    del world.client.headers["X-API-Key"]
    open_doors = ("/health", "/webhooks", "/pay")
    for path, methods in world.app.openapi()["paths"].items():
        # The handshake of a webhook tells what may be sent, not who may send it.
        for method in set(methods) - {"options"} if not path.startswith(open_doors) else ():
            body = {"content": b"{}", "headers": {"content-type": "application/json"}}
            answer = await world.client.request(method, path.replace("{", "").replace("}", ""), **body)
            assert (path, method, answer.status_code) in {(path, method, 401), (path, method, 422)}
            assert answer.headers["content-type"] == "application/problem+json"
            if answer.status_code == 422:
                assert "X-API-Key" not in answer.text


async def test_a_revoked_key_is_refused(world: DoorsWorld) -> None:
    answer = await world.client.get("/v1/brands", headers={"X-API-Key": "evk_unknown"})
    assert (answer.status_code, answer.json()["field"]) == (401, "X-API-Key")
    assert "evk_unknown" not in answer.text


async def test_a_body_larger_than_a_door_takes_is_refused(world: DoorsWorld) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    for content in (b" " * 1_100_000, endless()):
        answer = await world.client.post("/v1/brands", content=content)
        assert (answer.status_code, answer.json()["field"]) == (413, "body")


async def test_health_tells_life_from_readiness(world: DoorsWorld) -> None:
    assert (await world.get("/health/live")).status_code == 200
    assert (await world.get("/health/ready")).status_code == 200


async def test_the_reference_shows_every_route_without_scripts(world: DoorsWorld) -> None:
    shown = (await world.get("/docs")).text
    assert "<script" not in shown
    for path in world.app.openapi()["paths"]:
        assert f"<code>{path}</code>" in shown
    for worked in ("A graduated price", "sum of tiers = 12.5 EUR", "GET /v1/cycles/preview?cycle_day=31", "2027-03-15"):
        assert worked in shown


async def test_an_unknown_route_and_a_wrong_method_are_problems_too(world: DoorsWorld) -> None:
    for path, method, status in (("/v1/nothing", "GET", 404), ("/v1/brands", "DELETE", 405)):
        answer = await world.client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.json()["remedy"]


ODD_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.just({"a": {"b": []}})
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(changes=st.dictionaries(st.sampled_from([*AN_ACCOUNT, "odd"]), ODD_VALUES, min_size=1, max_size=3))
async def test_no_account_is_too_odd_for_an_answer(world: DoorsWorld, changes: dict[str, Any]) -> None:
    body = json.dumps(AN_ACCOUNT | changes).encode()
    answer = await world.client.post("/v1/accounts", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (201, 404, 409, 422), (changes, answer.text)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60), after=st.text(max_size=20))
async def test_no_search_is_too_odd_for_an_answer(world: DoorsWorld, text: str, after: str) -> None:
    answer = await world.get("/v1/accounts", q=text, after=after)
    assert answer.status_code in (200, 422), (text, after, answer.text)
