"""Refunds that the provider does not make at the moment: nothing else waits for them, and they are made once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.domain import staff_cases as kinds
from billing.domain.ledger import payment_received
from billing.messages.payments import PaymentStatus, RefundRequest
from billing.ports.payments import Refund
from tests.builders_payments import TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]
REFUNDS = "/stripe/v1/refunds"


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty) as world:
        await world.a_card()
        yield world


async def paid(till: TillWorld) -> str:
    request = till.a_request(await till.an_announced_invoice(4210))
    assert (await till.service.collect(request)).status == PaymentStatus.SUCCEEDED
    return request.attempt_id


async def refund_of(till: TillWorld, attempt_id: str) -> Refund:
    async with till.work() as work:
        (found,) = await work.payments.refunds(till.account_id, attempt_id)
    return found


def a_refund(till: TillWorld, attempt_id: str) -> RefundRequest:
    return RefundRequest(till.account_id, attempt_id, 1500, "goodwill", "ann", f"cmd-{till.simulator.port}-{id(till)}")


@pytest.mark.parametrize("fault", ["error_500_before", "error_500_after"])
async def test_after_a_server_error_a_refund_is_made_once_in_the_next_round(till: TillWorld, fault: str) -> None:
    attempt_id = await paid(till)
    till.simulator.fault(fault, path=REFUNDS, method="POST", count=1)
    asked = await till.service.refund(a_refund(till, attempt_id))
    waiting = await refund_of(till, attempt_id)
    assert ("has not made it yet" in asked.explanation, waiting.status, waiting.call_number) == (True, "requested", 2)
    assert await till.lasting(kinds.REFUND_WAITING) == [waiting.refund_id]
    assert (await till.service.make_refunds(), await till.service.make_refunds()) == (1, 0)
    made = await till.provider.get(await till.provider_payment(attempt_id))
    assert [(one.amount_minor, one.status) for one in made.refunds] == [(1500, "succeeded")]
    assert (await till.kinds(), await till.lasting(kinds.REFUND_WAITING)) == (["payment_received", "refund_paid"], [])


async def test_without_a_server_error_the_key_stays(till: TillWorld) -> None:
    attempt_id = await paid(till)
    till.simulator.fault("too_many_requests", path=REFUNDS, count=1)
    await till.service.refund(a_refund(till, attempt_id))
    assert (await refund_of(till, attempt_id)).call_number == 1
    assert "15.00 EUR: succeeded" in (await till.service.refund(a_refund(till, attempt_id))).explanation


async def test_an_outcome_is_booked_though_the_refund_it_asks_for_is_not_made(till: TillWorld) -> None:
    await till.a_bank_account()
    invoice = await till.an_announced_invoice(4210, lead_days=5)
    request = till.a_request(invoice, lead_days=5)
    await till.service.collect(request)
    async with till.work() as work:
        wire = payment_received(till.account_id, "bank", "wire", till.clock.now(), 4210, "EUR", {invoice: 4210})
        await work.ledger.post(wire)
        await work.commit()
    await till.control("POST", "/settle", {"payment_intent": await till.provider_payment(request.attempt_id)})
    till.simulator.fault("error_500_before", path=REFUNDS, method="POST", count=1)
    outcome = await till.settle(request.attempt_id)
    assert (outcome.status, outcome.received_minor, await till.credit()) == (PaymentStatus.SUCCEEDED, 4210, 4210)
    assert (await till.service.make_refunds(), await till.credit()) == (1, 0)
