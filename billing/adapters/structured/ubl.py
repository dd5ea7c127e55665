"""UBL 2.1 as Peppol BIS Billing 3.0 wants it. Source: CEN/TS 16931-3-2, docs.peppol.eu/poacc/billing/3.0."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from billing.adapters.structured.elements import Elements, amount, percentage
from billing.domain.structured_invoice import (
    CREDIT_NOTE,
    Allowance,
    Party,
    StructuredInvoice,
    StructuredLine,
    TaxCategory,
    TaxSum,
)

_UBL = "urn:oasis:names:specification:ubl:schema:xsd"
_CUSTOMIZATION = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
_PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_ONE = "C62"
_DISCOUNT = "95"


def ubl(invoice: StructuredInvoice) -> bytes:
    """The document as UBL: ``Invoice`` or ``CreditNote``."""
    return _Writer(invoice).write()


class _Writer:
    def __init__(self, invoice: StructuredInvoice) -> None:
        self._invoice = invoice
        self._is_credit = invoice.type_code == CREDIT_NOTE
        self._kind = "CreditNote" if self._is_credit else "Invoice"
        self._make = Elements(
            {
                "": f"{_UBL}:{self._kind}-2",
                "cac": f"{_UBL}:CommonAggregateComponents-2",
                "cbc": f"{_UBL}:CommonBasicComponents-2",
            }
        )

    def write(self) -> bytes:
        make, invoice = self._make, self._invoice
        due_on = invoice.payment.due_on
        return make.document(
            self._kind,
            make("cbc:CustomizationID", _CUSTOMIZATION),
            make("cbc:ProfileID", _PROFILE),
            make("cbc:ID", invoice.number),
            make("cbc:IssueDate", invoice.issued_on.isoformat()),
            None if self._is_credit or due_on is None else make("cbc:DueDate", due_on.isoformat()),
            make(f"cbc:{self._kind}TypeCode", invoice.type_code),
            make("cbc:Note", invoice.note),
            make("cbc:DocumentCurrencyCode", invoice.currency),
            make("cbc:BuyerReference", invoice.buyer_reference),
            self._period(invoice),
            self._corrected(),
            make("cac:AccountingSupplierParty", self._party(invoice.seller, is_seller=True)),
            make("cac:AccountingCustomerParty", self._party(invoice.buyer, is_seller=False)),
            make("cac:Delivery", make("cbc:ActualDeliveryDate", invoice.period_to.isoformat())),
            self._means(),
            make("cac:PaymentTerms", make("cbc:Note", invoice.payment.terms)),
            *(self._allowance(each) for each in invoice.allowances),
            self._taxes(),
            self._totals(),
            *(self._line(line) for line in invoice.lines),
        )

    def _amount(self, name: str, minor: int) -> Element | None:
        currency = self._invoice.currency
        return self._make(f"cbc:{name}", amount(minor, currency), currencyID=currency)

    def _period(self, of: StructuredInvoice | StructuredLine) -> Element | None:
        make = self._make
        return make(
            "cac:InvoicePeriod",
            make("cbc:StartDate", of.period_from.isoformat()),
            make("cbc:EndDate", of.period_to.isoformat()),
        )

    def _corrected(self) -> Element | None:
        make, invoice = self._make, self._invoice
        if not invoice.corrects_number:
            return None
        day = "" if invoice.corrects_date is None else invoice.corrects_date.isoformat()
        reference = make(
            "cac:InvoiceDocumentReference", make("cbc:ID", invoice.corrects_number), make("cbc:IssueDate", day)
        )
        return make("cac:BillingReference", reference)

    def _party(self, party: Party, *, is_seller: bool) -> Element | None:
        make, end = self._make, party.endpoint
        contact = make("cac:Contact", make("cbc:Telephone", party.phone), make("cbc:ElectronicMail", party.email))
        scheme = make("cac:TaxScheme", make("cbc:ID", "VAT"))
        vat = make("cac:PartyTaxScheme", make("cbc:CompanyID", party.vat_number), scheme) if party.vat_number else None
        return make(
            "cac:Party",
            None if end is None else make("cbc:EndpointID", end.identifier, schemeID=end.scheme),
            make(
                "cac:PostalAddress",
                make("cbc:StreetName", party.street),
                make("cbc:CityName", party.city),
                make("cbc:PostalZone", party.postcode),
                make("cac:Country", make("cbc:IdentificationCode", party.country)),
            ),
            vat,
            make("cac:PartyLegalEntity", make("cbc:RegistrationName", party.name)),
            contact if is_seller else None,
        )

    def _means(self) -> Element | None:
        make, payment = self._make, self._invoice.payment
        return make(
            "cac:PaymentMeans",
            make("cbc:PaymentMeansCode", payment.means),
            make("cac:PaymentMandate", make("cbc:ID", payment.mandate)),
        )

    def _allowance(self, each: Allowance) -> Element | None:
        make = self._make
        return make(
            "cac:AllowanceCharge",
            make("cbc:ChargeIndicator", "false"),
            make("cbc:AllowanceChargeReasonCode", _DISCOUNT),
            make("cbc:AllowanceChargeReason", each.reason),
            self._amount("Amount", each.amount_minor),
            self._category("TaxCategory", each.tax),
        )

    def _category(self, name: str, tax: TaxCategory, *exemption: Element | None) -> Element | None:
        make = self._make
        return make(
            f"cac:{name}",
            make("cbc:ID", tax.category),
            make("cbc:Percent", percentage(tax.percent)),
            *exemption,
            make("cac:TaxScheme", make("cbc:ID", "VAT")),
        )

    def _taxes(self) -> Element | None:
        total = self._amount("TaxAmount", self._invoice.vat_minor)
        return self._make("cac:TaxTotal", total, *(self._tax(tax) for tax in self._invoice.taxes))

    def _tax(self, tax: TaxSum) -> Element | None:
        make = self._make
        return make(
            "cac:TaxSubtotal",
            self._amount("TaxableAmount", tax.net_minor),
            self._amount("TaxAmount", tax.vat_minor),
            self._category(
                "TaxCategory",
                tax.tax,
                make("cbc:TaxExemptionReasonCode", tax.exemption_code),
                make("cbc:TaxExemptionReason", tax.exemption_reason),
            ),
        )

    def _totals(self) -> Element | None:
        invoice = self._invoice
        return self._make(
            "cac:LegalMonetaryTotal",
            self._amount("LineExtensionAmount", invoice.lines_minor),
            self._amount("TaxExclusiveAmount", invoice.net_minor),
            self._amount("TaxInclusiveAmount", invoice.total_minor),
            self._amount("AllowanceTotalAmount", invoice.allowances_minor) if invoice.allowances else None,
            self._amount("PayableAmount", invoice.total_minor),
        )

    def _line(self, line: StructuredLine) -> Element | None:
        make = self._make
        quantity = "CreditedQuantity" if self._is_credit else "InvoicedQuantity"
        return make(
            f"cac:{self._kind}Line",
            make("cbc:ID", line.line_id),
            make(f"cbc:{quantity}", str(line.quantity), unitCode=_ONE),
            self._amount("LineExtensionAmount", line.amount_minor),
            self._period(line),
            make(
                "cac:Item",
                make("cbc:Description", line.description),
                make("cbc:Name", line.name),
                self._category("ClassifiedTaxCategory", line.tax),
            ),
            make("cac:Price", self._amount("PriceAmount", line.price_minor)),
        )
