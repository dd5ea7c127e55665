"""A dispute is won after its invoice was paid otherwise, credited or given up: nothing is paid twice or lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from billing.domain.ledger import credit_note_issued, payment_received
from billing.messages.arrangements import WriteOffDebt
from billing.persistence.invariants import broken_rules
from billing.services.write_offs import write_off_debt
from tests.builders_payments import TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty) as world:
        yield world


async def _charged_back(till: TillWorld) -> tuple[str, str, dict[str, Any]]:
    """A card debit that the bank took back: the invoice, the attempt and the dispute."""
    await till.a_card()
    invoice = await till.an_announced_invoice(4210)
    request = till.a_request(invoice)
    await till.service.collect(request)
    payment = await till.provider_payment(request.attempt_id)
    dispute = await till.control("POST", "/disputes", {"payment_intent": payment})
    await till.settle(request.attempt_id)
    assert await till.open_of(invoice) == 4210
    return invoice, request.attempt_id, dispute


async def _won(till: TillWorld, attempt_id: str, dispute: dict[str, Any]) -> None:
    await till.control("POST", f"/disputes/{dispute['id']}/close", {"outcome": "won"})
    await till.settle(attempt_id)
    await till.settle(attempt_id)


async def test_a_dispute_won_after_the_customer_paid_otherwise_is_their_credit(till: TillWorld) -> None:
    invoice, attempt_id, dispute = await _charged_back(till)
    async with till.work() as work:
        paid = payment_received(till.account_id, "bank", "wire-1", till.clock.now(), 4210, "EUR", {invoice: 4210})
        await work.ledger.post(paid)
        await work.commit()
    await _won(till, attempt_id, dispute)
    assert (await till.open_of(invoice), await till.credit()) == (0, 4210)
    kinds = await till.kinds()
    assert kinds == ["payment_received", "payment_reversed", "payment_received", "reversal_withdrawn"]
    assert [one for one in await broken_rules(till.engine) if "open amount" in one and "has" in one] == []


async def test_a_dispute_won_after_a_part_was_credited_pays_the_rest(till: TillWorld) -> None:
    invoice, attempt_id, dispute = await _charged_back(till)
    async with till.work() as work:
        at = till.clock.now()
        await work.ledger.post(credit_note_issued(till.account_id, "inv_90", invoice, at, 1000, 0, "EUR", "kindness"))
        await work.commit()
    await _won(till, attempt_id, dispute)
    assert (await till.open_of(invoice), await till.credit()) == (0, 1000)


async def test_a_dispute_won_after_the_debt_was_given_up_takes_the_write_off_back(till: TillWorld) -> None:
    invoice, attempt_id, dispute = await _charged_back(till)
    async with till.work() as work:
        account = await work.accounts.lock(till.account_id)
        command = WriteOffDebt("c1", "ada", "hopeless", (invoice,))
        await write_off_debt(work, account, command, till.clock.now())
        await work.commit()
    assert await till.open_of(invoice) == 0
    await _won(till, attempt_id, dispute)
    assert (await till.open_of(invoice), await till.credit()) == (0, 0)
    kinds = await till.kinds()
    assert kinds[-3:] == ["written_off", "write_off_reversed", "reversal_withdrawn"]
