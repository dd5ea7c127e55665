"""What a signed-in customer sees and does: own things, forms of ours, the commands of operators, small pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from api.app import STATIC
from billing.ports.documents import InvoiceDocument, PreviousInvoice
from billing.services.notice_words import LANGUAGES
from tests.builders_portal import Browser, PortalWorld, a_portal
from tests.builders_usage import a_cycle
from tests.doors.console_data import FULL_ACCOUNT

PAGES = (
    "/my",
    "/my/bills",
    "/my/bills/inv_1001",
    "/my/pay",
    "/my/settings",
    "/my/settings/limits",
    "/my/settings/messages",
    "/my/settings/contact",
    "/my/settings/day",
    "/my/settings/data",
    "/my/settings/sessions",
    "/my/accounts",
)
FORMS = (
    "/my/pay",
    "/my/pay/promise",
    "/my/pay/plan/preview",
    "/my/pay/plan",
    "/my/bills/inv_1001/dispute",
    "/my/settings/limits",
    "/my/settings/messages",
    "/my/settings/contact",
    "/my/settings/day",
    "/my/settings/day/preview",
    "/my/settings/data",
    "/my/accounts",
    "/my/sign-out",
)
ANYTHING = {
    "amount": "10",
    "pay_by": "2027-02-10",
    "reason": "no",
    "language": "en",
    "bills": "usual",
    "payments": "usual",
    "usage": "usual",
    "channel": "email",
    "contact": "new@example.com",
    "day": "5",
    "account_id": FULL_ACCOUNT,
}
FIRST_PAGE_BYTES = 150_000


@pytest.fixture
async def portal(database_url: str) -> AsyncIterator[PortalWorld]:
    async with a_portal(database_url) as world:
        yield world


@pytest.fixture
async def browser(portal: PortalWorld) -> Browser:
    """Signed in as the customer of the first account, who reads English."""
    async with portal.doors.work() as work:
        await work.accounts.change(FULL_ACCOUNT, {"locale": "en_GB"})
        await work.commit()
    return await portal.signed_in()


class _Addresses(HTMLParser):
    """What a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        loaded = given.get("src") if tag in ("script", "img") else given.get("href") if tag == "link" else None
        self.found += [loaded] if loaded else []
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self.inline += ["script"] if tag == "script" and "src" not in given else []


async def test_every_page_is_small_private_and_without_inline_script_or_style(browser: Browser) -> None:
    for path in PAGES:
        answer = await browser.get(path)
        assert (path, answer.status_code) == (path, 200)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        page = _Addresses()
        page.feed(answer.text)
        assert (path, page.inline) == (path, [])
        loaded = [await browser.client.get(one) for one in page.found]
        assert [one.status_code for one in loaded] == [200] * len(loaded)
        assert len(answer.content) + sum(len(one.content) for one in loaded) < FIRST_PAGE_BYTES


async def test_the_overview_says_what_is_owed_since_when_and_what_is_left(
    portal: PortalWorld, browser: Browser
) -> None:
    async with portal.doors.work() as work:
        billed = a_cycle(
            FULL_ACCOUNT, cycle_number=0, status="issued", debit_on=date(2027, 1, 10), invoice_id="inv_1001"
        )
        await work.accounts.add_cycle(billed)
        await work.commit()
    page = (await browser.get("/my")).text
    for said in (
        "€42.10",
        "Overdue since 10 January 2027",
        "100 minutes",
        "25 min left of 100 min",
        "Last usage counted",
        "Restricted: +31612345678",
    ):
        assert said in page


async def test_bills_are_listed_shown_and_downloaded(browser: Browser) -> None:
    assert "V15-2027-000001" in (await browser.get("/my/bills")).text
    page = (await browser.get("/my/bills/inv_1002")).text
    assert ("€18.15" in page, "€23.95 less" in page, "UBL" in page) == (True, True, False)
    pdf = await browser.client.get("/my/bills/inv_1001/bill.pdf")
    assert (pdf.status_code, pdf.content[:5], pdf.headers["content-type"]) == (200, b"%PDF-", "application/pdf")
    lines = await browser.client.get("/my/bills/inv_1001/lines.csv")
    assert lines.text.startswith("document,section")


