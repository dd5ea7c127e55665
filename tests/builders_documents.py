"""Documents without a database: a brand's specimen with other lines, customers and rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from billing.domain.discount import Discount
from billing.domain.invoice import InvoiceLine, Section, build_invoice
from billing.domain.letterhead import Letterhead
from billing.domain.money import Money
from billing.domain.tax import TaxedCustomer, TaxTable
from billing.ports.documents import InvoiceDocument
from billing.services.invoicing_numbers import taxes_of
from billing.services.specimen import specimen
from tests.builders import a_brand

ISSUED_AT = datetime(2027, 2, 15, 9, tzinfo=UTC)
LETTERHEAD: dict[str, Any] = {
    "legal_name": "Vonk Mobiel B.V.",
    "street": "Kade 1",
    "postcode": "1011 AA",
    "city": "Amsterdam",
    "country": "NL",
    "vat_number": "NL123456789B01",
    "endpoint": "0106:12345678",
    "email": "facturen@vonk.example",
}
A_BUSINESS: dict[str, Any] = {
    "name": "Jan Bakker",
    "company": "Bakker B.V.",
    "country": "NL",
    "vat_number": "NL987654321B01",
    "account_number": "A100001",
    "postal_address": {"street": "Markt 2", "postcode": "3011 BB", "city": "Rotterdam"},
}
RATES = {"country": "NL", "rates": {"standard": "21", "reduced": "9", "zero": "0"}}


def a_line(amount_minor: int, tax_code: str = "standard", description: str = "Calls") -> InvoiceLine:
    return InvoiceLine(Section.SERVICE, "usage", description, Money(amount_minor, "EUR"), tax_code)


def a_document(lines: Sequence[InvoiceLine], discounts: Sequence[Discount] = (), **customer: Any) -> InvoiceDocument:
    """The bill of a business for these lines, with VAT as an invoice of that day computes it."""
    printed = A_BUSINESS | customer
    table = TaxTable.from_dict(RATES)
    taxed = TaxedCustomer(printed["country"], printed["vat_number"])
    built = build_invoice(lines, discounts, table, taxed, "EUR", ISSUED_AT.date())
    drawn = specimen(a_brand(tax_table=RATES), Letterhead.from_dict(LETTERHEAD), ISSUED_AT)
    invoice = replace(
        drawn.invoice,
        number="VONK-20270215-0001",
        net_minor=built.net.amount_minor,
        vat_minor=built.vat.amount_minor,
        total_minor=built.gross.amount_minor,
        customer=printed,
    )
    return replace(drawn, invoice=invoice, lines=built.lines, taxes=taxes_of(built.tax), services={})


def a_credit_note() -> InvoiceDocument:
    """A credit of 12.10 on an invoice of that day."""
    document = a_document([a_line(-1000, description="Calls that were counted twice")])
    invoice = replace(document.invoice, kind="credit_note", number="VONK-CN-20270215-0001", to_collect_minor=0)
    return replace(document, invoice=invoice, corrects_number="VONK-20270115-0007", corrects_date=ISSUED_AT.date())
