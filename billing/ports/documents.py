"""An issued document with everything a reader needs, and the renderer that draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol

from billing.domain.invoice import DocumentState, InvoiceLine
from billing.domain.letterhead import Letterhead
from billing.domain.structured_invoice import StructuredInvoice
from billing.ports.accounts import Brand, Service
from billing.ports.dunning import Dispute
from billing.ports.invoicing import Invoice, InvoiceTax
from billing.ports.usage_records import EventDetail


@dataclass(frozen=True)
class PreviousInvoice:
    """The invoice of the cycle before, to compare with; ``net_by_service`` in minor units."""

    total_minor: int
    currency: str
    net_by_service: Mapping[str, int]


@dataclass(frozen=True)
class InvoiceDocument:
    """A stored document with its lines, and how it stands in the books now.

    ``services`` by id; ``pays_by`` names the method of the announced debit in short ("visa 4242"), empty when unknown;
    ``corrects_number`` is the invoice a credit note is about. ``usage`` are the records of its cycle by service, while
    they are kept; ``disputes`` are those of this document, open and decided ones. ``moved_to`` is the date on which it
    is due now, where that is not the one it was issued with.
    """

    brand: Brand
    invoice: Invoice
    lines: Sequence[InvoiceLine]
    taxes: Sequence[InvoiceTax]
    services: Mapping[str, Service]
    open_minor: int
    disputed_minor: int
    state: DocumentState
    letterhead: Letterhead
    pays_by: str = ""
    mandate_reference: str = ""
    corrects_number: str = ""
    corrects_date: date | None = None
    previous: PreviousInvoice | None = None
    usage: Mapping[str, Sequence[EventDetail]] = field(default_factory=dict)
    disputes: Sequence[Dispute] = ()
    moved_to: date | None = None


class UnusableLogo(Exception):
    """The logo of a letterhead cannot be drawn; the text says why."""


class Syntax(StrEnum):
    """The two ways to write an electronic invoice of EN 16931."""

    UBL = "ubl"
    CII = "cii"


class DocumentRenderer(Protocol):
    """Draws and writes documents."""

    def pdf(self, document: InvoiceDocument, electronic: bytes = b"") -> bytes:
        """In its customer's language; ``electronic`` (CII) is put inside for programs. Raises UnusableLogo."""
        ...

    def electronic(self, invoice: StructuredInvoice, syntax: Syntax) -> bytes:
        """As XML."""
        ...
