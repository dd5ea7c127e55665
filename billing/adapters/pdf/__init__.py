"""Documents as PDF: invoices, credit notes and statements of account, typeset from what is stored."""

from billing.adapters.pdf.logo import TypsetLogos
from billing.adapters.pdf.renderer import PdfRenderer
from billing.adapters.pdf.statement import StatementPdf

__all__ = ["PdfRenderer", "StatementPdf", "TypsetLogos"]
