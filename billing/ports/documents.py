"""An issued document with everything a reader needs, and the renderer that draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from billing.domain.invoice import DocumentState, InvoiceLine
from billing.ports.accounts import Brand, Service
from billing.ports.invoicing import Invoice, InvoiceTax


@dataclass(frozen=True)
class InvoiceDocument:
    """A stored document with its lines, and how it stands in the books now.

    ``services`` by id; ``pays_by`` names the method of the announced debit in short ("visa 4242"), empty when unknown;
    ``corrects_number`` is the invoice a credit note is about.
    """

    brand: Brand
    invoice: Invoice
    lines: Sequence[InvoiceLine]
    taxes: Sequence[InvoiceTax]
    services: Mapping[str, Service]
    open_minor: int
    disputed_minor: int
    state: DocumentState
    pays_by: str = ""
    corrects_number: str = ""


class DocumentRenderer(Protocol):
    """Draws a document in its customer's language."""

    def pdf(self, document: InvoiceDocument) -> bytes: ...
