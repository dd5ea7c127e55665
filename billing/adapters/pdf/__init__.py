"""Invoices and credit notes typeset as PDF, on the fly from what is stored."""

from billing.adapters.pdf.renderer import PdfRenderer

__all__ = ["PdfRenderer"]
