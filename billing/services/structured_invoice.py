"""A stored document as an electronic invoice of EN 16931, or what it lacks to be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from billing.domain.errors import UnableTo
from billing.domain.invoice import DocumentKind, InvoiceLine, Section
from billing.domain.structured_invoice import (
    CARD,
    CREDIT_NOTE,
    DIRECT_DEBIT,
    INVOICE,
    ONLINE,
    SEPA_DIRECT_DEBIT,
    Allowance,
    Endpoint,
    Party,
    Payment,
    StructuredInvoice,
    StructuredLine,
    TaxCategory,
    TaxSum,
)
from billing.domain.tax import TaxTable
from billing.ports.documents import InvoiceDocument
from billing.ports.invoicing import InvoiceTax
from billing.services.owed_lines import tax_of_line

_DAY = timedelta(days=1)
_MEANS = {"card": CARD, "sepa_debit": SEPA_DIRECT_DEBIT, "none": ONLINE}
_REVERSE_CHARGE, _OUTSIDE, _EXEMPT = "AE", "O", "E"
_REVERSE_CHARGE_CODE = "VATEX-EU-AE"
# Schemes of the EAS code list for VAT numbers, by country: the address of a business that told no other.
_VAT_SCHEMES = {
    **{"AT": "9914", "BE": "9925", "BG": "9926", "CY": "9928", "CZ": "9929", "DE": "9930", "DK": "0198", "EE": "9931"},
    **{"ES": "9920", "FI": "0213", "FR": "9957", "GB": "9932", "GR": "9933", "HR": "9934", "HU": "9910", "IE": "9935"},
    **{"IT": "0211", "LT": "9937", "LU": "9938", "LV": "9939", "MT": "9943", "NL": "9944", "PL": "9945", "PT": "9946"},
    **{"RO": "9947", "SE": "9955", "SI": "9949", "SK": "9950"},
}


class UnableToStructureInvoice(UnableTo):
    """Something that an electronic invoice must say is not known."""


def structured(document: InvoiceDocument) -> StructuredInvoice:
    """The document in the terms of EN 16931. Raises UnableToStructureInvoice with what is missing."""
    invoice = document.invoice
    is_credit = invoice.kind == DocumentKind.CREDIT_NOTE
    rows = _taxed_lines(document)
    return StructuredInvoice(
        number=invoice.number,
        type_code=CREDIT_NOTE if is_credit else INVOICE,
        issued_on=invoice.invoice_date,
        currency=invoice.currency,
        buyer_reference=str(invoice.customer.get("account_number") or invoice.account_id),
        period_from=invoice.period_from,
        period_to=invoice.period_to - _DAY,
        seller=_seller(document),
        buyer=_buyer(invoice.customer),
        payment=_payment(document),
        lines=tuple(_line(document, place, line, _category(tax)) for place, (line, tax) in enumerate(rows, start=1)),
        allowances=_allowances(document, rows),
        taxes=tuple(_tax_sum(tax) for tax in _taxes(document)),
        corrects_number=document.corrects_number,
        corrects_date=document.corrects_date,
        note=invoice.explanation if is_credit else "",
    )


def _seller(document: InvoiceDocument) -> Party:
    head = document.letterhead
    if head.missing:
        raise UnableToStructureInvoice(
            f"The letterhead of {document.brand.brand} lacks what an electronic invoice must name.",
            field=f"letterhead.{head.missing[0]}",
            value="",
            remedy=f"Publish one with {', '.join(head.missing)}: POST /v1/brands/{document.brand.brand}/letterheads.",
        )
    scheme, _, identifier = head.endpoint.partition(":")
    return Party(
        head.legal_name,
        head.street,
        head.postcode,
        head.city,
        head.country,
        head.vat_number,
        head.email,
        head.phone,
        Endpoint(scheme, identifier) if identifier else _vat_endpoint(head.country, head.vat_number),
    )


def _buyer(customer: Mapping[str, Any]) -> Party:
    postal = customer.get("postal_address") or {}
    name = str(customer.get("company") or customer.get("name") or "")
    country = str(customer.get("country") or "")
    if not name or not country:
        raise UnableToStructureInvoice(
            "The document does not name its customer: personal data was erased.",
            field="customer",
            value=name,
            remedy="Use the CSV of its lines instead.",
        )
    vat_number = str(customer.get("vat_number") or "").replace(" ", "").upper()
    return Party(
        name,
        str(postal.get("street") or ""),
        str(postal.get("postcode") or ""),
        str(postal.get("city") or ""),
        country,
        vat_number,
        endpoint=_vat_endpoint(country, vat_number),
    )


def _vat_endpoint(country: str, vat_number: str) -> Endpoint | None:
    scheme = _VAT_SCHEMES.get(country)
    return Endpoint(scheme, vat_number) if scheme and vat_number else None


def _payment(document: InvoiceDocument) -> Payment:
    invoice = document.invoice
    due_on = invoice.due_on if invoice.kind == DocumentKind.INVOICE else None
    means = _MEANS.get(invoice.method_kind, DIRECT_DEBIT)
    if means not in (DIRECT_DEBIT, SEPA_DIRECT_DEBIT):
        return Payment(means, _terms(document), due_on)
    return Payment(means, _terms(document), due_on, document.mandate_reference, document.letterhead.creditor_id)


def _terms(document: InvoiceDocument) -> str:
    invoice = document.invoice
    if invoice.kind == DocumentKind.CREDIT_NOTE:
        return ""
    if invoice.method_kind == "none":
        return f"To be paid by {invoice.due_on.isoformat()} at {document.brand.account_url}"
    return f"Collected on or just after {invoice.due_on.isoformat()}"


# Lines and their VAT ------------------------------------------------------------------------------------------------


def _taxes(document: InvoiceDocument) -> Sequence[InvoiceTax]:
    """Those of the document; one without any charge still has one, of nothing."""
    return document.taxes or [_nothing_taxed(document)]


def _nothing_taxed(document: InvoiceDocument) -> InvoiceTax:
    percent = max(TaxTable.from_dict(document.brand.tax_table).percents.values())
    return InvoiceTax(percent, "S" if percent else "Z", 0, 0)


def _taxed_lines(document: InvoiceDocument) -> list[tuple[InvoiceLine | None, InvoiceTax]]:
    """Every line but discounts with the rate it is taxed at; None is the line of a document without charges."""
    lines = [line for line in document.lines if line.section is not Section.DISCOUNT]
    if not lines:
        return [(None, _taxes(document)[0])]
    if document.invoice.kind == DocumentKind.CREDIT_NOTE:
        return list(zip(lines, document.taxes, strict=True))
    return [(line, _tax_of(line, document)) for line in lines]


def _tax_of(line: InvoiceLine, document: InvoiceDocument) -> InvoiceTax:
    tax = tax_of_line(line, document.taxes, document.brand.tax_table)
    if tax is not None:
        return tax
    raise UnableToStructureInvoice(
        "It is not known at which rate a line was taxed.",
        field="tax_code",
        value=line.tax_code,
        remedy="Use the PDF and the CSV of its lines.",
    )


def _category(tax: InvoiceTax) -> TaxCategory:
    """As EN 16931 has it: what is outside of VAT (O) may not stand beside taxed lines there, and is exempt (E)."""
    return TaxCategory(_EXEMPT if tax.category == _OUTSIDE else tax.category, tax.percent)


def _line(document: InvoiceDocument, place: int, line: InvoiceLine | None, tax: TaxCategory) -> StructuredLine:
    invoice = document.invoice
    if line is None:
        last_day = invoice.period_to - _DAY
        return StructuredLine(str(place), "No charges", "", 0, tax, invoice.period_from, last_day)
    service = document.services.get(line.service_id or "")
    name = f"{line.description} ({service.identifier})" if service else line.description
    return StructuredLine(
        str(place),
        name,
        "; ".join(line.explanation),
        line.amount.amount_minor,
        tax,
        line.period_from or invoice.period_from,
        (line.period_to or invoice.period_to) - _DAY,
    )


def _allowances(
    document: InvoiceDocument, rows: Sequence[tuple[InvoiceLine | None, InvoiceTax]]
) -> tuple[Allowance, ...]:
    """Discounts of the invoice, by the rate they were taken off at: the sum of the lines less what was taxed."""
    names = [line.description for line in document.lines if line.section is Section.DISCOUNT]
    if not names:
        return ()
    found = []
    for tax in document.taxes:
        lines_minor = sum(line.amount.amount_minor for line, own in rows if line is not None and own is tax)
        if lines_minor != tax.net_minor:
            reason = ", ".join(dict.fromkeys(names))
            found.append(Allowance(reason, lines_minor - tax.net_minor, _category(tax)))
    return tuple(found)


def _tax_sum(tax: InvoiceTax) -> TaxSum:
    code = _REVERSE_CHARGE_CODE if tax.category == _REVERSE_CHARGE else ""
    reason = tax.note if tax.category in (_REVERSE_CHARGE, _OUTSIDE) else ""
    return TaxSum(_category(tax), tax.net_minor, tax.vat_minor, code, reason)
