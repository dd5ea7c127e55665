"""Payouts, amended mandates and disputes of lines over HTTP: who may, what is answered, what is refused by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.schemas.bank_payouts import A_PAYOUT
from billing.domain.ledger import payment_received
from tests.doors.doors_world import DoorsWorld, StandingClock
from tests.doors.test_bank_file_doors import BATCHES, a_bank_world, ready


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[DoorsWorld]:
    async with a_bank_world(database_url, {"first": b"k" * 32}) as world:
        yield world


async def with_credit(world: DoorsWorld, minor: int = 5000) -> str:
    account = await ready(world)
    async with world.container.make_work() as work:
        at = StandingClock().now()
        await work.ledger.post(payment_received(account, "stripe", "pi_1", at, minor, "EUR", {}))
        await work.commit()
    return account


async def pay_out(world: DoorsWorld, account: str, key: str = "once", **changes: Any) -> Any:
    headers = {"Idempotency-Key": key}
    return await world.client.post(f"/v1/accounts/{account}/bank-payouts", json=A_PAYOUT | changes, headers=headers)


async def test_credit_is_paid_out_once_per_key_and_the_number_is_nowhere(world: DoorsWorld) -> None:
    account = await with_credit(world)
    first, again = [await pay_out(world, account) for _ in range(2)]
    assert (first.status_code, first.json()) == (201, again.json())
    assert (first.json()["status"], first.json()["last_four"], first.json()["amount_minor"]) == (
        "waiting",
        "4567",
        1250,
    )
    listed = (await world.get(f"/v1/bank-payouts?account_id={account}")).json()
    assert [one["payout_id"] for one in listed] == [first.json()["payout_id"]]
    assert A_PAYOUT["iban"] not in str(listed)


async def test_payouts_are_filed_with_everything_else_and_the_file_is_the_same_each_time(world: DoorsWorld) -> None:
    account = await with_credit(world)
    payout = (await pay_out(world, account)).json()
    made = (await world.post(f"{BATCHES}/make?at_once=true", {})).json()
    (batch,) = made["batches"]
    assert (batch["kind"], batch["count"], batch["control_sum_minor"], batch["scheme"]) == ("payouts", 1, 1250, "SCT")
    first, second = [(await world.get(f"{BATCHES}/{batch['batch_id']}/file")).content for _ in range(2)]
    assert first == second
    assert payout["end_to_end_id"].encode() in first
    await world.post(f"{BATCHES}/{batch['batch_id']}/delivered", {"how": "portal"})
    (listed,) = (await world.get("/v1/bank-payouts?status=sent")).json()
    assert listed["batch_id"] == batch["batch_id"]


async def test_a_payout_is_cancelled_before_it_is_filed_and_not_afterwards(world: DoorsWorld) -> None:
    account = await with_credit(world)
    payout = (await pay_out(world, account)).json()["payout_id"]
    address = f"/v1/accounts/{account}/bank-payouts/{payout}"
    assert (await world.post(f"{address}/release", {"reason": "why not"})).status_code == 409
    cancelled = await world.post(f"{address}/cancel", {"reason": "the customer stays"})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (await world.post(f"{address}/cancel", {"reason": "again"})).status_code == 409


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"amount_minor": 9_000_000}, 409, "amount_minor"),
        ({"iban": "NL21INGB0001234567"}, 422, "iban"),
        ({"holder_name": ""}, 422, "holder_name"),
        ({"reason": ""}, 422, "body.reason"),
    ],
)
async def test_what_cannot_be_paid_out_is_refused_by_name(
    world: DoorsWorld, changes: dict[str, Any], status: int, field: str
) -> None:
    account = await with_credit(world)
    refused = await pay_out(world, account, **changes)
    assert (refused.status_code, refused.json()["field"]) == (status, field)
    assert (await world.get("/v1/bank-payouts")).json() == []


async def test_a_mandate_is_amended_over_the_door(world: DoorsWorld) -> None:
    account = await ready(world)
    method = (await world.get(f"/v1/accounts/{account}/payment-methods")).json()["methods"][0]["method_id"]
    wanted = {"iban": "NL91ABNA0417164300", "reason": "another bank"}
    answer = await world.post(f"/v1/accounts/{account}/bank-mandates/{method}/amend", wanted)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["last_four"], answer.json()["amends_method_id"]) == ("4300", method)
    again = await world.post(f"/v1/accounts/{account}/bank-mandates/{method}/amend", wanted)
    assert again.json()["method_id"] == answer.json()["method_id"]
