"""Invoices, their lines and numbers."""

from __future__ import annotations

from typing import Protocol


class InvoiceRepository(Protocol):
    """Invoices, their lines and numbers."""