async def test_a_bill_shows_one_due_date_what_is_to_pay_and_compares_only_the_same_money(
    portal: PortalWorld, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with portal.doors.work() as work:
        billed = a_cycle(
            FULL_ACCOUNT, cycle_number=0, status="issued", debit_on=date(2027, 1, 14), invoice_id="inv_1001"
        )
        await work.accounts.add_cycle(billed)
        await work.commit()
    invoicing = portal.doors.container.invoicing
    document = await invoicing.document(FULL_ACCOUNT, "inv_1001")
    collected = replace(document.invoice, to_collect_minor=4000)

    async def shown(*_: str) -> InvoiceDocument:
        return replace(document, invoice=collected, previous=PreviousInvoice(1000, "GBP", {}))

    monkeypatch.setattr(invoicing, "document", shown)
    page = (await browser.get("/my/bills/inv_1001")).text
    for said in ("Due: 14 January 2027", "it was 10 January 2027 at first", "-€2.10", "€40.00"):
        assert said in page
    assert ("The bill before was in another currency" in page, '<svg class="chart"' in page) == (True, False)


@pytest.mark.parametrize("path", ["", "/bill.pdf", "/lines.csv", "/usage.csv", "/ubl.xml"])
async def test_another_customers_bill_is_not_there_and_that_is_logged(
    portal: PortalWorld, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = await portal.signed_in("acc_1002")
    missing = await other.get("/my/bills/inv_9999" + path)
    foreign = await other.get("/my/bills/inv_1001" + path)
    assert (foreign.status_code, foreign.text) == (404, missing.text)
    assert "42,10" not in foreign.text
    assert [one for one in caplog.messages if "acc_1002" in one and "inv_1001" in one]


async def test_another_customers_bill_cannot_be_disputed(portal: PortalWorld) -> None:
    other = await portal.signed_in("acc_1002")
    await other.get("/my/settings/day")
    assert (await other.post("/my/bills/inv_1001/dispute", reason="no")).status_code == 404
    async with portal.doors.work() as work:
        assert await work.dunning.disputes(FULL_ACCOUNT) == []


@pytest.mark.parametrize("path", FORMS)
async def test_a_forged_form_changes_nothing(portal: PortalWorld, browser: Browser, path: str) -> None:
    stranger = await portal.signed_in()
    await stranger.get("/my/pay")
    sent = len(portal.email.sent)
    for forged in ("", "forged", "WyJ4IiwieSJd.aaaa.bbbb"):
        answer = await browser.post(path, **ANYTHING, form=forged)
        assert (forged, answer.status_code in (403, 422)) == (forged, True)
    browser.page = stranger.page
    foreign = await browser.post(path, **ANYTHING)
    assert (foreign.status_code, "open too long" in foreign.text) == (403, True)
    assert (portal.doors.process.commands, len(portal.email.sent)) == ([], sent)


@pytest.mark.parametrize("path", [*PAGES, "/my/balance", "/my/pay/done", "/my/pay/methods"])
async def test_nothing_is_shown_to_who_is_not_signed_in(portal: PortalWorld, path: str) -> None:
    answer = await portal.browser().get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/my/sign-in?next={path}")
    assert answer.text == ""


async def test_every_language_has_every_word_with_the_same_places() -> None:
    folder = Path(STATIC).parent / "portal" / "words"
    words = {code: yaml.safe_load((folder / f"{code}.yaml").read_text(encoding="utf-8")) for code in LANGUAGES}
    for code, found in words.items():
        assert (code, set(found)) == (code, set(words["en"]))
        different = [name for name in found if _places(found[name]) != _places(words["en"][name])]
        assert (code, different) == (code, [])


def _places(text: str) -> list[str]:
    return sorted(part.split("}")[0] for part in text.split("{")[1:])


async def test_the_brands_colour_and_logo_are_its_own(portal: PortalWorld, browser: Browser) -> None:
    style = await browser.client.get("/my/brand/vonk.css")
    assert ("#0b6e69" in style.text, style.headers["content-type"]) == (True, "text/css; charset=utf-8")
    assert (await browser.client.get("/my/brand/nobody.css")).status_code == 200
    assert (await browser.client.get("/my/brand/vonk.svg")).status_code == 404
