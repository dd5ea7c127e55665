"""What comes after a payment was asked for: late outcomes, chargebacks, refunds, double and partial payments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from billing.domain.errors import UnableTo
from billing.messages.payments import MethodReview, PaymentStatus, PaySession, PaySessionRequest, RefundRequest
from billing.ports.payment_provider import Succeeded
from billing.services.payment_booking import book
from tests.builders_payments import TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty) as world:
        yield world


async def _a_debit(till: TillWorld, test_id: str = "pm_sepaDebit_success_de") -> tuple[str, str]:
    """A pending SEPA debit of a new invoice: the invoice and the attempt."""
    await till.a_bank_account(test_id)
    invoice = await till.an_announced_invoice(4210, lead_days=5)
    request = till.a_request(invoice, lead_days=5)
    result = await till.service.collect(request)
    assert (result.status, result.received_minor) == (PaymentStatus.PENDING, 0)
    assert result.expected_by is not None
    return invoice, request.attempt_id


async def _bank_answers(till: TillWorld, attempt_id: str) -> None:
    await till.control("POST", "/settle", {"payment_intent": await till.provider_payment(attempt_id)})


async def _paid_by_card(till: TillWorld) -> tuple[str, str]:
    await till.a_card()
    invoice = await till.an_announced_invoice(4210)
    request = till.a_request(invoice)
    assert (await till.service.collect(request)).status == PaymentStatus.SUCCEEDED
    return invoice, request.attempt_id


async def _session(till: TillWorld, invoice: str) -> PaySession:
    till.attempts += 1
    return await till.service.open_pay_session(
        PaySessionRequest(till.account_id, f"{invoice}-page-{till.attempts}-{till.simulator.port}-{id(till)}")
    )


async def _customer_pays(url: str, card: str = "4242424242424242") -> int:
    form = {
        "method": "card",
        "number": card,
        "expiry": "12/40",
        "cvc": "123",
        "name": "Sanne de Vries",
        "action": "pay",
    }
    async with httpx.AsyncClient() as browser:
        answer = await browser.post(url, data=form, timeout=20)
    return answer.status_code


async def test_a_debit_is_pending_and_paid_when_the_bank_says_so(till: TillWorld) -> None:
    invoice, attempt_id = await _a_debit(till)
    pending = await till.settle(attempt_id)
    await _bank_answers(till, attempt_id)
    paid = await till.settle(attempt_id)
    assert (pending.status, paid.status, paid.received_minor, paid.settled_invoice_ids) == (
        "pending",
        "succeeded",
        4210,
        (invoice,),
    )
    assert await till.kinds() == ["payment_received"]


async def test_scenario_16_a_debit_that_fails_days_later_was_never_paid(till: TillWorld) -> None:
    invoice, attempt_id = await _a_debit(till, "pm_sepaDebit_insufficientFunds_de")
    await _bank_answers(till, attempt_id)
    failed = await till.settle(attempt_id)
    assert (failed.status, failed.category, failed.code) == ("failed", "funds", "AM04")
    assert (failed.reopened_invoice_ids, await till.open_of(invoice), await till.kinds()) == ((), 4210, [])


async def test_an_invoice_in_flight_is_not_debited_again(till: TillWorld) -> None:
    invoice, attempt_id = await _a_debit(till)
    second = till.a_request(invoice, lead_days=5)
    waiting = await till.service.collect(second)
    assert (waiting.status, len(await till.charges())) == (PaymentStatus.PENDING, 1)
    assert (await till.settle(second.attempt_id)).status == PaymentStatus.PENDING
    await _bank_answers(till, attempt_id)
    await till.settle(attempt_id)
    assert (await till.settle(second.attempt_id)).status == PaymentStatus.NOTHING_TO_COLLECT


async def test_scenario_17_a_chargeback_reopens_the_invoice(till: TillWorld) -> None:
    invoice, attempt_id = await _paid_by_card(till)
    await till.control("POST", "/disputes", {"payment_intent": await till.provider_payment(attempt_id)})
    disputed = await till.settle(attempt_id)
    again = await till.settle(attempt_id)
    assert (disputed.status, disputed.reopened_invoice_ids, disputed.amount_minor) == ("disputed", (invoice,), 4210)
    assert (again.status, await till.kinds()) == ("disputed", ["payment_received", "payment_reversed"])
    assert await till.open_of(invoice) == 4210
    async with till.work() as work:
        assert (await work.payments.attempt(till.account_id, attempt_id)).taken_back_at is not None


async def test_scenario_18_a_bank_return_for_funds_is_a_late_failure_and_no_dispute(till: TillWorld) -> None:
    invoice, attempt_id = await _a_debit(till)
    await _bank_answers(till, attempt_id)
    await till.settle(attempt_id)
    body = {"payment_intent": await till.provider_payment(attempt_id), "reason": "insufficient_funds"}
    await till.control("POST", "/disputes", body)
    returned = await till.settle(attempt_id)
    assert (returned.status, returned.category, returned.reopened_invoice_ids) == ("failed", "funds", (invoice,))


async def test_scenario_19_a_dispute_that_is_won_is_paid_again(till: TillWorld) -> None:
    invoice, attempt_id = await _paid_by_card(till)
    dispute = await till.control("POST", "/disputes", {"payment_intent": await till.provider_payment(attempt_id)})
    await till.settle(attempt_id)
    await till.control("POST", f"/disputes/{dispute['id']}/close", {"outcome": "won"})
    won = await till.settle(attempt_id)
    assert (won.status, won.reopened_invoice_ids, won.settled_invoice_ids) == ("succeeded", (), (invoice,))
    assert await till.kinds() == ["payment_received", "payment_reversed", "reversal_withdrawn"]
    assert await till.open_of(invoice) == 0


async def test_a_chargeback_of_a_part_takes_that_part_back(till: TillWorld) -> None:
    invoice, attempt_id = await _paid_by_card(till)
    body = {"payment_intent": await till.provider_payment(attempt_id), "amount": 1000}
    await till.control("POST", "/disputes", body)
    await till.settle(attempt_id)
    assert await till.open_of(invoice) == 1000


async def test_scenario_20_a_revoked_mandate_leaves_no_method_to_debit(till: TillWorld) -> None:
    method = await till.a_bank_account()
    await till.control("POST", "/mandates/revoke", {"payment_method": method.provider_method})
    await till.methods.refresh(till.account_id, method.method_id)
    in_use = await till.service.review_method(MethodReview(till.account_id))
    invoice = await till.an_announced_invoice(4210, lead_days=5)
    result = await till.service.collect(till.a_request(invoice, lead_days=5))
    assert (in_use.kind, result.status) == ("none", PaymentStatus.METHOD_MISSING)


async def test_scenario_20_a_mandate_that_died_unheard_is_a_dead_mandate_and_not_our_fault(till: TillWorld) -> None:
    method = await till.a_bank_account()
    await till.control("POST", "/mandates/revoke", {"payment_method": method.provider_method})
    invoice = await till.an_announced_invoice(4210, lead_days=5)
    result = await till.service.collect(till.a_request(invoice, lead_days=5))
    assert (result.status, result.category) == (PaymentStatus.FAILED, "mandate_dead")
    assert (await till.service.review_method(MethodReview(till.account_id))).kind == "none"


async def test_a_page_shows_what_is_open_and_is_used_again_while_the_amount_holds(till: TillWorld) -> None:
    invoice = await till.an_invoice(4210)
    page = await _session(till, invoice)
    again = await _session(till, invoice)
    assert (page.amount_minor, again.url) == (4210, page.url)
    assert await _customer_pays(page.url) < 400
    paid = await till.settle(page.attempt_id)
    assert (paid.status, paid.received_minor, paid.settled_invoice_ids) == ("succeeded", 4210, (invoice,))


async def test_scenario_26_an_old_link_after_a_newer_invoice_shows_the_new_amount(till: TillWorld) -> None:
    first = await till.an_invoice(4210)
    old_page = await _session(till, first)
    await till.an_invoice(1000)
    page = await _session(till, first)
    assert (page.amount_minor, page.url != old_page.url) == (5210, True)
    assert (await till.settle(old_page.attempt_id)).status == PaymentStatus.CANCELLED


async def test_scenario_23_a_second_click_after_paying_says_already_paid(till: TillWorld) -> None:
    invoice = await till.an_invoice(4210)
    page = await _session(till, invoice)
    await _customer_pays(page.url)
    second = await _session(till, invoice)
    assert (second.url, "paid" in second.reason) == ("", True)
    assert await till.open_of(invoice) == 0


async def test_scenario_23_a_second_payment_of_the_same_invoice_is_given_back(till: TillWorld) -> None:
    invoice = await till.an_invoice(4210)
    page = await _session(till, invoice)
    await _another_payment(till, invoice)
    await _customer_pays(page.url)
    result = await till.settle(page.attempt_id)
    await till.settle(page.attempt_id)
    assert result.received_minor == 4210
    assert await till.kinds() == ["payment_received", "payment_received", "refund_paid"]
    assert (await till.open_of(invoice), await till.credit()) == (0, 0)


async def _another_payment(till: TillWorld, invoice: str) -> None:
    """Money for the invoice that came another way, past the one collector."""
    from billing.domain.ledger import payment_received

    async with till.work() as work:
        entry = payment_received(
            till.account_id, "bank", f"wire-{invoice}", till.clock.now(), 4210, "EUR", {invoice: 4210}
        )
        await work.ledger.post(entry)
        await work.commit()


async def test_scenario_24_while_a_debit_is_in_flight_the_page_is_not_opened(till: TillWorld) -> None:
    invoice, _ = await _a_debit(till)
    page = await _session(till, invoice)
    assert (page.url, "on its way" in page.reason) == ("", True)


async def test_a_newer_invoice_can_be_paid_while_an_older_one_is_in_flight(till: TillWorld) -> None:
    older, attempt_id = await _a_debit(till)
    newer = await till.an_invoice(1000)
    page = await _session(till, newer)
    await _customer_pays(page.url)
    paid = await till.settle(page.attempt_id)
    assert (page.amount_minor, paid.settled_invoice_ids, await till.open_of(older)) == (1000, (newer,), 4210)
    assert (await till.settle(attempt_id)).status == PaymentStatus.PENDING


async def test_a_debit_closes_the_open_page_first(till: TillWorld) -> None:
    await till.a_card()
    invoice = await till.an_announced_invoice(4210)
    page = await _session(till, invoice)
    result = await till.service.collect(till.a_request(invoice))
    assert (result.status, (await till.settle(page.attempt_id)).status) == ("succeeded", "cancelled")
    await _customer_pays(page.url)
    assert len(await till.charges()) == 1


async def test_scenario_25_a_debit_due_the_minute_the_page_is_paid_charges_nothing(till: TillWorld) -> None:
    await till.a_card()
    invoice = await till.an_announced_invoice(4210)
    page = await _session(till, invoice)
    await _customer_pays(page.url)
    result = await till.service.collect(till.a_request(invoice))
    assert (result.status, len(await till.charges())) == (PaymentStatus.NOTHING_TO_COLLECT, 1)
    assert await till.kinds() == ["payment_received"]


@pytest.mark.parametrize(
    ("received_minor", "currency", "still_open", "credit_minor"),
    [(2000, "EUR", 2210, 0), (4210, "EUR", 0, 0), (5000, "EUR", 0, 790), (4210, "USD", 4210, 4210)],
)
async def test_scenario_27_what_was_received_is_booked_and_the_rest_stays_open(
    till: TillWorld, received_minor: int, currency: str, still_open: int, credit_minor: int
) -> None:
    invoice, attempt_id = await _a_debit(till)
    async with till.work() as work:
        attempt = await work.payments.attempt(till.account_id, attempt_id)
        assert attempt is not None
        payment = await till.provider.get(attempt.provider_payment)
        heard: Any = type(payment)(Succeeded(received_minor, currency), payment.reference)
        booked = await book(work, attempt, heard, till.clock.now(), 10)
        await work.commit()
    assert (booked.received_minor, await till.open_of(invoice)) == (received_minor, still_open)
    assert await till.credit(currency) == credit_minor


async def test_scenario_29_a_refund_made_at_the_provider_is_booked_and_owes_nothing(till: TillWorld) -> None:
    invoice, attempt_id = await _paid_by_card(till)
    body = {"payment_intent": await till.provider_payment(attempt_id), "amount": 1000}
    await till.control("POST", "/refunds", body)
    result = await till.settle(attempt_id)
    await till.settle(attempt_id)
    assert (result.status, result.reopened_invoice_ids) == (PaymentStatus.SUCCEEDED, ())
    assert (await till.kinds(), await till.open_of(invoice)) == (["payment_received", "refund_paid"], 0)


async def test_a_refund_by_staff_is_made_once(till: TillWorld) -> None:
    _, attempt_id = await _paid_by_card(till)
    request = RefundRequest(till.account_id, attempt_id, 1500, "goodwill", "ann", "cmd-1")
    await till.service.refund(request)
    result = await till.service.refund(request)
    await till.settle(attempt_id)
    assert ("15.00 EUR" in result.explanation, await till.kinds()) == (True, ["payment_received", "refund_paid"])
    with pytest.raises(UnableTo, match="2710 minor units are left"):
        await till.service.refund(RefundRequest(till.account_id, attempt_id, 4210, "more", "ann", "cmd-2"))


async def test_two_settles_at_once_book_once(till: TillWorld) -> None:
    _, attempt_id = await _a_debit(till)
    await _bank_answers(till, attempt_id)
    await asyncio.gather(*[till.settle(attempt_id) for _ in range(3)])
    assert await till.kinds() == ["payment_received"]
