"""Collecting by card and by debit against the simulator: one charge, one entry, whatever is repeated or goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.adapters.stripe import StripePayments
from billing.domain.ledger import credit_note_issued
from billing.messages.payments import MethodReview, PaymentStatus, RetryPlanRequest
from billing.ports.payment_provider import MerchantFault, ProviderBusy
from billing.services.payment_calls import PaymentCalls
from billing.services.payment_providers import PaymentProviders
from billing.services.payments import PaymentService
from tests.builders_payments import TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty, timeout_seconds=2.0) as world:
        yield world


async def _is_charged_once(till: TillWorld) -> bool:
    return len(await till.charges()) == 1 and await till.kinds() == ["payment_received"]


async def test_a_card_is_charged_and_the_invoice_is_paid(till: TillWorld) -> None:
    await till.a_card()
    invoice = await till.an_announced_invoice(4210)
    result = await till.service.collect(till.a_request(invoice))
    assert (result.status, result.received_minor, result.settled_invoice_ids) == ("succeeded", 4210, (invoice,))
    assert (await till.open_of(invoice), result.open_minor, await till.kinds()) == (0, 0, ["payment_received"])


async def test_the_same_request_again_charges_nothing_more(till: TillWorld) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    first = await till.service.collect(request)
    again = await till.service.collect(request)
    assert (first.status, again.status) == (PaymentStatus.SUCCEEDED, PaymentStatus.SUCCEEDED)
    assert await _is_charged_once(till)


async def test_two_workers_with_the_same_request_charge_once(till: TillWorld) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    await asyncio.gather(till.service.collect(request), till.service.collect(request))
    settled = await till.settle(request.attempt_id)
    assert settled.status == PaymentStatus.SUCCEEDED
    assert await _is_charged_once(till)


async def test_scenario_7_a_call_that_times_out_after_the_charge_is_unknown_and_then_found(till: TillWorld) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    till.simulator.fault("hang_after_commit", path="/stripe/v1/payment_intents", method="POST", count=1, seconds=4)
    unknown = await till.service.collect(request)
    found = await till.service.collect(request)
    assert (unknown.status, found.status, found.received_minor) == ("unknown", "succeeded", 4210)
    assert await _is_charged_once(till)


async def test_scenario_8_a_key_still_running_is_no_failure(till: TillWorld) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    till.simulator.fault("slow", path="/stripe/v1/payment_intents", method="POST", count=1, seconds=4)
    first = await till.service.collect(request)
    running = await till.settle(request.attempt_id)
    await asyncio.sleep(3)
    settled = await till.settle(request.attempt_id)
    assert (first.status, running.status, settled.status) == ("unknown", "unknown", "succeeded")
    assert await _is_charged_once(till)


@pytest.mark.parametrize("fault", ["error_500_before", "error_500_after"])
async def test_scenario_9_after_a_server_error_the_provider_is_asked_before_a_new_call(
    till: TillWorld, fault: str
) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    till.simulator.fault(fault, path="/stripe/v1/payment_intents", method="POST", count=1)
    unknown = await till.service.collect(request)
    settled = await till.settle(request.attempt_id)
    assert (unknown.status, settled.status, settled.received_minor) == ("unknown", "succeeded", 4210)
    assert await _is_charged_once(till)


async def test_scenario_9_an_attempt_nobody_made_is_given_up_after_its_date(till: TillWorld) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    till.simulator.fault("error_500_before", path="/stripe/v1/payment_intents", method="POST", count=1)
    await till.service.collect(request)
    till.clock.at = datetime.now(UTC) + timedelta(days=5)
    given_up = await till.settle(request.attempt_id)
    assert (given_up.status, await till.charges(), await till.kinds()) == ("notice_missing", [], [])


async def test_scenario_9_giving_up_never_overwrites_what_was_booked_meanwhile(till: TillWorld) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    till.simulator.fault("error_500_before", path="/stripe/v1/payment_intents", method="POST", count=1)
    await till.service.collect(request)
    async with till.work() as work:
        unknown = await work.payments.attempt(till.account_id, request.attempt_id)
    assert unknown is not None
    assert (await till.settle(request.attempt_id)).status == PaymentStatus.SUCCEEDED
    calls = PaymentCalls(till.work, till.clock, PaymentProviders(till.provider))
    assert (await calls._give_up(unknown)).status == PaymentStatus.SUCCEEDED
    assert (await till.settle(request.attempt_id)).status == PaymentStatus.SUCCEEDED


async def test_scenario_10_too_many_requests_is_a_fault_and_no_decline(till: TillWorld) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    till.simulator.fault("too_many_requests", path="/stripe/v1/payment_intents", count=1)
    with pytest.raises(ProviderBusy):
        await till.service.collect(request)
    result = await till.service.collect(request)
    assert result.status == PaymentStatus.SUCCEEDED
    assert await _is_charged_once(till)


@pytest.mark.parametrize(
    ("card", "status", "category"),
    [
        ("pm_card_chargeDeclinedInsufficientFunds", "failed", "funds"),
        ("pm_card_chargeDeclinedProcessingError", "failed", "technical"),
        ("pm_card_chargeDeclined", "failed", "technical"),
        ("pm_card_chargeDeclinedLostCard", "failed", "hard_stop"),
        ("pm_card_chargeDeclinedStolenCard", "failed", "hard_stop"),
        ("pm_card_chargeDeclinedExpiredCard", "failed", "method_dead"),
        ("pm_card_authenticationRequired", "action_required", "needs_customer"),
    ],
)
async def test_scenarios_12_13_14_a_decline_says_what_comes_next(
    till: TillWorld, card: str, status: str, category: str
) -> None:
    stored = await till.a_card()
    await till.control("POST", "/scripts", _script(stored.provider_method, card))
    invoice = await till.an_announced_invoice(4210)
    result = await till.service.collect(till.a_request(invoice))
    assert (result.status, result.category, result.received_minor) == (status, category, 0)
    assert (await till.open_of(invoice), await till.kinds()) == (4210, [])


def _script(method: str, card: str) -> dict[str, object]:
    """The declined test cards cannot be stored, so a good card is told to answer as they do."""
    outcome = {
        "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
        "pm_card_chargeDeclinedProcessingError": "processing_error",
        "pm_card_chargeDeclined": "generic_decline",
        "pm_card_chargeDeclinedLostCard": "lost_card",
        "pm_card_chargeDeclinedStolenCard": "stolen_card",
        "pm_card_chargeDeclinedExpiredCard": "expired_card",
        "pm_card_authenticationRequired": "authentication_required",
    }[card]
    return {"subject": f"payment_method:{method}", "outcomes": [outcome]}


async def test_scenario_12_funds_may_be_tried_again_with_two_banking_days_of_notice(till: TillWorld) -> None:
    card = await till.a_card()
    await till.control("POST", "/scripts", _script(card.provider_method, "pm_card_chargeDeclinedInsufficientFunds"))
    invoice = await till.an_announced_invoice(4210)
    await till.service.collect(till.a_request(invoice))
    plan = await till.service.plan_retry(RetryPlanRequest(till.account_id, (invoice,), till.clock.now()))
    assert (plan.possible, plan.amount_minor, plan.invoice_ids) == (True, 4210, (invoice,))
    assert plan.debit_on is not None
    assert plan.debit_on >= till.today + timedelta(days=2)


async def test_scenario_13_a_stolen_card_is_never_tried_again(till: TillWorld) -> None:
    card = await till.a_card()
    await till.control("POST", "/scripts", _script(card.provider_method, "pm_card_chargeDeclinedStolenCard"))
    invoice = await till.an_announced_invoice(4210)
    await till.service.collect(till.a_request(invoice))
    plan = await till.service.plan_retry(RetryPlanRequest(till.account_id, (invoice,), till.clock.now()))
    again = await till.service.collect(till.a_request(invoice))
    in_use = await till.service.review_method(MethodReview(till.account_id))
    assert (plan.possible, again.status, in_use.kind) == (False, "method_missing", "none")


async def test_scenario_15_a_card_that_expires_before_the_debit_is_not_tried(till: TillWorld) -> None:
    card = await till.a_card()
    async with till.work() as work:
        await work.payments.change_method(till.account_id, card.method_id, {"expires_on": till.today})
        await work.commit()
    invoice = await till.an_announced_invoice(4210, lead_days=2)
    result = await till.service.collect(till.a_request(invoice, lead_days=2))
    assert (result.status, await till.charges()) == (PaymentStatus.METHOD_MISSING, [])


async def test_scenario_22_our_own_wrong_key_is_a_fault_for_staff_and_no_decline(till: TillWorld) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    stranger = StripePayments("sk_test_wrong", ("whsec",), f"{till.simulator.url}/stripe")
    misled = PaymentService(till.work, till.clock, PaymentProviders(stranger), till.paylinks)
    with pytest.raises(MerchantFault):
        await misled.collect(request)
    await stranger.close()
    assert (await till.service.collect(request)).status == PaymentStatus.SUCCEEDED


async def test_no_debit_without_its_notice(till: TillWorld) -> None:
    await till.a_card()
    unannounced = await till.an_invoice(4210)
    late = await till.an_invoice(4210)
    await till.announce(4210, till.today, late, in_time=False)
    for invoice in (unannounced, late):
        result = await till.service.collect(till.a_request(invoice))
        assert result.status == PaymentStatus.NOTICE_MISSING
    assert await till.charges() == []


async def test_no_debit_on_another_date_or_for_more_than_was_announced(till: TillWorld) -> None:
    await till.a_card()
    invoice = await till.an_invoice(5000)
    await till.announce(4210, till.today, invoice)
    another_date = await till.service.collect(till.a_request(invoice, lead_days=1))
    result = await till.service.collect(till.a_request(invoice, amount_minor=4210))
    assert (another_date.status, result.status, result.received_minor) == ("notice_missing", "succeeded", 4210)
    assert await till.open_of(invoice) == 790


async def test_scenario_28_a_credit_after_the_notice_lowers_the_debit(till: TillWorld) -> None:
    await till.a_card()
    invoice = await till.an_announced_invoice(4210)
    async with till.work() as work:
        note = credit_note_issued(till.account_id, "note-1", invoice, till.clock.now(), 1000, 0, "EUR", "test")
        await work.ledger.post(note)
        await work.commit()
    result = await till.service.collect(till.a_request(invoice))
    assert (result.received_minor, await till.open_of(invoice), await till.credit()) == (3210, 0, 0)


async def test_a_paid_invoice_is_not_collected(till: TillWorld) -> None:
    await till.a_card()
    invoice = await till.an_announced_invoice(4210)
    await till.service.collect(till.a_request(invoice))
    result = await till.service.collect(till.a_request(invoice))
    assert (result.status, result.settled_invoice_ids) == (PaymentStatus.NOTHING_TO_COLLECT, (invoice,))
    assert await _is_charged_once(till)


async def test_what_is_disputed_stays_owed_when_its_debit_takes_nothing(till: TillWorld) -> None:
    await till.a_card()
    invoice, small = await till.an_announced_invoice(4210), await till.an_invoice(30)
    async with till.work() as work:
        await work.dunning.add_dispute(
            {
                "account_id": till.account_id,
                "invoice_id": invoice,
                "amount_minor": 0,
                "status": "open",
                "opened_at": till.clock.now(),
                "reason": "not mine",
            }
        )
        await work.commit()
    result = await till.service.collect(till.a_request(invoice, small))
    assert (result.status, result.settled_invoice_ids) == (PaymentStatus.NOTHING_TO_COLLECT, ())
    assert result.owed_invoice_ids == (invoice,), "the small one goes with the next bill"


async def test_without_a_method_there_is_no_debit(till: TillWorld) -> None:
    result = await till.service.collect(till.a_request(await till.an_announced_invoice(4210)))
    assert result.status == PaymentStatus.METHOD_MISSING


class Killed(BaseException):
    """The worker is gone."""


@pytest.mark.parametrize("boundary", ["after the commit", "after the charge", "after the booking"])
async def test_scenario_11_a_worker_killed_anywhere_charges_and_books_once(
    till: TillWorld, monkeypatch: pytest.MonkeyPatch, boundary: str
) -> None:
    await till.a_card()
    invoice = await till.an_announced_invoice(4210)
    request = till.a_request(invoice)
    collect, book = till.provider.collect, PaymentCalls.book

    async def killed_before(*_: Any) -> Any:
        raise Killed

    async def killed_after_booking(*given: Any) -> Any:
        await book(*given)
        raise Killed

    with monkeypatch.context() as once:
        if boundary == "after the commit":
            once.setattr(till.provider, "collect", killed_before)
        elif boundary == "after the charge":
            once.setattr(PaymentCalls, "book", killed_before)
        else:
            once.setattr(PaymentCalls, "book", killed_after_booking)
        with pytest.raises(Killed):
            await till.service.collect(request)
    assert till.provider.collect == collect
    resumed = await till.service.collect(request)
    # The thanks are still due: nobody has heard of the payment.
    assert (resumed.status, resumed.received_minor, resumed.settled_invoice_ids) == ("succeeded", 4210, (invoice,))
    assert await _is_charged_once(till)


async def test_the_thanks_are_reported_until_they_are_written(till: TillWorld) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    await till.service.collect(request)
    before = await till.settle(request.attempt_id)
    await till.thank(request.attempt_id)
    after = await till.settle(request.attempt_id)
    assert (before.received_minor, after.received_minor) == (4210, 0)
