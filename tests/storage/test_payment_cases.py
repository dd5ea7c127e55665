"""Booking finds what needs a person: money paid out twice, a reported death, our own configuration refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from billing.adapters.stripe import StripePayments
from billing.domain import staff_cases as kinds
from billing.domain.ledger import EntryKind
from billing.messages.dunning import NextAction
from billing.messages.payments import MethodKind, PaymentResult, PaymentStatus
from billing.persistence.troubles import SqlTroubles
from billing.ports.payment_provider import DisputeFact, MerchantFault, ProviderPayment, RefundFact, Succeeded
from billing.ports.staff_cases import StaffCase
from billing.services.case_sweep import CaseSweep, looks_of
from billing.services.payment_booking import book
from billing.services.payment_providers import PaymentProviders
from billing.services.payments import PaymentService
from billing.services.planned_methods import planned_method
from billing.services.staff_cases import StaffCases
from tests.builders_collection import CollectionWorld, a_collection
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def world(database_url: str, faulty: Simulator) -> AsyncIterator[CollectionWorld]:
    async with a_collection(database_url, faulty) as made:
        yield made


async def cases(world: CollectionWorld, kind: str) -> list[StaffCase]:
    async with world.till.work() as work:
        return list(await work.staff_cases.lasting(kind))


async def sweep(world: CollectionWorld) -> None:
    looks = looks_of(SqlTroubles(world.till.engine), world.till.clock)
    assert not (await CaseSweep(world.till.work, world.till.clock, looks).sweep()).failed


async def _says(world: CollectionWorld, attempt_id: str, *facts: RefundFact | DisputeFact) -> None:
    """Book that the provider says this of a payment of 42.10."""
    async with world.till.work() as work:
        attempt = await work.payments.attempt(world.account_id, attempt_id)
        assert attempt is not None
        payment = ProviderPayment(
            Succeeded(4210, "EUR"),
            attempt.provider_payment,
            refunds=tuple(one for one in facts if isinstance(one, RefundFact)),
            disputes=tuple(one for one in facts if isinstance(one, DisputeFact)),
        )
        await book(work, attempt, payment, world.till.clock.now(), 10)
        await work.commit()


REFUND = RefundFact("re_1", 1000, "EUR", "succeeded")
DISPUTE = DisputeFact("du_1", 4210, "EUR", "fraudulent", "open")


async def _paid(world: CollectionWorld) -> str:
    await world.till.a_card()
    invoice = await world.till.an_announced_invoice(4210)
    request = world.till.a_request(invoice)
    assert (await world.till.service.collect(request)).status == PaymentStatus.SUCCEEDED
    return request.attempt_id


async def test_scenario_30_a_refund_and_a_chargeback_are_both_booked_and_a_finance_case(
    world: CollectionWorld,
) -> None:
    attempt_id = await _paid(world)
    await _says(world, attempt_id, REFUND)
    assert await cases(world, kinds.REFUND_AND_CHARGEBACK) == []
    await _says(world, attempt_id, REFUND, DISPUTE)
    await _says(world, attempt_id, REFUND, DISPUTE)
    kinds_booked = await world.till.kinds()
    assert sorted(kinds_booked) == [EntryKind.PAYMENT_RECEIVED, EntryKind.PAYMENT_REVERSED, EntryKind.REFUND_PAID]
    (case,) = await cases(world, kinds.REFUND_AND_CHARGEBACK)
    assert (case.account_id, case.subject, case.severity) == (world.account_id, attempt_id, "high")
    assert (case.facts["paid_out_twice_minor"], case.facts["refunded_minor"]) == (1000, 1000)
    assert "10.00 EUR were paid out twice" in case.explanation


async def test_scenario_30_the_case_closes_itself_when_the_dispute_is_won(world: CollectionWorld) -> None:
    attempt_id = await _paid(world)
    await _says(world, attempt_id, REFUND, DISPUTE)
    won = DisputeFact("du_1", 4210, "EUR", "fraudulent", "won")
    await _says(world, attempt_id, REFUND, won)
    assert await cases(world, kinds.REFUND_AND_CHARGEBACK) == []


@pytest.mark.parametrize(
    ("received", "refunded", "charged_back", "twice"),
    [(4210, 1000, 4210, 1000), (4210, 4210, 4210, 4210), (4210, 1000, 3210, 0), (4210, 1000, 3000, 0)],
)
def test_paid_out_twice_is_what_went_back_beyond_what_came(
    received: int, refunded: int, charged_back: int, twice: int
) -> None:
    assert kinds.paid_out_twice(received, refunded, charged_back) == twice


async def _comes_back(world: CollectionWorld, outcome: str) -> PaymentResult:
    """A SEPA debit that the bank refuses days later."""
    await world.script(await world.till.a_bank_account(), outcome)
    attempt_id = (await world.debit(await world.till.an_announced_invoice(4210))).attempt_id
    await world.till.control("POST", "/settle", {"payment_intent": await world.till.provider_payment(attempt_id)})
    return await world.till.settle(attempt_id)


async def _died(world: CollectionWorld) -> None:
    """A debit that the bank answered with the customer's death."""
    failed = await _comes_back(world, "recipient_deceased")
    assert (failed.category, failed.code) == ("hard_stop", "MD07")


