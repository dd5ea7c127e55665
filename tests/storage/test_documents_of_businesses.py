"""Electronic invoices, letterheads in versions, last month beside this one, and all documents of a day as files."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from rich.console import Console

from billing.adapters.pdf import PdfRenderer
from billing.domain.errors import InvalidValue
from billing.messages.invoicing import WaiveInvoiceRequest
from billing.ports.documents import Syntax
from billing.services.invoicing import InvoicingService
from billing.services.letterheads import Letterheads
from billing.services.structured_invoice import UnableToStructureInvoice
from evenflow.cli.documents import Wanted, render_documents
from evenflow.settings import settings_from
from tests.builders_documents import A_BUSINESS, LETTERHEAD
from tests.builders_invoicing import Office, an_office
from tests.official_rules import broken_rules

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><circle cx="5" cy="5" r="4"/></svg>'
BUSINESS = {
    "company": A_BUSINESS["company"],
    "vat_number": A_BUSINESS["vat_number"],
    "customer_kind": "business",
    "postal_address": A_BUSINESS["postal_address"],
    "discounts": [{"code": "loyal", "name": "Loyal customer", "percent": "10"}],
}


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        built.service = InvoicingService(built.work, built.clock, PdfRenderer())
        yield built


def letterheads(office: Office) -> Letterheads:
    return Letterheads(office.work, office.clock, PdfRenderer())


def read(content: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(content))


async def test_a_business_gets_its_electronic_invoice_within_the_pdf(office: Office) -> None:
    await letterheads(office).publish("vonk", LETTERHEAD, "sanne", "the first one")
    account, line = await office.open_account(**BUSINESS)
    await office.count(account.account_id, line, minutes=130)
    issued = await office.issue(account.account_id)
    _, drawn = await office.service.pdf(account.account_id, issued.invoice_id)
    name, written = await office.service.electronic(account.account_id, issued.invoice_id, Syntax.CII)
    assert read(drawn).attachments["factur-x.xml"] == [written]
    assert (name, broken_rules(written)) == (f"{issued.number}-cii.xml", [])
    metadata = read(drawn).trailer["/Root"]["/Metadata"].get_object().get_data().decode()
    for said in ("<fx:ConformanceLevel>EN 16931<", "<pdfaid:part>3<", "<pdfuaid:part>1<"):
        assert said in metadata
    again = await office.service.pdf(account.account_id, issued.invoice_id)
    assert again[1] == drawn, "the same document is the same bytes"


async def test_a_credit_note_names_the_invoice_it_corrects(office: Office) -> None:
    await letterheads(office).publish("vonk", LETTERHEAD, "sanne", "the first one")
    account, _ = await office.open_account(**BUSINESS)
    issued = await office.issue(account.account_id)
    note = await office.service.waive_invoice(
        WaiveInvoiceRequest(account.account_id, issued.invoice_id, "goodwill", "sanne", "cmd-1")
    )
    _, written = await office.service.electronic(account.account_id, note.document_id, Syntax.UBL)
    assert broken_rules(written) == []
    assert f"<cbc:ID>{issued.number}</cbc:ID>" in written.decode()


async def test_without_a_letterhead_a_business_gets_a_plain_pdf_and_is_told_what_lacks(office: Office) -> None:
    account, _ = await office.open_account(**BUSINESS)
    issued = await office.issue(account.account_id)
    _, drawn = await office.service.pdf(account.account_id, issued.invoice_id)
    assert not read(drawn).attachments
    with pytest.raises(UnableToStructureInvoice) as refused:
        await office.service.electronic(account.account_id, issued.invoice_id, Syntax.UBL)
    assert refused.value.field == "letterhead.street"


async def test_a_document_keeps_the_letterhead_of_its_issue(office: Office) -> None:
    service = letterheads(office)
    await service.publish("vonk", LETTERHEAD, "sanne", "the first one")
    account, _ = await office.open_account()
    issued = await office.issue(account.account_id)
    before = await office.service.pdf(account.account_id, issued.invoice_id)
    office.clock.at = office.clock.at.replace(day=20)
    second = await service.publish("vonk", LETTERHEAD | {"legal_name": "Vonk N.V.", "logo": LOGO}, "sanne", "renamed")
    assert second.version == 2
    assert (await service.publish("vonk", second.definition, "piet", "again")).author == "sanne"
    assert await office.service.pdf(account.account_id, issued.invoice_id) == before
    assert [one.version for one in await service.versions("vonk")] == [2, 1]
    assert "Vonk N.V." in read(await service.preview("vonk", second.definition)).pages[0].extract_text()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"legal_name": ""}, "legal_name"),
        ({"country": "Nederland"}, "country"),
        ({"vat_number": "NL 1234.56"}, "vat_number"),
        ({"endpoint": "12345678"}, "endpoint"),
        ({"email": "nobody"}, "email"),
        ({"colour": "green"}, "colour"),
        ({"colour": "#ffee00"}, "colour"),
        ({"logo": "<html/>"}, "logo"),
        ({"logo": '<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>'}, "logo"),
        ({"logo": '<svg xmlns="http://www.w3.org/2000/svg" width="0" height="0"/>'}, "logo"),
        ({"logo": LOGO.replace("<circle", '<image href="file:///etc/hostname" width="1" height="1"/><circle')}, "logo"),
        ({"motto": "ever onward"}, "motto"),
    ],
)
async def test_a_letterhead_that_cannot_be_used_is_refused(office: Office, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        await letterheads(office).publish("vonk", LETTERHEAD | changes, "sanne", "a try")
    assert refused.value.field == field
    assert await letterheads(office).versions("vonk") == []


async def test_the_first_page_says_how_much_more_it_is_than_last_month(office: Office) -> None:
    account, line = await office.open_account(locale="en_IE")
    await office.issue(account.account_id)
    await office.count(account.account_id, line, minutes=200, cycle_number=2)
    second = await office.issue(account.account_id, 2)
    _, drawn = await office.service.pdf(account.account_id, second.invoice_id)
    assert "€12.10 more than the month before." in read(drawn).pages[0].extract_text()


async def test_the_documents_of_some_days_are_written_once_and_go_on_where_they_stopped(
    office: Office, database_url: str, tmp_path: Path
) -> None:
    numbers = []
    for place in range(3):
        account, _ = await office.open_account(number=f"A10000{place}")
        numbers.append((await office.issue(account.account_id)).number)
    settings = settings_from({"EVENFLOW_DATABASE_URL": database_url, "EVENFLOW_DATA_DIR": str(tmp_path)})
    wanted = Wanted("vonk", date(2027, 2, 1), date(2027, 2, 28), tmp_path / "out", processes=1)
    told = io.StringIO()

    def render() -> int:
        return render_documents(settings, wanted, Console(file=told, width=200))

    await asyncio.to_thread(render)
    files = sorted(path.name for path in wanted.folder.iterdir())
    assert files == sorted(f"{number}.pdf" for number in numbers)
    kept = wanted.folder / files[0]
    kept.write_bytes(b"ours")
    (wanted.folder / files[1]).unlink()
    assert await asyncio.to_thread(render) == 0
    assert kept.read_bytes() == b"ours", "what is there stays"
    assert (wanted.folder / files[1]).read_bytes().startswith(b"%PDF-")
    assert "3 documents, 2 of them are there." in told.getvalue()


async def test_letters_that_no_font_has_are_printed_as_question_marks(office: Office) -> None:
    account, _ = await office.open_account(customer_name="Łukasz Ωmega 🙂 漢字")
    issued = await office.issue(account.account_id)
    _, drawn = await office.service.pdf(account.account_id, issued.invoice_id)
    assert "Łukasz Ωmega ? ??" in read(drawn).pages[0].extract_text()
