"""Electronic invoices of EN 16931 in its two syntaxes."""

from billing.adapters.structured.cii import cii
from billing.adapters.structured.ubl import ubl

__all__ = ["cii", "ubl"]