async def test_scenario_21_a_reported_death_is_a_case_and_no_method_is_announced_or_debited(
    world: CollectionWorld,
) -> None:
    await _died(world)
    (case,) = await cases(world, kinds.REPORTED_DEATH)
    assert (case.account_id, case.severity, case.facts["code"]) == (world.account_id, "high", "MD07")
    card = await world.till.a_card()  # another method would be usable
    now = world.till.clock.now()
    async with world.till.work() as work:
        assert (await planned_method(work, world.account_id, now)).kind is MethodKind.NONE
    later = await world.till.an_announced_invoice(995)
    assert (await world.debit(later, amount_minor=995)).status == PaymentStatus.METHOD_MISSING
    await StaffCases(world.till.work, world.till.clock).close(case.case_id, "sanne", "another person of that name")
    async with world.till.work() as work:
        assert (await planned_method(work, world.account_id, now)).kind is MethodKind.CARD
    assert (await world.debit(later, amount_minor=995)).status == PaymentStatus.SUCCEEDED
    assert card.status == "usable"


async def test_scenario_21_a_later_debt_of_the_dead_is_not_pressed_for_either(world: CollectionWorld) -> None:
    await _died(world)
    later = await world.till.an_announced_invoice(995)
    case = await world.hand_over(later, await world.debit(later, amount_minor=995))
    for _ in range(12):
        assert (await world.decide(case)).action is NextAction.WAIT
        world.pass_days(1)
    (told,) = await cases(world, kinds.REPORTED_DEATH)
    await StaffCases(world.till.work, world.till.clock).close(told.case_id, "sanne", "the bank was wrong")
    assert (await world.decide(case)).action is not NextAction.WAIT


async def test_scenario_22_a_refused_key_is_a_case_at_once_and_closes_when_the_debits_went_through(
    world: CollectionWorld,
) -> None:
    await world.till.a_card()
    request = world.till.a_request(await world.till.an_announced_invoice(4210))
    stranger = StripePayments("sk_test_wrong", ("whsec",), f"{world.till.simulator.url}/stripe")
    misled = PaymentService(world.till.work, world.till.clock, PaymentProviders(stranger), world.till.paylinks)
    with pytest.raises(MerchantFault):
        await misled.collect(request)
    await stranger.close()
    (case,) = await cases(world, kinds.CONFIGURATION_REFUSED)
    assert (case.severity, case.subject, case.account_id) == ("urgent", "stripe/EUR", None)
    await sweep(world)
    (seen,) = await cases(world, kinds.CONFIGURATION_REFUSED)
    assert "1 debits of 42.10 EUR in all are held" in seen.explanation
    assert (await world.till.service.collect(request)).status == PaymentStatus.SUCCEEDED
    world.till.clock.at = world.till.clock.now() + timedelta(minutes=15)
    await sweep(world)
    assert await cases(world, kinds.CONFIGURATION_REFUSED) == []


async def test_scenario_22_a_refused_creditor_id_is_a_case_until_the_account_is_debited_again(
    world: CollectionWorld,
) -> None:
    assert (await _comes_back(world, "invalid_creditor")).category == "merchant_error"
    await sweep(world)
    (case,) = await cases(world, kinds.CONFIGURATION_REFUSED)
    assert case.facts["amount_minor"] == 4210
