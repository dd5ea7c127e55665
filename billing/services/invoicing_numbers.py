"""Document numbers, and what a document prints of its customer and its VAT."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from billing.domain.invoice import DocumentKind
from billing.domain.tax import TaxBreakdown
from billing.ports.accounts import Account
from billing.ports.invoicing import InvoiceTax


def series_of(brand: str, kind: DocumentKind, day: date) -> str:
    """The number series of a brand's billing day: ``VONK-20270131``, credit notes ``VONK-CN-20270131``.

    One series a day, so that the days of a month do not queue on each other (directive 2006/112/EC, article 226 (2):
    one or more series, each without holes).
    """
    letters = "".join(letter for letter in brand.upper() if letter.isalnum())
    infix = "-CN" if kind is DocumentKind.CREDIT_NOTE else ""
    return f"{letters}{infix}-{day:%Y%m%d}"


def customer_as_printed(account: Account) -> dict[str, Any]:
    """Name, address and VAT number on the day of issue; kept with the document, replaced on erasure."""
    return {
        "name": account.customer_name,
        "company": account.company,
        "vat_number": account.vat_number,
        "postal_address": dict(account.postal_address),
        "country": account.country,
        "locale": account.locale,
        "account_number": account.number,
    }


def taxes_of(tax: TaxBreakdown) -> Sequence[InvoiceTax]:
    """The VAT per rate as it is stored."""
    return [
        InvoiceTax(
            rate.percent,
            rate.category,
            rate.net.amount_minor,
            rate.vat.amount_minor,
            rate.note,
            rate.explanation,
            rate.tax_codes,
        )
        for rate in tax.rates
    ]
