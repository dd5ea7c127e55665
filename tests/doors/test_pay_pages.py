"""The paylink as a customer uses it, from the message to the bank and back; no script, no cookie, no leak."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from tests.builders_pay_pages import BANK, CARD, Customer, a_pay_page_customer
from tests.builders_payments import PAY_BASE
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def customer(database_url: str, faulty: Simulator) -> AsyncIterator[Customer]:
    async with a_pay_page_customer(database_url, faulty) as at_the_page:
        yield at_the_page


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
