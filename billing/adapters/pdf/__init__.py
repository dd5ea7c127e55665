"""Invoices drawn as PDF with reportlab, on the fly from what is stored."""

from billing.adapters.pdf.renderer import PdfRenderer

__all__ = ["PdfRenderer"]
