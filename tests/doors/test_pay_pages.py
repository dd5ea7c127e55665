"""The paylink as a customer uses it, from the message to the bank and back; no script, no cookie, no leak."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.container import Container
from api.portal.looks import PortalLooks
from billing.domain.errors import NotFound
from billing.messages.account import CommandResult, OpenPaySession, PaymentOutcomeReceived
from billing.messages.payments import PaySessionRequest
from billing.services.pay_desk import PayDesk
from tests.builders_payments import PAY_BASE, TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@dataclass
class PromptProcess:
    """What the account's process does with a customer's wish, at once."""

    till: TillWorld
    opened: int = 0
    away: bool = False

    async def command(self, workflow_id: str, update: str, command: OpenPaySession) -> CommandResult:
        assert (workflow_id, update) == ("account/vonk/A100001", "open_pay_session")
        if self.away:
            raise NotFound("No open workflow.")
        self.opened += 1
        attempt_id = f"page-{self.opened}-{self.till.simulator.port}-{id(self)}"
        request = PaySessionRequest(self.till.account_id, attempt_id, amount_minor=command.amount_minor)
        page = await self.till.service.open_pay_session(request)
        return CommandResult(command.command_id, bool(page.url), page.reason, page.url)

    async def signal(self, workflow_id: str, signal: str, payload: PaymentOutcomeReceived) -> None:
        await self.till.settle(payload.attempt_id)


@dataclass
class Customer:
    """A customer's phone."""

    till: TillWorld
    phone: httpx.AsyncClient
    process: PromptProcess

    async def link(self) -> str:
        return (await self.till.paylinks.paylink_for(self.till.account_id)).removeprefix(PAY_BASE)

    async def pays_at_the_bank(self, url: str, method: dict[str, str]) -> str:
        form = {"action": "pay", "name": "Sanne de Vries", "expiry": "12/40", "cvc": "123", **method}
        async with httpx.AsyncClient() as browser:
            answer = await browser.post(url, data=form, timeout=20)
        return answer.headers["location"].removeprefix(PAY_BASE)

    async def money_taken(self) -> int:
        """What the provider kept of the account's charges: what was given back again is taken off."""
        client, taken = self.till.simulator.stripe(), 0
        for charged in await self.till.charges():
            given_back = await asyncio.to_thread(client.v1.refunds.list, {"payment_intent": charged.id})
            taken += charged.amount - sum(one.amount for one in given_back.data)
        return taken

    async def tries_to_pay(self, url: str, method: dict[str, str]) -> int:
        """What the provider's page answers: on its way back, or that it was paid already."""
        form = {"action": "pay", "name": "Sanne de Vries", "expiry": "12/40", "cvc": "123", **method}
        async with httpx.AsyncClient(trust_env=False) as browser:
            return (await browser.post(url, data=form, timeout=20)).status_code


CARD = {"method": "card", "number": "4242424242424242"}
BANK = {"method": "sepa_debit", "iban": "DE89370400440532013000"}


@pytest.fixture
async def customer(database_url: str, faulty: Simulator) -> AsyncIterator[Customer]:
    async with a_till(database_url, faulty) as till:
        process: Any = PromptProcess(till)
        desk = PayDesk(till.work, till.clock, process, till.paylinks, till.sessions)
        container = Container(
            make_work=till.work,
            clock=till.clock,
            process=process,
            public_url=PAY_BASE,
            pay_desk=desk,
            portal_looks=PortalLooks(till.work, till.clock),
        )
        transport = httpx.ASGITransport(create_app(container))
        async with httpx.AsyncClient(transport=transport, base_url=PAY_BASE) as phone:
            yield Customer(till, phone, process)


async def test_a_customer_pays_by_link_and_is_thanked(customer: Customer) -> None:
    invoice = await customer.till.an_invoice(4210)
    link = await customer.link()
    page = await customer.phone.get(link)
    on_to_bank = await customer.phone.post(link)
    back = await customer.pays_at_the_bank(on_to_bank.headers["location"], CARD)
    await customer.phone.get(back)
    thanks = await customer.phone.get(back)
    assert (page.status_code, on_to_bank.status_code, back) == (200, 303, f"{link}/done")
    assert "42,10" in page.text
    assert "Je betaling is ontvangen" in thanks.text
    assert ("42,10" in thanks.text, "Kenmerk" in thanks.text) == (True, True)
    assert await customer.till.open_of(invoice) == 0


async def test_a_bank_debit_by_link_is_still_processing(customer: Customer) -> None:
    await customer.till.an_invoice(4210)
    link = await customer.link()
    on_to_bank = await customer.phone.post(link)
    back = await customer.pays_at_the_bank(on_to_bank.headers["location"], BANK)
    waiting = await customer.phone.get(back)
    warned = await customer.phone.get(link)
    refused = await customer.phone.post(link)
    assert "wordt verwerkt" in waiting.text
    assert "al een betaling onderweg" in warned.text
    assert (refused.status_code, "al een betaling onderweg" in refused.text) == (200, True)


async def test_the_page_shows_brand_masked_account_amount_and_invoices_and_nothing_else(customer: Customer) -> None:
    await customer.till.an_invoice(4210)
    page = (await customer.phone.get(await customer.link())).text
    assert ("Vonk Mobiel" in page, "•••001" in page) == (True, True)
    for secret in ("Sanne", "Vries", "A100001", "sanne@example.com", "31612345678", "acc_", "inv_"):
        assert secret not in page
    assert not re.search(r"<script|javascript:|style=|onclick", page)


