"""A customer who pays in another way than planned: twice, meanwhile, a part, late, in another currency."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from billing.adapters.http_network import SignedConfirmations
from billing.domain.ledger import payment_received
from billing.messages.dunning import CloseCaseRequest, NextAction, OpenedCase
from billing.messages.payments import PaymentStatus
from billing.services.barring_confirmations import ConfirmationDesk, Taken
from tests.builders_collection import CollectionWorld, a_collection
from tests.builders_payments import RecordedProcess
from tests.contracts.simulator_process import NETWORK_SECRET, Listener, Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def world(database_url: str, faulty: Simulator) -> AsyncIterator[CollectionWorld]:
    async with a_collection(database_url, faulty) as made:
        yield made


async def _a_transfer(world: CollectionWorld, invoice: str, amount_minor: int, currency: str = "EUR") -> None:
    """Money that came past the provider, as staff book it."""
    shares = {invoice: amount_minor} if currency == "EUR" else {}
    reference = f"wire-{invoice}-{amount_minor}-{currency}"
    async with world.till.work() as work:
        now = world.till.clock.now()
        entry = payment_received(world.account_id, "bank", reference, now, amount_minor, currency, shares)
        await work.ledger.post(entry)
        await work.commit()


async def _given_back(world: CollectionWorld) -> list[int]:
    """What the provider paid back to this customer."""
    client = world.till.simulator.stripe()
    found = await asyncio.to_thread(client.v1.refunds.list, {"limit": 100})
    ours = {charge.id for charge in await world.till.charges()}
    return [one.amount for one in found.data if one.payment_intent in ours]


# Twice, and meanwhile -----------------------------------------------------------------------------------------------


async def test_scenario_23_two_tabs_of_one_page_charge_once(world: CollectionWorld) -> None:
    await world.till.an_invoice(4210)
    first, second = await world.page(), await world.page()
    assert first.url == second.url != ""
    await world.pay_on(first)
    assert "Already paid" in await world.pay_on(second)
    await world.till.settle(first.attempt_id)
    assert (len(await world.till.charges()), await world.till.kinds()) == (1, ["payment_received"])
    assert "paid" in (await world.page()).reason


async def test_scenario_26_a_page_of_the_old_amount_takes_no_money_any_more(world: CollectionWorld) -> None:
    await world.till.an_invoice(4210)
    old = await world.page()
    await world.till.an_invoice(1000)
    new = await world.page()
    assert "expired" in await world.pay_on(old)
    await world.pay_on(new)
    paid = await world.till.settle(new.attempt_id)
    assert (paid.received_minor, [one.amount for one in await world.till.charges()]) == (5210, [5210])


async def test_scenario_24_what_a_debit_in_flight_takes_too_much_is_given_back(world: CollectionWorld) -> None:
    await world.till.a_bank_account()
    invoice = await world.till.an_announced_invoice(4210)
    debit = await world.debit(invoice)
    assert (debit.status, (await world.page()).url) == (PaymentStatus.PENDING, "")
    await _a_transfer(world, invoice, 3000)
    await world.till.control("POST", "/settle", {"payment_intent": await world.till.provider_payment(debit.attempt_id)})
    for _ in range(2):
        await world.till.settle(debit.attempt_id)
    assert (await world.till.open_of(invoice), await world.till.credit()) == (0, 0)
    assert await _given_back(world) == [3000]


async def test_scenario_25_a_retry_due_the_minute_the_page_is_paid_charges_nothing(world: CollectionWorld) -> None:
    invoice, _ = await world.a_failed_debit("insufficient_funds")
    page = await world.page()
    await world.pay_on(page)
    retry = await world.debit(invoice)
    assert (retry.status, len(await world.till.charges())) == (PaymentStatus.NOTHING_TO_COLLECT, 1)
    assert await world.till.kinds() == ["payment_received"]


# A part, or another currency ----------------------------------------------------------------------------------------


async def test_scenario_27_after_a_part_only_the_rest_is_debited_and_asked_for(world: CollectionWorld) -> None:
    await world.till.a_card()
    invoice = await world.till.an_announced_invoice(4210)
    await _a_transfer(world, invoice, 2000)
    assert (await world.page()).amount_minor == 2210
    result = await world.debit(invoice)
    assert (result.received_minor, [one.amount for one in await world.till.charges()]) == (2210, [2210])
    assert await world.till.open_of(invoice) == 0


async def _a_barred_customer(world: CollectionWorld) -> tuple[str, OpenedCase]:
    invoice, failed = await world.a_failed_debit("lost_card")
    case = await world.hand_over(invoice, failed)
    await world.until_barred(case)
    assert (await world.level(), await world.level_at_the_network()) == ("outgoing", "outgoing")
    return invoice, case


@pytest.mark.parametrize(("amount_minor", "currency"), [(4160, "EUR"), (4210, "USD")])
async def test_scenario_27_neither_a_part_nor_another_currency_lifts_a_bar(
    world: CollectionWorld, amount_minor: int, currency: str
) -> None:
    invoice, case = await _a_barred_customer(world)
    await _a_transfer(world, invoice, amount_minor, currency)
    step = (await world.carry_out(case))[-1]
    assert step.action is NextAction.WAIT
    assert await world.level_at_the_network() == "outgoing"
    await _a_transfer(world, invoice, await world.till.open_of(invoice))
    closing = await world.decide(case)
    assert (closing.action, closing.level) == (NextAction.CLOSE, "outgoing")


async def test_a_rest_that_nobody_could_pay_by_itself_lifts_the_bar(world: CollectionWorld) -> None:
    invoice, case = await _a_barred_customer(world)
    await _a_transfer(world, invoice, 4190)
    closing = await world.decide(case)
    assert (closing.action, closing.level, closing.invoice_ids) == (NextAction.CLOSE, "outgoing", (invoice,))
    assert "the next invoice" in (await world.page()).reason


# After barring, and while the order is under way --------------------------------------------------------------------


async def test_scenario_31_a_payment_after_barring_restores_the_line_and_says_how_long_it_took(
    world: CollectionWorld,
) -> None:
    _, case = await _a_barred_customer(world)
    paid = await world.pay_by_paylink()
    closing = await world.decide(case)
    assert (paid.status, closing.action, closing.level) == (PaymentStatus.SUCCEEDED, NextAction.CLOSE, "outgoing")
    await world.set_services("none", f"{case.case_id}-99")
    await world.dunning.close_case(CloseCaseRequest(world.account_id, case.case_id, "settled"))
    assert (await world.level(), await world.level_at_the_network()) == ("none", "none")
    restored = (await world.timeline("barring"))[-1]
    assert restored.reason["restored_after_payment"]["real_seconds"] >= 0


async def test_scenario_31_a_payment_while_the_bar_is_under_way_ends_with_a_free_line(
    world: CollectionWorld, listener: Listener
) -> None:
    invoice, failed = await world.a_failed_debit("lost_card")
    case = await world.hand_over(invoice, failed)
    world.till.simulator.fault("network_delay", path="/network", method="PUT", count=1, seconds=5)
    bar = world.order("outgoing", f"{case.case_id}-1")
    assert (await world.barring.place_order(bar)).pending_service_ids
    await world.pay_by_paylink()
    closing = await world.decide(case)
    assert (closing.action, closing.level, await world.level()) == (NextAction.CLOSE, "outgoing", "none")
    lifting = world.order("none", f"{case.case_id}-2")
    await world.until_confirmed(lifting, await world.barring.place_order(lifting))

    def about_the_bar(call: Any) -> bool:
        return f"/{bar.order_id}/" in str(call.json["correlation_id"])

    late = await asyncio.to_thread(listener.wait_for_call, "/network", about_the_bar)
    process: Any = RecordedProcess()
    desk = ConfirmationDesk(world.till.work, SignedConfirmations([NETWORK_SECRET]), world.barring, process)
    taken = await desk.take(late.body, late.headers["x-evenflow-signature"])
    assert (late.json["state"], taken) == ("superseded", Taken.IGNORED)
    assert (await world.level(), await world.level_at_the_network()) == ("none", "none")


async def test_scenario_19_a_dispute_that_is_won_closes_the_case_and_frees_the_line(world: CollectionWorld) -> None:
    await world.till.a_card()
    invoice = await world.till.an_announced_invoice(4210)
    paid = await world.debit(invoice)
    payment = await world.till.provider_payment(paid.attempt_id)
    dispute = await world.till.control("POST", "/disputes", {"payment_intent": payment})
    taken_back = await world.till.settle(paid.attempt_id)
    case = await world.hand_over(invoice, taken_back)
    await world.until_barred(case)
    await world.till.control("POST", f"/disputes/{dispute['id']}/close", {"outcome": "won"})
    won = await world.till.settle(paid.attempt_id)
    closing = await world.decide(case)
    assert (taken_back.reopened_invoice_ids, won.settled_invoice_ids) == ((invoice,), (invoice,))
    assert (closing.action, closing.level, len(await world.till.charges())) == (NextAction.CLOSE, "outgoing", 1)
    await world.set_services("none", f"{case.case_id}-99")
    assert await world.level_at_the_network() == "none"
