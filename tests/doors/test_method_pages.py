"""The customer's page of payment methods, from the message to the provider and back; no script, no cookie, no leak."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from itsdangerous import TimestampSigner

from api.app import create_app
from billing.messages.payments import PaymentStatus
from billing.ports.payments import MethodStatus
from billing.services.mandate_texts import shown, texts
from billing.services.method_links import FORM_SECONDS, MethodLinks
from billing.services.notice_words import LANGUAGES
from tests.builders import a_brand
from tests.builders_method_pages import CARD, CREDITOR, IBAN, PHONE, UK_ACCOUNT, Customer, a_container
from tests.builders_payments import PAY_BASE, SIGNING_KEY, RecordedProcess, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def customer(database_url: str, faulty: Simulator, request: pytest.FixtureRequest) -> AsyncIterator[Customer]:
    async with a_till(database_url, faulty, a_brand(**getattr(request, "param", {"locale": "en_GB"}))) as till:
        links = MethodLinks(till.work, (SIGNING_KEY,), PAY_BASE)
        process = RecordedProcess()
        transport = httpx.ASGITransport(create_app(a_container(till, process, links)), client=("203.0.113.7", 5000))
        async with httpx.AsyncClient(transport=transport, base_url=PAY_BASE, headers=PHONE) as phone:
            yield Customer(till, phone, links, process)


async def test_a_customer_reads_agrees_and_leaves_a_bank_account_and_the_evidence_is_kept(customer: Customer) -> None:
    assert "No payment method is stored" in await customer.page()
    done = await customer.adds("sepa_debit", IBAN)
    assert "Your payment method is stored" in done
    assert ("ending in 3000" in done, "In use" in done, "mandate " in done) == (True, True, True)
    assert [signal for _, signal, _ in customer.process.signals] == ["payment_method_changed"]
    kept = (await customer.staff("mandates")).json()
    (mandate,), (agreed,) = kept["mandates"], kept["acceptances"]
    assert (agreed["kind"], agreed["text_version"], agreed["language"]) == ("sepa_debit", 1, "en")
    assert (agreed["ip_address"], agreed["user_agent"]) == ("203.0.113.7", "Phone/1.0")
    assert (agreed["method_id"], agreed["mandate_reference"]) == (mandate["method_id"], mandate["reference"])
    assert "Vonk Mobiel to send instructions to your bank" in agreed["text_shown"]
    assert CREDITOR in agreed["text_shown"]
    assert agreed["setup_reference"].startswith("cs_test_")
    exported = await customer.staff("mandates/export")
    assert exported.headers["content-type"].startswith("text/csv")
    assert (mandate["reference"] in exported.text, "203.0.113.7" in exported.text) == (True, True)


async def test_the_evidence_is_kept_though_the_customer_never_comes_back(customer: Customer) -> None:
    offer = await customer.phone.get(f"{await customer.link()}/add/card")
    to_provider = await customer.press("agree", offer.text)
    await customer.at_the_provider(to_provider.headers["location"], CARD)
    (waiting,) = (await customer.staff("mandates")).json()["acceptances"]
    assert waiting["method_id"] is None
    await customer.till.methods.complete_setup(customer.till.account_id, waiting["setup_reference"], "customer")
    (found,) = (await customer.staff("mandates")).json()["acceptances"]
    assert found["method_id"] is not None


async def test_a_card_whose_bank_asks_is_stored_after_the_customer_confirmed(customer: Customer) -> None:
    offer = await customer.phone.get(f"{await customer.link()}/add/card")
    url = (await customer.press("agree", offer.text)).headers["location"]
    secure = CARD | {"number": "4000002760003184", "action": "pay", "name": "Sanne"}
    async with httpx.AsyncClient(trust_env=False) as browser:
        asked = await browser.post(url, data=secure, timeout=20)
        refused = await browser.post(url, data=secure | {"bank": "reject"}, timeout=20)
    assert ("bank asks you to confirm" in asked.text, refused.status_code) == (True, 402)
    back = await customer.at_the_provider(url, secure | {"bank": "approve"})
    assert "ending in 3184" in (await customer.phone.get(back)).text


async def test_a_customer_who_gives_up_is_told_that_nothing_was_stored(customer: Customer) -> None:
    offer = await customer.phone.get(f"{await customer.link()}/add/card")
    url = (await customer.press("agree", offer.text)).headers["location"]
    back = await customer.at_the_provider(url, CARD | {"action": "cancel"})
    assert back == await customer.link()
    session = url.rsplit("/", 1)[1]
    for reference in (session, "cs_test_unknown", ""):
        page = await customer.phone.get(f"{back}/done", params={"session": reference})
        assert (page.status_code, "Nothing was stored" in page.text) == (200, True)


async def test_another_accounts_setup_page_stores_nothing_here(customer: Customer) -> None:
    stranger = await customer.till.provider.ensure_customer("acc_9", "vonk", "Other", "other@example.com")
    foreign = await customer.till.provider.start_method_setup("acc_9", stranger, "EUR", "https://a.x", "https://a.x")
    await customer.at_the_provider(foreign.url, CARD)
    page = await customer.phone.get(f"{await customer.link()}/done", params={"session": foreign.reference})
    assert "Nothing was stored" in page.text
    assert await customer.till.methods.methods(customer.till.account_id) == []


async def test_a_method_is_chosen_replaced_and_removed(customer: Customer) -> None:
    await customer.adds("card", CARD)
    page = await customer.adds("sepa_debit", IBAN)
    chosen = await customer.press("use", page)
    assert "next payments use this method" in chosen.text
    card = (await customer.till.methods.methods(customer.till.account_id))[1]
    assert (card.last_four, card.is_default) == ("4242", True)
    removed = await customer.press("remove", chosen.text, 1)
    assert "The payment method is removed." in removed.text
    assert "4242" not in removed.text
    async with customer.till.work() as work:
        kept = await work.payments.method(customer.till.account_id, card.method_id)
        entries = await work.timeline.of(customer.till.account_id)
    assert (kept.status, [one.actor for one in entries if one.kind == "method_removed"]) == (
        MethodStatus.REMOVED,
        ["customer"],
    )


async def test_a_removed_method_whose_debit_is_with_the_bank_says_so(customer: Customer) -> None:
    page = await customer.adds("sepa_debit", IBAN)
    invoice = await customer.till.an_announced_invoice(4210, lead_days=5)
    request = customer.till.a_request(invoice, lead_days=5)
    assert (await customer.till.service.collect(request)).status == PaymentStatus.PENDING
    removed = await customer.press("remove", page)
    assert "€42.10 is with your bank already and will still be taken" in removed.text
    async with customer.till.work() as work:
        entries = await work.timeline.of(customer.till.account_id)
    (told,) = [one for one in entries if one.kind == "method_removed"]
    assert told.reason["under_way"] == [request.attempt_id]


@pytest.mark.parametrize(
    "customer", [{"currency": "GBP", "zone": "Europe/London", "country": "GB", "locale": "en_GB"}], indirect=True
)
async def test_a_british_customer_reads_the_guarantee_and_gives_a_direct_debit_instruction(customer: Customer) -> None:
    page = await customer.page()
    assert ("Bank account (Direct Debit)" in page, "SEPA" in page) == (True, False)
    offer = (await customer.phone.get(f"{await customer.link()}/add/bacs_debit")).text
    assert "The Direct Debit Guarantee" in offer
    assert "notify you 10 working days in advance" in offer
    done = await customer.adds("bacs_debit", UK_ACCOUNT)
    assert ("ending in 2345" in done, "waiting for your bank" in done) == (True, True)


@pytest.mark.parametrize("customer", [{"locale": language} for language in LANGUAGES], indirect=True)
async def test_the_page_and_its_texts_speak_the_customers_language(customer: Customer) -> None:
    language = (await customer.phone.get(await customer.link())).text.split('lang="')[1][:2]
    assert language in LANGUAGES
    for kind in ("card", "sepa_debit"):
        offer = await customer.phone.get(f"{await customer.link()}/add/{kind}")
        assert (offer.status_code, f'lang="{language}"' in offer.text) == (200, True)
    await customer.press("agree", offer.text)
    (agreed,) = (await customer.staff("mandates")).json()["acceptances"]
    assert agreed["language"] == language


async def test_the_page_shows_no_more_than_it_must_and_leaks_its_address_nowhere(customer: Customer) -> None:
    page = await customer.adds("card", CARD)
    for secret in ("Sanne", "Vries", "A100001", "sanne@example.com", "31612345678", "acc_", "pm_"):
        assert secret not in page
    assert not re.search(r"<script|javascript:|style=|onclick", page)
    answer = await customer.phone.get(await customer.link())
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers


async def test_a_paylink_opens_no_methods_and_a_revoked_or_forged_address_nothing(customer: Customer) -> None:
    link = await customer.link()
    paylink = (await customer.till.paylinks.paylink_for(customer.till.account_id)).rsplit("/", 1)[1]
    await customer.till.paylinks.revoke(customer.till.account_id, "ann", customer.till.clock.now())
    for address in (link, f"/methods/{paylink}", "/methods/forged", "/methods/WzEwMDEsMV0.AAAA"):
        answers = [
            await customer.phone.get(address),
            await customer.phone.get(f"{address}/add/card"),
            await customer.phone.get(f"{address}/done?session=cs_test_1"),
            *[await customer.phone.post(f"{address}/{one}", data={"proof": "x"}) for one in ("agree", "use", "remove")],
        ]
        assert {(one.status_code, "not valid any more" in one.text) for one in answers} == {(404, True)}
    assert (await customer.phone.get(await customer.link())).status_code == 200


async def test_a_form_of_another_page_of_another_purpose_or_too_old_does_nothing(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await customer.adds("card", CARD)
    card = (await customer.till.methods.methods(customer.till.account_id))[0]
    link = await customer.link()
    of_another = customer.links.proof("acc_999999", "remove", card.method_id)
    of_purpose = customer.links.proof(customer.till.account_id, "use", card.method_id)
    for proof in ("forged", of_another, of_purpose):
        refused = await customer.phone.post(f"{link}/remove", data={"proof": proof})
        assert (refused.status_code, "open too long" in refused.text) == (200, True)
    assert "open too long" in (await customer.phone.post(f"{link}/agree", data={"proof": of_purpose})).text
    later = int((datetime.now(UTC) + timedelta(seconds=FORM_SECONDS + 60)).timestamp())
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _self: later)
    assert "open too long" in (await customer.press("remove", page)).text
    assert (await customer.till.methods.methods(customer.till.account_id))[0].status is MethodStatus.USABLE
    assert await customer.page()


async def test_a_provider_that_is_away_is_a_friendly_page_and_the_agreement_is_kept(customer: Customer) -> None:
    offer = await customer.phone.get(f"{await customer.link()}/add/card")
    await customer.till.methods.ensure_customer(customer.till.account_id)
    customer.till.simulator.fault("error_500_before", path="/stripe/v1/checkout/sessions", count=1)
    answer = await customer.press("agree", offer.text)
    assert (answer.status_code, "could not open the page" in answer.text) == (503, True)
    (agreed,) = (await customer.staff("mandates")).json()["acceptances"]
    assert (agreed["setup_reference"], agreed["method_id"]) == ("", None)


async def test_a_kind_that_is_not_offered_leads_back(customer: Customer) -> None:
    for kind in ("bacs_debit", "cheque"):
        answer = await customer.phone.get(f"{await customer.link()}/add/{kind}")
        assert (answer.status_code, answer.headers["location"]) == (303, await customer.link())


async def test_staff_get_the_link_for_a_customer_and_read_every_text(customer: Customer) -> None:
    assert (await customer.staff("methods-link")).json() == {"url": PAY_BASE + await customer.link()}
    listed = (await customer.phone.get("/v1/mandate-texts", headers={"X-API-Key": "viewer"})).json()
    assert {(one["kind"], one["language"]) for one in listed} == {
        (kind, language) for kind in ("card", "sepa_debit", "bacs_debit") for language in LANGUAGES
    }


@pytest.mark.parametrize("text", texts(), ids=lambda one: f"{one.kind}-{one.version}-{one.language}")
def test_every_text_can_be_shown_with_and_without_a_creditor(text: Any) -> None:
    for creditor in (CREDITOR, ""):
        words = shown(text.kind, text.language, a_brand(), creditor, text.version).text
        assert ("Vonk Mobiel" in words, "{" in words) == (True, False)
