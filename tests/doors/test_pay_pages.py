"""The paylink as a customer uses it, from the message to the bank and back; no script, no cookie, no leak."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from api.hardening import BODY_LIMIT
from billing.domain.errors import NotFound
from billing.ports.process import ProcessAway
from billing.services.customer_tries import PRESS_BY_LINK, WRONG_LINK_BY_ADDRESS
from tests.builders_pay_pages import BANK, CARD, Customer, a_pay_page_customer
from tests.builders_payments import PAY_BASE
from tests.contracts.simulator_process import Simulator

DUTCH = {"accept-language": "nl"}
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
    assert (answer.status_code, "Probeer het zo nog eens" in answer.text) == (503, True)


@pytest.mark.parametrize("failure", [ProcessAway("nobody answers"), NotFound("No open workflow.")])
async def test_who_has_just_paid_while_the_process_is_away_reads_that_the_payment_is_safe(
    customer: Customer, failure: Exception
) -> None:
    await customer.till.an_invoice(4210)
    link = await customer.link()
    on_to_bank = await customer.phone.post(link)
    back = await customer.pays_at_the_bank(on_to_bank.headers["location"], CARD)
    customer.process.away, customer.process.failure = True, failure
    page, pressed = await customer.phone.get(back), await customer.phone.post(link)
    for answer in (page, pressed):
        assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert ("je betaling veilig" in page.text, "niets afgeschreven" in page.text) == (True, False)
    assert 'http-equiv="refresh"' in page.text


async def test_whatever_stands_in_the_way_is_a_page_in_the_customers_language(customer: Customer) -> None:
    link = await customer.link()
    too_long = await customer.phone.post(link, data={"amount": "1" * 31})
    too_large = await customer.phone.post(link, content=b"x" * (BODY_LIMIT + 1), headers=DUTCH)
    not_so = await customer.phone.delete(link, headers=DUTCH)
    nul = await customer.phone.get(f"{link}%00", headers=DUTCH)
    told = [(one.status_code, "Dit is niet gelukt" in one.text) for one in (too_long, too_large, not_so, nul)]
    assert told == [(422, True), (413, True), (405, True), (422, True)]


async def test_a_fault_of_ours_is_a_page_that_says_the_payment_is_safe(customer: Customer) -> None:
    link = await customer.link()
    customer.process.away, customer.process.failure = True, RuntimeError("broken")
    await customer.till.an_invoice(4210)
    answer = await customer.phone.post(link)
    assert (answer.status_code, "je betaling veilig" in answer.text) == (500, True)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_guessing_links_and_pressing_again_and_again_is_refused_and_logged(
    customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    link = await customer.link()
    wrong = [(await customer.phone.get("/pay/forged")).status_code for _ in range(WRONG_LINK_BY_ADDRESS.most + 1)]
    pressed = [(await customer.phone.post(link)).status_code for _ in range(PRESS_BY_LINK.most + 1)]
    assert (set(wrong[:-1]), wrong[-1]) == ({404}, 429)
    assert (set(pressed[:-1]), pressed[-1]) == ({200}, 429)
    assert (await customer.phone.get(link)).status_code == 200
    refused = {one for one in caplog.messages if one.startswith("refused at")}
    assert refused == {
        "refused at GET /pay/{token}: the link is forged or was revoked",
        "refused at GET /pay/{token}: too many tries (link_address)",
        "refused at POST /pay/{token}: too many tries (press_link)",
    }