async def test_the_page_leaks_its_address_nowhere(customer: Customer) -> None:
    headers = (await customer.phone.get(await customer.link())).headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "noindex" in headers["x-robots-tag"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "set-cookie" not in headers
    style = await customer.phone.get("/static/portal.css")
    assert style.status_code == 200


async def test_the_link_is_the_same_for_every_message_and_shows_what_is_open_now(customer: Customer) -> None:
    await customer.till.an_invoice(4210)
    first = await customer.link()
    await customer.till.an_invoice(1000)
    assert await customer.link() == first
    assert "52,10" in (await customer.phone.get(first)).text


async def test_nothing_to_pay_is_a_friendly_page(customer: Customer) -> None:
    link = await customer.link()
    page = await customer.phone.get(link)
    assert (page.status_code, "Alles is betaald" in page.text) == (200, True)
    assert (await customer.phone.post(link)).status_code == 200


async def test_a_revoked_or_forged_link_opens_nothing(customer: Customer) -> None:
    await customer.till.an_invoice(4210)
    old = await customer.link()
    new = (
        await customer.till.paylinks.revoke(customer.till.account_id, "ann", customer.till.clock.now())
    ).removeprefix(PAY_BASE)
    for address in (old, "/pay/forged", f"{new}x", "/pay/WzEwMDEsMV0.AAAA"):
        for answer in (
            await customer.phone.get(address),
            await customer.phone.post(address),
            await customer.phone.get(f"{address}/done"),
        ):
            assert (answer.status_code, "not valid any more" in answer.text) == (404, True)
    assert (await customer.phone.get(new)).status_code == 200


async def test_while_the_process_is_away_the_customer_is_asked_to_try_again(customer: Customer) -> None:
    await customer.till.an_invoice(4210)
    customer.process.away = True
    answer = await customer.phone.post(await customer.link())
    assert (answer.status_code, "Probeer het zo nog eens" in answer.text) == (200, True)


async def test_the_page_says_what_the_amount_is_for(customer: Customer) -> None:
    await customer.till.an_invoice(4210)
    await customer.till.an_invoice(1000)
    page = (await customer.phone.get(await customer.link())).text
    assert page.count('<th scope="row">V27') == 2
    for words in ("€\u00a042,10", "€\u00a010,00", "€\u00a052,10", "tot en met"):
        assert words in page


@pytest.mark.parametrize(
    ("locale", "title"),
    [("nl_NL", "Nu te betalen"), ("fr_BE", "À payer maintenant"), ("de", "Jetzt zu zahlen"), ("es", "A pagar ahora")],
)
async def test_the_page_speaks_the_customers_language(customer: Customer, locale: str, title: str) -> None:
    await customer.till.an_invoice(4210)
    async with customer.till.work() as work:
        await work.accounts.change(customer.till.account_id, {"locale": locale})
        await work.commit()
    page = (await customer.phone.get(await customer.link())).text
    assert f"<h1>{title}</h1>" in page
    assert f'lang="{locale[:2]}"' in page


async def test_a_part_is_paid_and_the_rest_stays_open(customer: Customer) -> None:
    invoice = await customer.till.an_invoice(4210)
    link = await customer.link()
    on_to_bank = await customer.phone.post(link, data={"amount": "20,00"})
    back = await customer.pays_at_the_bank(on_to_bank.headers["location"], CARD)
    await customer.phone.get(back)
    thanks = (await customer.phone.get(back)).text
    assert await customer.till.open_of(invoice) == 2210
    assert ("€\u00a020,00" in thanks, "Er staat nog €\u00a022,10 open." in thanks) == (True, True)


@pytest.mark.parametrize("amount", ["42,11", "0", "0,01", "-5", "much", "1e9", "20,001"])
async def test_a_part_that_cannot_be_paid_is_refused_with_what_can(customer: Customer, amount: str) -> None:
    await customer.till.an_invoice(4210)
    answer = await customer.phone.post(await customer.link(), data={"amount": amount})
    assert answer.status_code == 422
    assert "Dit bedrag kan hier niet worden betaald" in answer.text
    assert customer.process.opened == 0


async def test_who_comes_back_without_paying_reads_that_nothing_was_taken(customer: Customer) -> None:
    await customer.till.an_invoice(4210)
    link = await customer.link()
    await customer.phone.post(link)
    page = (await customer.phone.get(f"{link}/done")).text
    assert "er is niets afgeschreven" in page
    assert "Betaal €\u00a042,10" in page


async def test_two_browsers_at_once_pay_once_and_both_are_told(customer: Customer) -> None:
    invoice = await customer.till.an_invoice(4210)
    link = await customer.link()
    first = await customer.phone.post(link)
    second = await customer.phone.post(link)
    assert first.headers["location"] == second.headers["location"]
    await asyncio.gather(
        *(customer.tries_to_pay(answer.headers["location"], CARD) for answer in (first, second, first, second))
    )
    for _ in range(2):
        pages = await asyncio.gather(*(customer.phone.get(f"{link}/done") for _ in range(2)))
    assert [("Je betaling is ontvangen" in page.text) for page in pages] == [True, True]
    assert "Alles is betaald" in (await customer.phone.get(link)).text
    assert await customer.till.open_of(invoice) == 0
    assert await customer.money_taken() == 4210


async def test_two_presses_of_the_button_at_once_never_take_the_money_twice(customer: Customer) -> None:
    invoice = await customer.till.an_invoice(4210)
    link = await customer.link()
    answers = await asyncio.gather(*(customer.phone.post(link) for _ in range(3)))
    pages = {answer.headers["location"] for answer in answers if answer.status_code == 303}
    assert pages
    await asyncio.gather(*(customer.tries_to_pay(page, CARD) for page in pages))
    for _ in range(2):
        await customer.phone.get(f"{link}/done")
    assert await customer.till.open_of(invoice) == 0
    assert await customer.money_taken() == 4210
