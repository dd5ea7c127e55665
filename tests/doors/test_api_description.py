"""The API's description: nothing without words, every example works, and every shown number is what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api.schemas.accounts import AN_ACCOUNT
from api.schemas.cycles import EXAMPLES as CYCLE_EXAMPLES
from api.schemas.cycles import CyclePlanOut, PreviewQuery
from api.schemas.pricing import PricePreviewIn
from api.schemas.pricing_examples import EXAMPLES, MODEL_EXAMPLES
from api.schemas.usage import A_CALL, A_SESSION
from billing.domain.cycle_dates import CyclePlan
from billing.domain.cycle_policy import CyclePolicy
from billing.domain.rating import PRICE_MODELS, PriceDefinition
from tests.doors.described import JSON, OPERATIONS, asked, resolved
from tests.doors.doors_world import ADMIN_KEY, DoorsWorld, a_doors_world
from tests.doors.every_door import every_door

PRICING = OPERATIONS["POST /v1/pricing/preview"]
CYCLES = OPERATIONS["GET /v1/cycles/preview"]
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_doors_world(database_url) as world:
        yield world


def undescribed(operation: dict[str, Any]) -> Iterator[str]:
    """What a reader of this operation would have to guess."""
    yield from (name for name in ("summary", "description") if not operation.get(name))
    yield from (each["name"] for each in operation.get("parameters", ()) if not each.get("description"))
    for media in operation.get("requestBody", {}).get("content", {}).values():
        body = resolved(media["schema"])
        shown = [media, body, *body.get("properties", {}).values()]
        if not any(each.keys() & {"example", "examples"} for each in shown):
            yield "an example of the body"
        yield from (name for name, field in body.get("properties", {}).items() if not field.get("description"))


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_its_parameters_and_fields_are_described_with_an_example(name: str) -> None:
    assert list(undescribed(OPERATIONS[name])) == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_error_of_every_operation_is_a_problem(name: str) -> None:
    operation = OPERATIONS[name]
    errors = {status: answer["content"] for status, answer in operation["responses"].items() if status >= "400"}
    needed = {"422", "500"} | ({"401", "403"} if "security" in operation else set())
    needed |= {"413"} if "requestBody" in operation else set()
    assert needed <= set(errors)
    assert all(content == PROBLEM for content in errors.values())
    assert any(status < "400" for status in operation["responses"])


# These examples name what is there already, or what the world around the doors would have to make first.
REFUSED_EXAMPLES = {
    "GET /v1/accounts/{account_id}/invoices/{invoice_id}/cii.xml": (409, "letterhead.street"),
    "GET /v1/accounts/{account_id}/invoices/{invoice_id}/ubl.xml": (409, "letterhead.street"),
    "GET /v1/brands/{brand}/bank-creditor": (404, "brand"),
    "GET /v1/accounts/{account_id}/bank-mandates/{method_id}": (404, "method_id"),
    "POST /v1/accounts/{account_id}/bank-mandates/{method_id}/amend": (404, "method_id"),
    "POST /v1/accounts/{account_id}/bank-payouts": (409, "amount_minor"),
    "POST /v1/accounts/{account_id}/bank-payouts/{payout_id}/release": (404, "payout_id"),
    "POST /v1/accounts/{account_id}/bank-payouts/{payout_id}/cancel": (404, "payout_id"),
    "GET /v1/bank-batches/{batch_id}": (404, "batch_id"),
    "GET /v1/bank-batches/{batch_id}/file": (404, "batch_id"),
    "POST /v1/bank-batches/{batch_id}/delivered": (404, "batch_id"),
    "POST /v1/bank-batches/{batch_id}/hold": (404, "batch_id"),
    "POST /v1/bank-batches/{batch_id}/release": (404, "batch_id"),
    "POST /v1/bank-batches/{batch_id}/withdraw": (404, "batch_id"),
    "POST /v1/accounts/{account_id}/bank-debits/{attempt_id}/release": (404, "attempt_id"),
    "POST /v1/accounts/{account_id}/bank-debits/{attempt_id}/give-up": (404, "attempt_id"),
    "GET /v1/bank-statements/{file_id}": (404, "file_id"),
    "GET /v1/bank-statements/{file_id}/payments": (404, "file_id"),
    "POST /v1/bank-statements/{file_id}/reject": (404, "file_id"),
    "POST /v1/bank-statements/{file_id}/release": (404, "file_id"),
    "GET /v1/suspense-items/{suspense_id}": (404, "suspense_id"),
    "POST /v1/suspense-items/{suspense_id}/assign": (404, "suspense_id"),
    "POST /v1/suspense-items/{suspense_id}/offset": (404, "suspense_id"),
    "POST /v1/suspense-items/{suspense_id}/reopen": (404, "suspense_id"),
    "POST /v1/suspense-items/{suspense_id}/send-back": (404, "suspense_id"),
    "POST /v1/accounts/{account_id}/actions/refund-credit": (409, "amount_minor"),
    "POST /v1/bulk-actions": (422, "count"),
    "GET /v1/bulk-actions/{bulk_id}": (404, "bulk_id"),
    "GET /v1/bulk-actions/{bulk_id}/results": (404, "bulk_id"),
    "GET /v1/bulk-actions/{bulk_id}/results.csv": (404, "bulk_id"),
    "POST /v1/bulk-actions/{bulk_id}/undo": (404, "bulk_id"),
    "POST /v1/bulk-actions/{bulk_id}/{command}": (409, "bulk_id"),
    "GET /v1/users/{user_id}": (404, "user_id"),
    "GET /v1/cases/{case_id}": (404, "case_id"),
    "POST /v1/cases/{case_id}/acknowledge": (409, "case_id"),
    "POST /v1/cases/{case_id}/close": (409, "case_id"),
    "GET /v1/plan-corrections/{correction_id}": (404, "correction_id"),
    "GET /v1/plan-corrections/{correction_id}/differences": (404, "correction_id"),
    "GET /v1/usage/archives/{day}": (404, "day"),
    "GET /v1/usage/events/explain": (404, "record_id"),
    "GET /v1/usage/files/{file_id}": (404, "file_id"),
    "GET /v1/usage/files/{file_id}/report": (404, "file_id"),
    "POST /v1/usage/files/{file_id}/release": (404, "file_id"),
    "POST /v1/usage/files/{file_id}/cancel": (404, "file_id"),
    "POST /v1/usage/files/{file_id}/reject": (404, "file_id"),
    "POST /v1/usage/streams/move": (404, "topic"),
    "POST /v1/accounts/{account_id}/dunning/fees/{fee_id}/waive": (404, "fee_id"),
    "DELETE /v1/accounts/{account_id}/payment-methods/{method_id}": (404, "method_id"),
    "POST /v1/brands": (409, "brand"),
    "POST /v1/accounts/{account_id}/services": (409, "services.identifier"),
    "POST /v1/accounts/{account_id}/services/{service_id}/plan": (404, "plan_code"),
    "POST /v1/accounts/{account_id}/services/{service_id}/plan/preview": (404, "plan_code"),
    "POST /v1/usage/issues/{issue_id}/resubmit": (422, "raw"),
    "POST /v1/accounts/{account_id}/payment-methods/setup/complete": (404, "reference"),
}


def test_every_example_of_a_request_can_be_sent_as_it_is(
    database_url: str, simulator_environment: dict[str, str], tmp_path: Path
) -> None:
    refused: dict[str, tuple[int, str]] = {}
    with (
        every_door(database_url, simulator_environment, tmp_path) as address,
        httpx.Client(base_url=address, headers={"X-API-Key": ADMIN_KEY}, timeout=60, trust_env=False) as client,
    ):
        for one in asked():
            answer = client.request(one.method, one.path(), json=one.body)
            if answer.status_code >= 400:
                refused[one.name] = (answer.status_code, answer.json()["field"])
    assert refused == REFUSED_EXAMPLES


async def test_the_examples_of_brand_plan_account_and_usage_fit_together(world: DoorsWorld) -> None:
    await world.sell()
    opened = await world.post("/v1/accounts", AN_ACCOUNT | {"activated_at": "2027-01-31T09:00:00+01:00"})
    taken = await world.client.post("/v1/usage/events/batch", json=[A_CALL, A_SESSION])
    assert [each["outcome"] for each in taken.json()["results"]] == ["accepted", "accepted"], taken.text
    balance = (await world.get(f"/v1/accounts/{opened.json()['account_id']}/balance")).json()
    used = {meter["meter"] for meter in balance["services"][0]["meters"] if meter["quantity"]}
    assert used == {A_CALL["meter"], A_SESSION["meter"]}


@pytest.mark.parametrize("name", EXAMPLES)
async def test_a_price_example_answers_as_documented(world: DoorsWorld, name: str) -> None:
    asked = PRICING["requestBody"]["content"][JSON]["examples"][name]
    documented = PRICING["responses"]["200"]["content"][JSON]["examples"][name]
    answer = await world.post("/v1/pricing/preview", asked["value"])
    assert (answer.status_code, answer.json()) == (200, documented["value"])
    assert documented["value"]["explanation"]
    assert asked["summary"] == documented["summary"]


def test_every_price_model_has_an_example_and_every_option_of_a_price_is_shown() -> None:
    assert {name: example["price"]["model"] for name, example in MODEL_EXAMPLES.items()} == {
        name: name for name in PRICE_MODELS
    }
    shown = {option for example in EXAMPLES.values() for option in example.get("price", {})}
    shown |= {option for example in EXAMPLES.values() for option in example}
    assert {field.name for field in fields(PriceDefinition)} <= shown
    assert set(PricePreviewIn.model_fields) <= shown
    assert all(f"`{name}`" in PRICING["description"] for name in PRICE_MODELS)


def test_the_documented_amounts_are_those_of_a_clerk() -> None:
    examples = PRICING["responses"]["200"]["content"][JSON]["examples"]
    assert {name: example["value"]["amount"]["amount_minor"] for name, example in examples.items()} == {
        "recurring": 1500,
        "flat": 450,
        "per_unit": 40,
        "graduated": 1250,
        "volume": 750,
        "package": 600,
        "percentage": 133,
        "per_event": 63,
        "zero_rated": 0,
        "increments_30_6": 13,
        "destinations_by_longest_prefix": 75,
        "allowance_used_up": 600,
        "no_allowance_drawn": 100,
        "minimum_per_cycle": 500,
        "maximum_per_cycle": 2500,
        "each_event_rounded": 20,
        "connection_fee_per_event": 20,
        "discount_with_dates": 1200,
        "two_discounts_on_usage": 800,
        "time_bands_with_a_holiday": 26,
        "roaming_zones": 750,
        "allowance_at_home_and_in_a_zone": 150,
        "rollover_with_a_cap": 0,
        "add_on_bought_within_the_cycle": 100,
        "allowance_shared_by_two_services": 0,
        "discounts_on_the_invoice": 1500,
        "whole_plan": 2409,
    }


def test_the_examples_show_what_is_left_shared_and_carried_as_a_clerk_would() -> None:
    examples = {
        name: example["value"] for name, example in PRICING["responses"]["200"]["content"][JSON]["examples"].items()
    }
    rolled = examples["rollover_with_a_cap"]["rolls_over"]
    # 100 minutes, 50 used, 50 left; 90 from before live on, so that ten more reach the cap of one allowance.
    assert [(each["quantity"], each["cycles"]) for each in rolled] == [(600, 2)]
    # 80 of 100 minutes are used by the first line, 20 by the second, whose other 30 cost 0.10 each.
    assert [other["amount"]["amount_minor"] for other in examples["allowance_shared_by_two_services"]["others"]] == [
        300
    ]
    invoice = examples["discounts_on_the_invoice"]["invoice"]
    assert (invoice["net"]["amount_minor"], [each["code"] for each in invoice["skipped"]]) == (1170, ["big"])


@pytest.mark.parametrize("name", CYCLE_EXAMPLES)
async def test_a_cycle_example_answers_as_documented(world: DoorsWorld, name: str) -> None:
    documented = CYCLES["responses"]["200"]["content"][JSON]["examples"][name]
    address = documented["description"].removeprefix("GET ")
    answer = await world.client.get(address)
    assert (answer.status_code, answer.json()) == (200, documented["value"])
    sent = {field: str(value) for field, value in CYCLE_EXAMPLES[name].items()}
    assert {field: text for field, (text,) in parse_qs(urlsplit(address).query).items()} == sent


def test_every_parameter_of_a_cycle_preview_has_an_example_and_is_used_in_one() -> None:
    parameters = {each["name"]: each for each in CYCLES["parameters"]}
    flat = set(CyclePolicy().to_dict()) - {"quiet_hours"}
    quiet = {f"quiet_{name}" for name in CyclePolicy().quiet_hours.to_dict()}
    assert flat | quiet | {"cycle_day", "zone", "from", "count", "method_kind"} == set(parameters)
    assert [name for name, each in parameters.items() if not each["schema"].get("examples")] == []
    assert {name for query in CYCLE_EXAMPLES.values() for name in query} == set(parameters)
    assert set(parameters) == {field.alias or name for name, field in PreviewQuery.model_fields.items()}


def test_every_date_of_a_cycle_plan_is_answered_and_described() -> None:
    assert set(CyclePlanOut.model_fields) == {field.name for field in fields(CyclePlan)}
    assert all(field.description and field.examples for field in CyclePlanOut.model_fields.values())


def test_the_documented_dates_are_those_of_a_calendar() -> None:
    examples = CYCLES["responses"]["200"]["content"][JSON]["examples"]
    first = {name: example["value"]["cycles"][0] for name, example in examples.items()}
    assert {name: (plan["invoice_date"], plan["debit_on"]) for name, plan in first.items()} == {
        "direct_debit_on_the_last_day": ("2027-02-28", "2027-03-15"),
        "card_on_short_notice": ("2027-06-01", "2027-06-10"),
        "bacs_debit_in_banking_days": ("2027-04-15", "2027-04-30"),
        "no_usable_method_and_quiet_saturdays": ("2027-08-05", "2027-08-20"),
    }
    for plan in first.values():
        order = ["opens_at", "closes_at", "issue_at", "ready_notice_at", "reminder_at", "debit_at", "next_closes_at"]
        instants = [datetime.fromisoformat(plan[name]) for name in order]
        assert instants == sorted(instants)
        assert date.fromisoformat(plan["debit_on"]).weekday() < 5
