"""What webhooks did not bring is heard and told; money the provider has and the books have not is told to a person."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from billing.messages.payments import PaymentStatus
from billing.ports.payment_provider import CollectCommand
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders
from billing.services.reconcile import BOOKED_WITHIN, Reconciler, Watched
from billing.services.webhook_inbox import WebhookInbox
from tests.builders_payments import RecordedProcess, TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    faulty.control("POST", "/reset")
    async with a_till(database_url, faulty, timeout_seconds=2.0) as world:
        yield world


def _reconciler(till: TillWorld, later: timedelta) -> Reconciler:
    """The reconciler as it looks at the provider some time from now."""
    told: Any = RecordedProcess()
    methods = MethodService(till.work, till.clock, PaymentProviders(till.provider), told)
    inbox = WebhookInbox(till.work, told, {"stripe": till.provider}, methods, till.outcomes(told))
    return Reconciler(till.work, inbox, {"stripe": till.provider}, lambda: datetime.now(UTC) + later)


async def _paid(till: TillWorld) -> str:
    """A debit that was taken and booked."""
    request = till.a_request(await till.an_announced_invoice(4210))
    assert (await till.service.collect(request)).status == PaymentStatus.SUCCEEDED
    return await till.provider_payment(request.attempt_id)


async def _taken_unknown_to_us(till: TillWorld, amount_minor: int, account_id: str = "") -> str:
    """A payment that the provider made and the books never heard of."""
    (method,) = await till.methods.methods(till.account_id)
    attempt_id = f"inv_1-{uuid4()}"
    command = CollectCommand(
        account_id=account_id or till.account_id,
        attempt_id=attempt_id,
        idempotency_key=attempt_id,
        amount_minor=amount_minor,
        currency="EUR",
        kind=method.kind,
        provider_customer=method.provider_customer,
        provider_method=method.provider_method,
        submitted_on=till.today,
        due_date=till.today,
    )
    return (await till.provider.collect(command)).reference


AN_HOUR_LATER = BOOKED_WITHIN + timedelta(seconds=2)


async def test_every_payment_the_provider_took_is_held_against_the_books_once(
    till: TillWorld, caplog: pytest.LogCaptureFixture
) -> None:
    await till.a_card()
    await _paid(till)
    unheard = await _taken_unknown_to_us(till, 995)
    reconciler = _reconciler(till, AN_HOUR_LATER)
    with caplog.at_level(logging.ERROR, logger="billing.services.reconcile"):
        looked = await reconciler.compare()
    alarm = f"stripe took 9.95 EUR as {unheard} of {till.account_id}, booked is None"
    assert looked == Watched(2, (alarm,))
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert await reconciler.compare() == Watched(0)


async def test_a_payment_booked_with_another_amount_is_told(till: TillWorld) -> None:
    await till.a_card()
    paid = await _paid(till)
    async with till.engine.begin() as connection:
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await connection.exec_driver_sql(
            "UPDATE ledger_postings SET amount_minor = amount_minor - 10 WHERE ledger_account = 'cash'"
        )
    looked = await _reconciler(till, AN_HOUR_LATER).compare()
    assert looked.alarms == (f"stripe took 42.10 EUR as {paid} of {till.account_id}, booked is 42.00 EUR",)


async def test_a_payment_still_has_time_to_be_booked(till: TillWorld) -> None:
    await till.a_card()
    await _taken_unknown_to_us(till, 995)
    assert await _reconciler(till, timedelta(0)).compare() == Watched(0)


async def test_a_payment_of_another_system_at_the_same_provider_is_not_ours_to_book(till: TillWorld) -> None:
    await till.a_card()
    await _taken_unknown_to_us(till, 995, account_id="somebody")
    assert await _reconciler(till, AN_HOUR_LATER).compare() == Watched(1)


async def test_a_debit_counts_when_its_money_is_certain_and_not_when_it_was_asked_for(till: TillWorld) -> None:
    await till.a_bank_account()
    request = till.a_request(await till.an_announced_invoice(4210, lead_days=5), lead_days=5)
    await till.service.collect(request)
    assert await _reconciler(till, AN_HOUR_LATER).compare() == Watched(0)
    payment = await till.provider_payment(request.attempt_id)
    await till.control("POST", "/settle", {"payment_intent": payment})
    looked = await _reconciler(till, AN_HOUR_LATER).compare()
    assert looked.alarms == (f"stripe took 42.10 EUR as {payment} of {till.account_id}, booked is None",)
    await till.settle(request.attempt_id)
    assert await _reconciler(till, AN_HOUR_LATER).compare() == Watched(1)


async def test_events_that_no_webhook_brought_are_an_alarm_once_webhooks_had_time(till: TillWorld) -> None:
    await till.a_card()
    await _paid(till)
    heard = await _reconciler(till, timedelta(0)).hear()
    assert (heard.count > 0, heard.alarms) == (True, ())
    await _paid(till)
    late = await _reconciler(till, timedelta(minutes=11)).hear()
    (alarm,) = late.alarms
    assert alarm.startswith(f"{late.count} events came by no webhook, the first of ")
    assert await _reconciler(till, timedelta(minutes=11)).hear() == Watched(0)
