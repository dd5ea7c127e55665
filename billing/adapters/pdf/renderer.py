"""Invoices and credit notes as PDF, with their electronic invoice inside, and electronic invoices alone."""

from __future__ import annotations

from typst import TypstError

from billing.adapters.pdf.contents import contents_of
from billing.adapters.pdf.facturx import with_facturx
from billing.adapters.pdf.typesetting import Typesetter
from billing.adapters.structured import cii, ubl
from billing.domain.structured_invoice import StructuredInvoice
from billing.ports.documents import InvoiceDocument, Syntax, UnusableLogo


class PdfRenderer:
    """The same document always gives the same bytes."""

    def __init__(self) -> None:
        self._typesetter = Typesetter("invoice.typ")

    def pdf(self, document: InvoiceDocument, electronic: bytes = b"") -> bytes:
        inside = {"xml": electronic.decode()} if electronic else {}
        try:
            drawn = self._typesetter.pdf(contents_of(document), document.invoice.invoice_date, inside)
        except TypstError as why:
            if document.letterhead.logo and "SVG" in why.message:
                raise UnusableLogo(why.message) from why
            raise
        return with_facturx(drawn) if electronic else drawn

    def electronic(self, invoice: StructuredInvoice, syntax: Syntax) -> bytes:
        return ubl(invoice) if syntax is Syntax.UBL else cii(invoice)
