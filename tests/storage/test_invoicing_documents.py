"""Documents as they are read: state from the books, PDF in the customer's language, CSV, and the doors to them."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pypdf import PdfReader

from api.dependencies import Caller
from api.errors import install
from api.routers import invoices, ledger
from billing.adapters.pdf import PdfRenderer
from billing.domain.errors import NotFound
from billing.messages.invoicing import WaiveInvoiceRequest
from billing.messages.payments import MethodKind
from billing.services.invoicing import InvoicingService
from tests.builders_invoicing import Office, an_office


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        built.service = InvoicingService(built.work, built.clock, PdfRenderer())
        yield built


@pytest.fixture
async def client(office: Office) -> AsyncIterator[AsyncClient]:
    async def caller_of(_key: str) -> Caller:
        return Caller("reader", "viewer")

    app = FastAPI()
    install(app)
    app.include_router(invoices.router)
    app.include_router(ledger.router)
    app.state.container = SimpleNamespace(invoicing=office.service, access=SimpleNamespace(caller_of=caller_of))
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://billing", headers={"X-API-Key": "k"}) as made:
        yield made


async def drawn_words(office: Office, account_id: str, invoice_id: str) -> str:
    """What a reader finds on the first page, from the top."""
    _, content = await office.service.pdf(account_id, invoice_id)
    return " ".join(PdfReader(io.BytesIO(content)).pages[0].extract_text().split())


async def test_a_document_says_what_is_open_and_when_it_was_credited(office: Office) -> None:
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    assert (await office.service.document(account.account_id, issued.invoice_id)).state == "open"
    await office.service.waive_invoice(
        WaiveInvoiceRequest(account.account_id, issued.invoice_id, "goodwill", "sanne", "cmd-1")
    )
    listed = await office.service.documents(account.account_id)
    assert [(invoice.kind, open_minor, state.value) for invoice, open_minor, state in listed] == [
        ("credit_note", 0, "settled"),
        ("invoice", 0, "credited"),
    ]


@pytest.mark.parametrize(
    ("locale", "amount", "due"),
    [
        ("nl_NL", "€\xa024,20", "Betaal voor of op 2 maart 2027: https://mijn.vonk.example"),
        ("en_IE", "€24.20", "Please pay by 2 March 2027: https://mijn.vonk.example"),
        ("de_DE", "24,20\xa0€", "Bitte zahlen Sie bis 2 März 2027: https://mijn.vonk.example"),
        ("fr_BE", "24,20\xa0€", "À payer au plus tard le 2 mars 2027 : https://mijn.vonk.example"),
        ("es_ES", "24,20\xa0€", "Pague antes del 2 marzo 2027: https://mijn.vonk.example"),
        ("xx_XX", "€24.20", "Please pay by 2 March 2027: https://mijn.vonk.example"),
    ],
)
async def test_amount_and_due_date_come_first_in_the_customers_language(
    office: Office, locale: str, amount: str, due: str
) -> None:
    account, _ = await office.open_account(locale=locale)
    issued = await office.issue(account.account_id)
    words = await drawn_words(office, account.account_id, issued.invoice_id)
    assert words.index(" ".join(amount.split())) < words.index(due) < words.index("+31610100001")


@pytest.mark.parametrize(("to_pay", "between"), [(1920, "-€5.00"), (2620, "€2.00")])
async def test_from_the_total_to_what_is_to_pay_the_document_adds_up(office: Office, to_pay: int, between: str) -> None:
    account, _ = await office.open_account(locale="en_IE")
    issued = await office.issue(account.account_id)
    document = await office.service.document(account.account_id, issued.invoice_id)
    plain = PdfReader(io.BytesIO(PdfRenderer().pdf(document))).pages[0].extract_text()
    assert "Earlier amounts and credit" not in plain
    differs = replace(document, invoice=replace(document.invoice, to_collect_minor=to_pay))
    words = " ".join(PdfReader(io.BytesIO(PdfRenderer().pdf(differs))).pages[0].extract_text().split())
    assert f"Total €24.20 Earlier amounts and credit {between} To pay €{to_pay / 100:.2f}" in words


async def test_a_due_date_that_moved_is_told_beside_the_one_of_issue(office: Office) -> None:
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    assert (await office.service.document(account.account_id, issued.invoice_id)).moved_to is None
    async with office.work() as work:
        await work.invoices.collect_with(account.account_id, [issued.invoice_id], issued.invoice_id)
        await work.accounts.change_cycle(account.account_id, 1, {"debit_on": date(2027, 3, 9)})
        await work.commit()
    assert (await office.service.document(account.account_id, issued.invoice_id)).moved_to == date(2027, 3, 9)
    assert await office.service.due_now(account.account_id) == {issued.invoice_id: date(2027, 3, 9)}


async def test_the_first_page_names_the_method_of_the_debit(office: Office) -> None:
    account, _ = await office.open_account(locale="en_IE")
    await office.a_method(account.account_id, MethodKind.CARD)
    issued = await office.issue(account.account_id)
    words = await drawn_words(office, account.account_id, issued.invoice_id)
    assert "We collect this on or just after 2 March 2027, by card visa 4242." in words


async def test_the_pdf_is_drawn_from_what_is_stored_and_stays_the_same(office: Office) -> None:
    account, line = await office.open_account()
    await office.count(account.account_id, line, minutes=130)
    issued = await office.issue(account.account_id)
    name, content = await office.service.pdf(account.account_id, issued.invoice_id)
    assert name == "VONK-20270215-0001.pdf"
    assert content.startswith(b"%PDF-")
    assert (await office.service.pdf(account.account_id, issued.invoice_id))[1] == content


async def test_a_name_that_looks_like_a_formula_is_text_in_the_csv(office: Office) -> None:
    discount = {"code": "bad", "name": "=HYPERLINK(1)", "percent": "10"}
    account, _ = await office.open_account(discounts=[discount])
    issued = await office.issue(account.account_id)
    _, content = await office.service.details_csv(account.account_id, issued.invoice_id)
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["description"] for row in rows] == ["Vonk Basis", "'=HYPERLINK(1)"]
    assert [row["amount_minor"] for row in rows] == ["2000", "-200"]


async def test_the_doors_show_documents_and_books_in_minor_units(office: Office, client: AsyncClient) -> None:
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    base = f"/v1/accounts/{account.account_id}"
    (listed,) = (await client.get(f"{base}/invoices")).json()["invoices"]
    assert (listed["total_minor"], listed["open_minor"], listed["state"]) == (2420, 2420, "open")
    detail = (await client.get(f"{base}/invoices/{issued.invoice_id}")).json()
    assert detail["taxes"][0]["percent"] == "21"
    assert detail["lines"][0]["explanation"] == ["1 cycle x 20 EUR", "amount 20.00 EUR"]
    books = (await client.get(f"{base}/ledger")).json()
    assert sum(posting["amount_minor"] for posting in books["entries"][0]["postings"]) == 0
    pdf = await client.get(f"{base}/invoices/{issued.invoice_id}/pdf")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    for name in ("details.csv", "usage.csv"):
        assert (await client.get(f"{base}/invoices/{issued.invoice_id}/{name}")).status_code == 200


async def test_an_invoice_of_another_account_is_not_found(office: Office, client: AsyncClient) -> None:
    account, _ = await office.open_account()
    other, _ = await office.open_account(number="A100002")
    issued = await office.issue(account.account_id)
    with pytest.raises(NotFound):
        await office.service.document(other.account_id, issued.invoice_id)
    answer = await client.get(f"/v1/accounts/{other.account_id}/invoices/{issued.invoice_id}")
    assert (answer.status_code, answer.json()["field"]) == (404, "invoice_id")
