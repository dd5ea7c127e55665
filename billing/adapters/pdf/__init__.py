"""Documents as PDF, drawn with reportlab."""

from billing.adapters.pdf.renderer import PdfRenderer
from billing.adapters.pdf.statement import StatementPdf

__all__ = ["PdfRenderer", "StatementPdf"]
