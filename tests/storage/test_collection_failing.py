"""A debit that fails, to its end: what the customer reads, what is tried again, and what never is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.adapters.stripe import StripePayments
from billing.messages.announcing import AnnounceRequest, AnnounceRetryRequest
from billing.messages.dunning import NextAction
from billing.messages.invoicing import IssueInvoiceRequest
from billing.messages.notices import NoticeKind
from billing.messages.payments import MethodKind, PaymentResult, PaymentStatus
from billing.ports.payment_provider import MerchantFault, ProviderBusy
from billing.services.invoicing import InvoicingService
from billing.services.invoicing_cycles import open_first_cycle
from billing.services.payment_providers import PaymentProviders
from billing.services.payments import PaymentService
from tests.builders import ACTIVATED_AT, a_plan
from tests.builders_collection import CollectionWorld, a_collection
from tests.builders_invoicing import VOICE_PLAN
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def world(database_url: str, faulty: Simulator) -> AsyncIterator[CollectionWorld]:
    async with a_collection(database_url, faulty) as made:
        yield made


async def _a_pending_debit(world: CollectionWorld, outcome: str) -> tuple[str, str]:
    """A SEPA debit under way that the bank will refuse: the invoice and the attempt."""
    await world.script(await world.till.a_bank_account(), outcome)
    invoice = await world.till.an_announced_invoice(4210)
    result = await world.debit(invoice)
    assert (result.status, await world.till.kinds()) == (PaymentStatus.PENDING, [])
    return invoice, result.attempt_id


async def _the_bank_answers(world: CollectionWorld, attempt_id: str) -> PaymentResult:
    await world.till.control("POST", "/settle", {"payment_intent": await world.till.provider_payment(attempt_id)})
    return await world.till.settle(attempt_id)


# Told with a paylink, tried again where it may be -------------------------------------------------------------------


async def test_scenario_12_want_of_funds_is_told_with_a_paylink_and_tried_again_by_policy(
    world: CollectionWorld,
) -> None:
    invoice, failed = await world.a_failed_debit("insufficient_funds")
    case = await world.hand_over(invoice, failed)
    told, waiting = await world.carry_out(case)
    (message,) = await world.messages()
    assert (told.notice, waiting.action) == (NoticeKind.FAILED, NextAction.WAIT)
    assert "42.10 Euro was not successful" in message
    assert await world.till.paylinks.paylink_for(world.account_id) in message
    world.pass_days(3)
    retry = await world.decide(case)
    assert (retry.action, retry.invoice_ids) == (NextAction.RETRY, (invoice,))


async def test_scenario_12_the_retry_is_announced_and_debited_on_the_new_date(world: CollectionWorld) -> None:
    invoice, _ = await world.a_failed_debit("insufficient_funds")
    world.pass_days(3)
    unannounced = await world.debit(invoice)
    now = world.till.clock.now()
    announced = await world.announcing.announce_retry(AnnounceRetryRequest(world.account_id, (invoice,), now, "a-2"))
    assert announced.debit_on is not None
    world.pass_days((announced.debit_on - world.till.today).days)
    result = await world.debit(*announced.invoice_ids, amount_minor=announced.amount_minor)
    assert (unannounced.status, result.status, await world.told()) == ("notice_missing", "succeeded", ["retry"])
    assert (await world.till.open_of(invoice), len(await world.till.charges())) == (0, 1)


@pytest.mark.parametrize("outcome", ["lost_card", "stolen_card", "do_not_try_again"])
async def test_scenario_13_a_dead_card_is_never_tried_again_and_a_new_one_is(
    world: CollectionWorld, outcome: str
) -> None:
    invoice, failed = await world.a_failed_debit(outcome)
    case = await world.hand_over(invoice, failed)
    await world.carry_out(case)
    assert await world.till.paylinks.paylink_for(world.account_id) in (await world.messages())[0]
    actions = []
    for _ in range(9):
        actions += [step.action for step in await world.carry_out(case)]
        world.pass_days(1)
    assert (NextAction.RETRY in actions, NextAction.NOTIFY in actions) == (False, True)
    new = await world.till.a_card("pm_card_mastercard")
    assert new.is_default
    await world.till.announce(4210, world.till.today, invoice)
    assert (await world.debit(invoice)).status == PaymentStatus.SUCCEEDED
    assert [one.payment_method for one in await world.till.charges()] == [new.provider_method]


async def test_scenario_14_needed_authentication_is_a_paylink_at_once_and_no_retry(world: CollectionWorld) -> None:
    invoice, asked = await world.a_failed_debit("authentication_required")
    assert (asked.status, asked.category) == (PaymentStatus.ACTION_REQUIRED, "needs_customer")
    case = await world.hand_over(invoice, asked)
    first = (await world.carry_out(case))[0]
    assert (first.notice, await world.told()) == (NoticeKind.FAILED, ["failed"])
    assert await world.till.paylinks.paylink_for(world.account_id) in (await world.messages())[0]
    world.pass_days(3)
    assert NextAction.RETRY not in [step.action for step in await world.carry_out(case)]
    paid = await world.pay_by_paylink()
    assert (paid.status, paid.received_minor) == (PaymentStatus.SUCCEEDED, 4210)
    assert (await world.decide(case)).action is NextAction.CLOSE


async def test_scenario_16_the_dunning_clock_starts_when_a_debit_comes_back(world: CollectionWorld) -> None:
    invoice, attempt_id = await _a_pending_debit(world, "insufficient_funds")
    world.pass_days(8)
    failed = await _the_bank_answers(world, attempt_id)
    assert (failed.status, failed.category, failed.received_minor) == (PaymentStatus.FAILED, "funds", 0)
    case = await world.hand_over(invoice, failed)
    assert case.opened_at == world.till.clock.now()
    days = {}
    for day in range(11):
        days[day] = [step.step for step in await world.carry_out(case) if step.action is not NextAction.WAIT]
        world.pass_days(1)
    assert (days[0], days[3], days[10]) == (["failed_notice@0"], ["retry@3", "reminder@3"], ["warn@10"])
    assert await world.till.kinds() == []
    assert "thank_you" not in await world.told()


# Nobody's fault, or our own -----------------------------------------------------------------------------------------


async def test_scenario_10_a_storm_of_429_is_no_failure_and_nobody_hears_of_it(world: CollectionWorld) -> None:
    await world.till.a_card()
    invoices = [await world.till.an_announced_invoice(4210) for _ in range(3)]
    requests = [world.till.a_request(invoice) for invoice in invoices]
    world.till.simulator.fault("too_many_requests", path="/stripe/v1/payment_intents")
    for request in requests * 3:
        with pytest.raises(ProviderBusy):
            await world.till.service.collect(request)
    attempts = await world.till.service.history(world.account_id)
    assert {(one.status, one.category, one.settled_at) for one in attempts} == {("unknown", "", None)}
    assert (await world.told(), (await world.dunning.story(world.account_id)).cases) == ([], [])
    await world.till.control("DELETE", "/faults")
    results = [await world.till.service.collect(request) for request in requests]
    assert {one.status for one in results} == {PaymentStatus.SUCCEEDED}
    assert (len(await world.till.charges()), await world.till.kinds()) == (3, ["payment_received"] * 3)


async def test_scenario_22_while_our_key_is_refused_debits_are_held_and_nobody_hears_of_it(
    world: CollectionWorld,
) -> None:
    await world.till.a_card()
    requests = [world.till.a_request(await world.till.an_announced_invoice(4210)) for _ in range(2)]
    stranger = StripePayments("sk_test_wrong", ("whsec",), f"{world.till.simulator.url}/stripe")
    misled = PaymentService(world.till.work, world.till.clock, PaymentProviders(stranger), world.till.paylinks)
    for request in requests * 2:
        with pytest.raises(MerchantFault, match="Check the key"):
            await misled.collect(request)
    await stranger.close()
    attempts = await world.till.service.history(world.account_id)
    assert {(one.status, one.category, one.settled_at) for one in attempts} == {("unknown", "merchant_error", None)}
    assert (await world.told(), (await world.dunning.story(world.account_id)).cases) == ([], [])
    results = [await world.till.service.collect(request) for request in requests]
    assert {one.status for one in results} == {PaymentStatus.SUCCEEDED}
    assert len(await world.till.charges()) == 2


async def _is_told_nothing_for_three_weeks(world: CollectionWorld, invoice: str, failed: PaymentResult) -> None:
    case = await world.hand_over(invoice, failed)
    for _ in range(21):
        (step,) = await world.carry_out(case)
        assert (step.action, step.until) == (NextAction.WAIT, None)
        world.pass_days(1)
    assert (await world.told(), await world.messages(), await world.level()) == ([], [], "none")


async def test_scenario_22_a_debit_refused_for_our_creditor_id_waits_for_staff(world: CollectionWorld) -> None:
    invoice, attempt_id = await _a_pending_debit(world, "invalid_creditor")
    failed = await _the_bank_answers(world, attempt_id)
    assert (failed.status, failed.category) == (PaymentStatus.FAILED, "merchant_error")
    await _is_told_nothing_for_three_weeks(world, invoice, failed)


async def test_scenario_21_after_a_reported_death_nothing_is_pressed_for(world: CollectionWorld) -> None:
    invoice, attempt_id = await _a_pending_debit(world, "recipient_deceased")
    failed = await _the_bank_answers(world, attempt_id)
    assert (failed.status, failed.category, failed.code) == (PaymentStatus.FAILED, "hard_stop", "MD07")
    await _is_told_nothing_for_three_weeks(world, invoice, failed)
    assert (await world.debit(invoice)).status == PaymentStatus.METHOD_MISSING


# Foreseen -----------------------------------------------------------------------------------------------------------


async def _a_card_until_february(world: CollectionWorld) -> None:
    """A stored card of which the bank says that it ends before the debit in March."""
    card = await world.till.a_card()
    ends = {"exp_month": 2, "exp_year": 2027}
    await world.till.control("POST", f"/payment-methods/{card.provider_method}/update", ends)
    await world.till.methods.refresh(world.account_id, card.method_id)


async def test_scenario_15_a_card_that_expires_before_the_debit_is_told_with_the_invoice_and_never_tried(
    world: CollectionWorld,
) -> None:
    till = world.till
    await _a_card_until_february(world)
    async with till.work() as work:
        await work.accounts.add_plan(a_plan(VOICE_PLAN))
        plan = await open_first_cycle(work, till.account, await work.accounts.brand("vonk"), ACTIVATED_AT)
        await work.commit()
    till.clock.at = plan.issue_at
    issued = await InvoicingService(till.work, till.clock).issue_invoice(IssueInvoiceRequest(world.account_id, 1))
    assert (issued.method, issued.plan.debit_on.month) == (MethodKind.NONE, 3)
    till.clock.at = issued.plan.ready_notice_at
    invoices, total = (issued.invoice_id,), issued.total_minor
    await world.announcing.announce_invoice(
        AnnounceRequest(
            world.account_id, issued.invoice_id, invoices, 1, total, "EUR", debits=False, debit_on=issued.plan.debit_on
        )
    )
    (message,) = await world.messages()
    assert await world.told() == ["ready_to_pay"]
    assert await till.paylinks.paylink_for(world.account_id) in message
    till.clock.at = issued.plan.debit_at
    tried = await world.debit(*invoices, amount_minor=total)
    assert (tried.status, await till.charges()) == (PaymentStatus.METHOD_MISSING, [])
