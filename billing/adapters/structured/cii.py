"""Cross Industry Invoice (UN/CEFACT D22B) as Factur-X 1.0 wants it, profile EN 16931. Source: CEN/TS 16931-3-3."""

from __future__ import annotations

from datetime import date
from xml.etree.ElementTree import Element

from billing.adapters.structured.elements import Elements, amount, percentage
from billing.domain.structured_invoice import (
    Allowance,
    Party,
    StructuredInvoice,
    StructuredLine,
    TaxCategory,
    TaxSum,
)

_UNECE = "urn:un:unece:uncefact:data:standard"
_GUIDELINE = "urn:cen.eu:en16931:2017"
_ONE = "C62"
_DISCOUNT = "95"
_MAKE = Elements(
    {
        "rsm": f"{_UNECE}:CrossIndustryInvoice:100",
        "ram": f"{_UNECE}:ReusableAggregateBusinessInformationEntity:100",
        "udt": f"{_UNECE}:UnqualifiedDataType:100",
    }
)


def cii(invoice: StructuredInvoice) -> bytes:
    """The document as CII, the XML that a Factur-X PDF carries."""
    guideline = _MAKE("ram:GuidelineSpecifiedDocumentContextParameter", _MAKE("ram:ID", _GUIDELINE))
    return _MAKE.document(
        "rsm:CrossIndustryInvoice",
        _MAKE("rsm:ExchangedDocumentContext", guideline),
        _MAKE(
            "rsm:ExchangedDocument",
            _MAKE("ram:ID", invoice.number),
            _MAKE("ram:TypeCode", invoice.type_code),
            _day("ram:IssueDateTime", invoice.issued_on),
            _MAKE("ram:IncludedNote", _MAKE("ram:Content", invoice.note)),
        ),
        _MAKE(
            "rsm:SupplyChainTradeTransaction",
            *(_line(line, invoice.currency) for line in invoice.lines),
            _MAKE(
                "ram:ApplicableHeaderTradeAgreement",
                _MAKE("ram:BuyerReference", invoice.buyer_reference),
                _party("ram:SellerTradeParty", invoice.seller, with_contact=True),
                _party("ram:BuyerTradeParty", invoice.buyer, with_contact=False),
            ),
            _MAKE(
                "ram:ApplicableHeaderTradeDelivery",
                _MAKE("ram:ActualDeliverySupplyChainEvent", _day("ram:OccurrenceDateTime", invoice.period_to)),
            ),
            _settlement(invoice),
        ),
    )


def _day(name: str, day: date) -> Element | None:
    return _MAKE(name, _MAKE("udt:DateTimeString", f"{day:%Y%m%d}", format="102"))


def _period(of: StructuredInvoice | StructuredLine) -> Element | None:
    return _MAKE(
        "ram:BillingSpecifiedPeriod",
        _day("ram:StartDateTime", of.period_from),
        _day("ram:EndDateTime", of.period_to),
    )


def _party(name: str, party: Party, *, with_contact: bool) -> Element | None:
    end = party.endpoint
    phone = _MAKE("ram:TelephoneUniversalCommunication", _MAKE("ram:CompleteNumber", party.phone))
    email = _MAKE("ram:EmailURIUniversalCommunication", _MAKE("ram:URIID", party.email))
    contact = _MAKE("ram:DefinedTradeContact", phone, email)
    uri = None if end is None else _MAKE("ram:URIID", end.identifier, schemeID=end.scheme)
    vat = _MAKE("ram:ID", party.vat_number, schemeID="VA") if party.vat_number else None
    return _MAKE(
        name,
        _MAKE("ram:Name", party.name),
        contact if with_contact else None,
        _MAKE(
            "ram:PostalTradeAddress",
            _MAKE("ram:PostcodeCode", party.postcode),
            _MAKE("ram:LineOne", party.street),
            _MAKE("ram:CityName", party.city),
            _MAKE("ram:CountryID", party.country),
        ),
        _MAKE("ram:URIUniversalCommunication", uri),
        _MAKE("ram:SpecifiedTaxRegistration", vat),
    )


