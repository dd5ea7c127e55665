"""Money that moves after an account has ended: no process runs for it, and the books have it all the same."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import stripe

from billing.domain import staff_cases as kinds
from billing.domain.errors import NotFound
from billing.messages.payments import PaymentStatus
from billing.ports.bank_statements import News
from billing.ports.payments import InboxStatus
from billing.services.bank_news import BankNews
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders
from billing.services.webhook_inbox import WebhookInbox
from tests.builders_bank_till import MAKE_AT, BankTill, a_bank_till
from tests.builders_pay_pages import CARD, Customer, a_pay_page_customer
from tests.builders_payments import RecordedProcess, TillWorld, a_till
from tests.contracts.simulator_process import WEBHOOK_SECRET, Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty) as world:
        await world.a_card()
        yield world


@pytest.fixture
async def bank(database_url: str, tmp_path: Path) -> AsyncIterator[BankTill]:
    async with a_bank_till(database_url, tmp_path / "bank") as world:
        yield world


@pytest.fixture
async def customer(database_url: str, faulty: Simulator) -> AsyncIterator[Customer]:
    async with a_pay_page_customer(database_url, faulty) as someone:
        yield someone


def no_process() -> Any:
    return RecordedProcess(failure=NotFound("No open workflow."))


async def paid(till: TillWorld) -> tuple[str, str]:
    invoice = await till.an_announced_invoice(4210)
    request = till.a_request(invoice)
    assert (await till.service.collect(request)).status == PaymentStatus.SUCCEEDED
    return invoice, request.attempt_id


async def hears(till: TillWorld, kind: str, subject: dict[str, Any]) -> InboxStatus:
    """What becomes of a webhook."""
    process = no_process()
    methods = MethodService(till.work, till.clock, PaymentProviders(till.provider), process)
    inbox = WebhookInbox(till.work, process, {"stripe": till.provider}, methods, till.outcomes(process))
    event = {"id": f"evt_{uuid4()}", "type": kind, "created": int(time.time()), "data": {"object": subject}}
    body = json.dumps(event)
    signed = {"Stripe-Signature": stripe.WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET)}
    row = await inbox.receive("stripe", body.encode(), signed)
    assert row is not None
    return await inbox.dispatch(row)


async def test_a_chargeback_after_the_end_is_booked_and_a_person_learns_of_it(till: TillWorld) -> None:
    invoice, attempt_id = await paid(till)
    await till.end_account()
    payment = await till.provider_payment(attempt_id)
    dispute = await till.control("POST", "/disputes", {"payment_intent": payment})
    subject = {"id": dispute["id"], "object": "dispute", "payment_intent": payment}
    assert await hears(till, "charge.dispute.created", subject) == InboxStatus.DELIVERED
    assert (await till.open_of(invoice), await till.kinds()) == (4210, ["payment_received", "payment_reversed"])
    assert await till.lasting(kinds.MONEY_AFTER_CLOSING) == [attempt_id]


async def test_a_hint_that_changes_nothing_calls_nobody(till: TillWorld) -> None:
    _, attempt_id = await paid(till)
    await till.end_account()
    subject = {"id": "ch_1", "object": "charge", "payment_intent": await till.provider_payment(attempt_id)}
    assert await hears(till, "charge.updated", subject) == InboxStatus.DELIVERED
    assert await till.lasting(kinds.MONEY_AFTER_CLOSING) == []


async def test_a_method_of_an_ended_account_is_no_news(till: TillWorld) -> None:
    await till.end_account()
    (method,) = await till.methods.methods(till.account_id)
    subject = {"id": method.provider_method, "object": "payment_method"}
    assert await hears(till, "payment_method.updated", subject) == InboxStatus.DELIVERED


async def _returned(bank: BankTill) -> str:
    """A debit that was paid, and that the bank took back; the process was not told yet."""
    await bank.store()
    pending = await bank.collect()
    bank.till.clock.at = MAKE_AT
    await bank.round.look_after()
    await bank.settles(pending.attempt_id)
    told = {"status": "returned", "returned_at": MAKE_AT, "reason_code": "AM04", "returned_minor": 4210}
    await bank.bank_says(pending.attempt_id, **told)
    async with bank.till.work() as work:
        await work.bank_statements.add_news(News(bank.till.account_id, pending.attempt_id, "EN1"), MAKE_AT)
        await work.commit()
    return pending.attempt_id


async def test_a_debit_that_comes_back_after_the_end_is_booked(bank: BankTill) -> None:
    attempt_id = await _returned(bank)
    await bank.till.end_account()
    news = BankNews(bank.till.work, bank.till.outcomes(no_process()))
    assert (await news.tell(), await news.tell()) == (1, 0)
    assert await bank.till.kinds() == ["payment_received", "payment_reversed"]
    assert await bank.till.lasting(kinds.MONEY_AFTER_CLOSING) == [attempt_id]


async def test_news_of_a_closing_account_waits_for_its_process(bank: BankTill) -> None:
    await _returned(bank)
    async with bank.till.work() as work:
        values = {"status": "closing", "closed_at": bank.till.clock.now()}
        await work.accounts.change(bank.till.account_id, values)
        await work.commit()
    assert await BankNews(bank.till.work, bank.till.outcomes(no_process())).tell() == 0
    assert await BankNews(bank.till.work, bank.till.outcomes(RecordedProcess())).tell() == 1


async def test_what_an_ended_account_still_owes_is_paid_by_its_link(customer: Customer) -> None:
    invoice = await customer.till.an_invoice(4210)
    await customer.till.end_account()
    customer.process.away = True
    link = await customer.link()
    on_to_bank = await customer.phone.post(link)
    assert on_to_bank.status_code == 303
    back = await customer.pays_at_the_bank(on_to_bank.headers["location"], CARD)
    assert "Je betaling is ontvangen" in (await customer.phone.get(back)).text
    assert await customer.till.open_of(invoice) == 0
    assert len(await customer.till.lasting(kinds.MONEY_AFTER_CLOSING)) == 1


async def test_a_provider_that_is_away_is_told_on_the_page_of_an_ended_account(customer: Customer) -> None:
    await customer.till.an_invoice(4210)
    await customer.till.end_account()
    link = await customer.link()
    customer.till.simulator.fault("error_500_before", path="/stripe/v1/checkout/sessions", count=1)
    away = await customer.phone.post(link)
    assert (away.status_code, "Probeer het zo nog eens" in away.text) == (200, True)
    assert (await customer.phone.post(link)).status_code == 303
