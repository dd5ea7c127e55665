"""Invoices with lines and numbers, pending adjustments, and corrections: what is kept, and how services reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from billing.domain.invoice import InvoiceLine


@dataclass(frozen=True)
class Invoice:
    """An issued document; amounts in minor units, negative on a credit invoice, positive on a credit note.

    ``kind`` is invoice or credit_note. ``period_from`` and ``period_to`` are local dates, half-open.
    ``to_collect_minor`` of ``collect_invoice_ids`` is what its ready notice announced for ``due_on``; zero when nothing
    is collected with it. ``customer`` is the customer as printed.
    """

    account_id: str
    invoice_id: str
    kind: str
    number: str
    brand: str
    invoice_date: date
    due_on: date
    period_from: date
    period_to: date
    issued_at: datetime
    currency: str
    net_minor: int
    vat_minor: int
    total_minor: int
    method_kind: str
    to_collect_minor: int = 0
    collect_invoice_ids: Sequence[str] = ()
    cycle_number: int | None = None
    corrects_invoice_id: str | None = None
    explanation: str = ""
    author: str = "evenflow"
    customer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class InvoiceTax:
    """The VAT of one rate on a document; ``category`` is that of EN 16931, ``tax_codes`` those of its lines."""

    percent: Decimal
    category: str
    net_minor: int
    vat_minor: int
    note: str = ""
    explanation: str = ""
    tax_codes: Sequence[str] = ()


@dataclass(frozen=True)
class PendingAdjustment:
    """A net line waiting for the next invoice; billed once ``invoice_id`` is set."""

    account_id: str
    adjustment_id: str
    amount_minor: int
    currency: str
    tax_code: str
    description: str
    reason: str
    author: str
    created_at: datetime
    invoice_id: str | None = None


class InvoiceRepository(Protocol):
    """Issued documents never change; what waits for the next one does."""

    async def next_invoice_id(self) -> str: ...
    async def add(
        self, invoice: Invoice, series: str, lines: Sequence[InvoiceLine], taxes: Sequence[InvoiceTax]
    ) -> Invoice:
        """Take the next number of the series and store the document with it.

        Call it last: the series stays locked until the transaction ends, which is what keeps its numbers gapless.
        """
        ...

    async def get(self, account_id: str, invoice_id: str) -> Invoice:
        """Raises NotFound."""
        ...

    async def of_cycle(self, account_id: str, cycle_number: int) -> Invoice | None: ...
    async def of_account(self, account_id: str) -> Sequence[Invoice]:
        """All documents, oldest first."""
        ...

    async def issued_between(self, brand: str, since: date, until: date) -> Sequence[tuple[str, str, str]]:
        """Account, identity and number of a brand's documents dated on these days (both included), by day."""
        ...

    async def lines(self, account_id: str, invoice_id: str) -> Sequence[InvoiceLine]: ...
    async def taxes(self, account_id: str, invoice_id: str) -> Sequence[InvoiceTax]: ...
    async def credited_taxes(self, account_id: str, invoice_id: str) -> Sequence[InvoiceTax]:
        """The taxes of all credit notes on an invoice."""
        ...

    async def carried_over(self, account_id: str, least_minor: int) -> Sequence[str]:
        """Invoices that the next debit takes along, oldest first.

        No debit was announced for them yet; or less than ``least_minor``, what can be paid by itself, was left open.
        """
        ...

    async def collect_with(self, account_id: str, invoice_ids: Sequence[str], invoice_id: str) -> None: ...
    async def add_adjustment(self, values: Mapping[str, Any]) -> PendingAdjustment: ...
    async def pending_adjustments(self, account_id: str) -> Sequence[PendingAdjustment]: ...
    async def bill_adjustments(self, account_id: str, adjustment_ids: Sequence[str], invoice_id: str) -> None: ...
    async def command_result(self, account_id: str, command_id: str) -> tuple[str, Mapping[str, Any]] | None:
        """Kind and result of a correction already carried out."""
        ...

    async def remember_command(
        self, account_id: str, command_id: str, kind: str, result: Mapping[str, Any], at: datetime
    ) -> None: ...