def _settlement(invoice: StructuredInvoice) -> Element | None:
    payment = invoice.payment
    return _MAKE(
        "ram:ApplicableHeaderTradeSettlement",
        _MAKE("ram:CreditorReferenceID", payment.creditor_id),
        _MAKE("ram:InvoiceCurrencyCode", invoice.currency),
        _MAKE("ram:SpecifiedTradeSettlementPaymentMeans", _MAKE("ram:TypeCode", payment.means)),
        *(_tax_sum(tax, invoice.currency) for tax in invoice.taxes),
        _period(invoice),
        *(_allowance(each, invoice.currency) for each in invoice.allowances),
        _MAKE(
            "ram:SpecifiedTradePaymentTerms",
            _MAKE("ram:Description", payment.terms),
            None if payment.due_on is None else _day("ram:DueDateDateTime", payment.due_on),
            _MAKE("ram:DirectDebitMandateID", payment.mandate),
        ),
        _totals(invoice),
        _corrected(invoice),
    )


def _tax_sum(tax: TaxSum, currency: str) -> Element | None:
    return _MAKE(
        "ram:ApplicableTradeTax",
        _MAKE("ram:CalculatedAmount", amount(tax.vat_minor, currency)),
        _MAKE("ram:TypeCode", "VAT"),
        _MAKE("ram:ExemptionReason", tax.exemption_reason),
        _MAKE("ram:BasisAmount", amount(tax.net_minor, currency)),
        _MAKE("ram:CategoryCode", tax.tax.category),
        _MAKE("ram:ExemptionReasonCode", tax.exemption_code),
        _MAKE("ram:RateApplicablePercent", percentage(tax.tax.percent)),
    )


def _category(name: str, tax: TaxCategory) -> Element | None:
    return _MAKE(
        name,
        _MAKE("ram:TypeCode", "VAT"),
        _MAKE("ram:CategoryCode", tax.category),
        _MAKE("ram:RateApplicablePercent", percentage(tax.percent)),
    )


def _allowance(each: Allowance, currency: str) -> Element | None:
    return _MAKE(
        "ram:SpecifiedTradeAllowanceCharge",
        _MAKE("ram:ChargeIndicator", _MAKE("udt:Indicator", "false")),
        _MAKE("ram:ActualAmount", amount(each.amount_minor, currency)),
        _MAKE("ram:ReasonCode", _DISCOUNT),
        _MAKE("ram:Reason", each.reason),
        _category("ram:CategoryTradeTax", each.tax),
    )


def _totals(invoice: StructuredInvoice) -> Element | None:
    currency = invoice.currency
    allowances = amount(invoice.allowances_minor, currency) if invoice.allowances else ""
    return _MAKE(
        "ram:SpecifiedTradeSettlementHeaderMonetarySummation",
        _MAKE("ram:LineTotalAmount", amount(invoice.lines_minor, currency)),
        _MAKE("ram:AllowanceTotalAmount", allowances),
        _MAKE("ram:TaxBasisTotalAmount", amount(invoice.net_minor, currency)),
        _MAKE("ram:TaxTotalAmount", amount(invoice.vat_minor, currency), currencyID=currency),
        _MAKE("ram:GrandTotalAmount", amount(invoice.total_minor, currency)),
        _MAKE("ram:DuePayableAmount", amount(invoice.total_minor, currency)),
    )


def _corrected(invoice: StructuredInvoice) -> Element | None:
    if not invoice.corrects_number:
        return None
    return _MAKE(
        "ram:InvoiceReferencedDocument",
        _MAKE("ram:IssuerAssignedID", invoice.corrects_number),
    )


def _line(line: StructuredLine, currency: str) -> Element | None:
    price = _MAKE("ram:ChargeAmount", amount(line.price_minor, currency))
    summation = _MAKE("ram:LineTotalAmount", amount(line.amount_minor, currency))
    return _MAKE(
        "ram:IncludedSupplyChainTradeLineItem",
        _MAKE("ram:AssociatedDocumentLineDocument", _MAKE("ram:LineID", line.line_id)),
        _MAKE(
            "ram:SpecifiedTradeProduct",
            _MAKE("ram:Name", line.name),
            _MAKE("ram:Description", line.description),
        ),
        _MAKE("ram:SpecifiedLineTradeAgreement", _MAKE("ram:NetPriceProductTradePrice", price)),
        _MAKE(
            "ram:SpecifiedLineTradeDelivery",
            _MAKE("ram:BilledQuantity", str(line.quantity), unitCode=_ONE),
        ),
        _MAKE(
            "ram:SpecifiedLineTradeSettlement",
            _category("ram:ApplicableTradeTax", line.tax),
            _period(line),
            _MAKE("ram:SpecifiedTradeSettlementLineMonetarySummation", summation),
        ),
    )
