"""Documents as PDF: invoices and credit notes typeset, statements drawn, from what is stored."""

from billing.adapters.pdf.renderer import PdfRenderer
from billing.adapters.pdf.statement import StatementPdf

__all__ = ["PdfRenderer", "StatementPdf"]
