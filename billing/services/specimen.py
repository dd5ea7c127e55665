"""An invoice of nobody, to look at a letterhead before it is used."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from billing.domain.cycle_calendar import local_date
from billing.domain.invoice import DocumentState, InvoiceLine, Section
from billing.domain.letterhead import Letterhead
from billing.domain.money import Money
from billing.domain.tax import TaxableLine, TaxTable, compute_tax
from billing.ports.accounts import Brand, Service
from billing.ports.documents import InvoiceDocument
from billing.ports.invoicing import Invoice
from billing.services.invoicing_numbers import taxes_of

_LINE = "svc_specimen"
_NET_MINOR = 3479
_MONTH = timedelta(days=31)


def specimen(brand: Brand, letterhead: Letterhead, now: datetime) -> InvoiceDocument:
    """One line of 34.79 with the brand's highest VAT rate, due in two weeks."""
    day = local_date(now, brand.zone)
    table = TaxTable.from_dict(brand.tax_table)
    code = max(table.percents, key=lambda each: table.percents[each])
    net = Money(_NET_MINOR, brand.currency)
    tax = compute_tax([TaxableLine(code, net)], Money(0, brand.currency), table)
    return InvoiceDocument(
        brand=brand,
        invoice=_invoice(brand, day, now, tax.vat.amount_minor),
        lines=[
            InvoiceLine(
                Section.SERVICE,
                "recurring",
                "Monthly fee",
                net,
                tax_code=code,
                service_id=_LINE,
                explanation=("a specimen, not an invoice",),
            )
        ],
        taxes=taxes_of(tax),
        services={_LINE: Service("acc_specimen", _LINE, "mobile", "+00 000 000", "specimen", 1, "none", now)},
        open_minor=tax.gross.amount_minor,
        disputed_minor=0,
        state=DocumentState.OPEN,
        letterhead=letterhead,
    )


def _invoice(brand: Brand, day: date, now: datetime, vat_minor: int) -> Invoice:
    total_minor = _NET_MINOR + vat_minor
    return Invoice(
        account_id="acc_specimen",
        invoice_id="inv_specimen",
        kind="invoice",
        number="SPECIMEN",
        brand=brand.brand,
        invoice_date=day,
        due_on=day + timedelta(days=14),
        period_from=day - _MONTH,
        period_to=day,
        issued_at=now,
        currency=brand.currency,
        net_minor=_NET_MINOR,
        vat_minor=vat_minor,
        total_minor=total_minor,
        method_kind="none",
        to_collect_minor=total_minor,
        customer={"name": "Specimen", "account_number": "SPECIMEN"},
    )
