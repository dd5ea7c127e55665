"""Electronic invoices keep every rule of EN 16931, by its own official checks, whatever is billed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from billing.adapters.structured import cii, ubl
from billing.domain.discount import Discount
from billing.domain.letterhead import Letterhead
from billing.ports.documents import InvoiceDocument
from billing.services.structured_invoice import UnableToStructureInvoice, structured
from tests.builders_documents import LETTERHEAD, a_document, a_line
from tests.official_rules import broken_rules

TENTH = Discount.from_dict({"code": "loyal", "name": "Loyal customer", "percent": "10"})
FIVER = Discount.from_dict({"code": "five", "name": "Five off", "amount": "5.00"})
DOCUMENTS = {
    "one rate": a_document([a_line(1999)]),
    "several rates": a_document([a_line(1999), a_line(333, "reduced"), a_line(1, "zero")]),
    "discounts": a_document([a_line(1999), a_line(333, "reduced")], [TENTH, FIVER]),
    "a credit among the lines": a_document([a_line(1999), a_line(-500)]),
    "a credit invoice": a_document([a_line(-1999)]),
    "nothing": a_document([]),
    "a line of nothing": a_document([a_line(0)]),
    "reverse charge": a_document([a_line(1999), a_line(200, "reduced")], country="BE", vat_number="BE0123456749"),
    "a fee outside of VAT": a_document([a_line(1999), a_line(500, "outside", "Reminder fee")]),
    "only a fee outside of VAT": a_document([a_line(500, "outside", "Reminder fee")]),
    "a consumer": a_document([a_line(1999)], company="", vat_number=""),
    "letters of any kind": a_document([a_line(100, description="Łódź & <co> \x01 “quoted” 漢字")]),
}


def a_credit_note() -> InvoiceDocument:
    document = a_document([a_line(1000, description="Credit on invoice VONK-20270115-0001")])
    invoice = replace(document.invoice, kind="credit_note", number="VONK-CN-20270215-0001", cycle_number=None)
    return replace(document, invoice=invoice, corrects_number="VONK-20270115-0001", corrects_date=date(2027, 1, 15))


@pytest.mark.parametrize("syntax", [cii, ubl], ids=["cii", "ubl"])
@pytest.mark.parametrize("name", [*DOCUMENTS, "a credit note"])
def test_an_electronic_invoice_keeps_the_official_rules(name: str, syntax: type) -> None:
    document = a_credit_note() if name == "a credit note" else DOCUMENTS[name]
    invoice = structured(document)
    assert broken_rules(syntax(invoice)) == []
    assert invoice.total_minor == document.invoice.total_minor
    assert invoice.vat_minor == document.invoice.vat_minor


@settings(max_examples=15, deadline=None)
@given(
    amounts=st.lists(
        st.tuples(st.integers(-5_000, 100_000), st.sampled_from(["standard", "reduced", "zero"])), max_size=6
    ),
    discounts=st.sampled_from([(), (TENTH,), (FIVER,), (FIVER, TENTH)]),
)
def test_whatever_is_billed_the_sums_agree_and_the_rules_hold(
    amounts: list[tuple[int, str]], discounts: tuple[Discount, ...]
) -> None:
    document = a_document([a_line(*each) for each in amounts], discounts)
    invoice = structured(document)
    assert (invoice.net_minor, invoice.vat_minor, invoice.total_minor) == (
        document.invoice.net_minor,
        document.invoice.vat_minor,
        document.invoice.total_minor,
    )
    assert broken_rules(ubl(invoice)) == []


def test_the_official_rules_find_a_wrong_sum() -> None:
    """The control: rules that find nothing would prove nothing."""
    wrong = replace(structured(DOCUMENTS["one rate"]), taxes=())
    assert any(rule.startswith(("BR-CO-18", "BR-S-01")) for rule in broken_rules(ubl(wrong)))
    assert broken_rules(cii(wrong))


def test_a_letterhead_that_lacks_what_must_be_named_is_told() -> None:
    poor = Letterhead.from_dict({"legal_name": "Vonk", "country": "NL"})
    with pytest.raises(UnableToStructureInvoice) as refused:
        structured(replace(DOCUMENTS["one rate"], letterhead=poor))
    assert (refused.value.field, "vat_number" in refused.value.remedy) == ("letterhead.street", True)


def test_a_document_of_an_earlier_release_takes_its_rates_from_the_table() -> None:
    """Such documents do not say which tax codes had which rate."""
    document = DOCUMENTS["several rates"]
    old = [replace(tax, tax_codes=()) for tax in document.taxes]
    assert structured(replace(document, taxes=old)) == structured(document)
    unknown = [replace(tax, percent=tax.percent + 1) for tax in old]
    with pytest.raises(UnableToStructureInvoice):
        structured(replace(document, taxes=unknown))


def test_the_buyer_is_reached_by_its_vat_number() -> None:
    root = etree.fromstring(ubl(structured(DOCUMENTS["reverse charge"])))
    ends = [(each.get("schemeID"), each.text) for each in root.iterfind(".//{*}EndpointID")]
    assert ends == [("0106", LETTERHEAD["endpoint"].partition(":")[2]), ("9925", "BE0123456749")]
