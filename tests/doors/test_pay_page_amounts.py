"""What the pay page says and takes: what it is for, a part, in each language, by two browsers at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from itsdangerous import URLSafeSerializer

from billing.domain import identity
from tests.builders_pay_pages import CARD, Customer, a_pay_page_customer
from tests.builders_payments import SIGNING_KEY
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def customer(database_url: str, faulty: Simulator) -> AsyncIterator[Customer]:
    async with a_pay_page_customer(database_url, faulty) as at_the_page:
        yield at_the_page


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


@pytest.mark.parametrize("amount", ["41,90", "42,09"])
async def test_a_part_that_leaves_too_little_to_be_paid_is_refused_with_what_can(
    customer: Customer, amount: str
) -> None:
    await customer.till.an_invoice(4210)
    answer = await customer.phone.post(await customer.link(), data={"amount": amount})
    assert (answer.status_code, customer.process.opened) == (422, 0)
    assert "Betaal €\u00a042,10, of laat minstens €\u00a00,50 over." in answer.text
    assert "Van €\u00a00,50 tot €\u00a041,60." in answer.text


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


async def test_a_provider_that_is_away_is_told_and_the_next_press_pays(customer: Customer) -> None:
    invoice = await customer.till.an_invoice(4210)
    link = await customer.link()
    await customer.till.sessions.payable(customer.till.account_id)
    customer.till.simulator.fault("error_500_before", path="/stripe/v1/checkout/sessions", count=1)
    away = await customer.phone.post(link)
    assert (away.status_code, "Probeer het zo nog eens" in away.text) == (503, True)
    on_to_bank = await customer.phone.post(link)
    back = await customer.pays_at_the_bank(on_to_bank.headers["location"], CARD)
    await customer.phone.get(back)
    assert await customer.till.open_of(invoice) == 0


async def test_links_given_out_before_they_became_short_still_lead_to_the_page(customer: Customer) -> None:
    await customer.till.an_invoice(4210)
    older = URLSafeSerializer(SIGNING_KEY, salt="evenflow.paylink")
    number = identity.parse(identity.ACCOUNT, customer.till.account_id)
    async with customer.till.work() as work:
        revision = await work.payments.paylink_revision(customer.till.account_id)
    assert "42,10" in (await customer.phone.get(f"/pay/{older.dumps([number, revision])}")).text
    gone = await customer.phone.get(f"/pay/{older.dumps([number, revision + 1])}")
    assert gone.status_code == 404
