"""Documents as they are read: with their lines, their state in the books, as PDF and as CSV."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from billing.domain.cycle_calendar import zone_info
from billing.domain.invoice import DocumentKind, DocumentState, InvoiceLine, document_state
from billing.domain.ledger import Entry
from billing.domain.rating import MeterDisplay, without_since
from billing.ports.accounts import Service
from billing.ports.documents import DocumentRenderer, InvoiceDocument, PreviousInvoice, Syntax
from billing.ports.invoicing import Invoice
from billing.ports.ledger import OpenInvoice
from billing.ports.payments import PaymentMethod
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_records import EventDetail
from billing.services.invoicing_commands import InvoicingUseCases
from billing.services.letterheads import letterhead_at
from billing.services.notice_words import read_locale
from billing.services.structured_invoice import UnableToStructureInvoice, structured
from billing.services.text_cells import harmless
from billing.services.usage_words import written_usage

_DETAIL_HEADER = (
    "document",
    "section",
    "service",
    "description",
    "kind",
    "period_from",
    "period_to",
    "events",
    "quantity",
    "allowance_drawn",
    "chargeable_quantity",
    "unit",
    "unit_price",
    "tax_code",
    "amount_minor",
    "currency",
    "explanation",
    "quantity_shown",
)
_USAGE_HEADER = (
    "service",
    "started_at",
    "meter",
    "quantity",
    "destination",
    "billable_quantity",
    "price",
    "band",
    "late",
    "source",
    "record_id",
)


class InvoiceDocuments(InvoicingUseCases):
    """Reading use cases."""

    async def documents(self, account_id: str) -> Sequence[tuple[Invoice, int, DocumentState]]:
        """All documents of an account, newest first, each with its open minor units and its state."""
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            invoices = await work.invoices.of_account(account_id)
            opened = await _open_by_id(work, account_id)
        return [_with_state(invoice, invoices, opened.get(invoice.invoice_id)) for invoice in reversed(invoices)]

    async def document(self, account_id: str, invoice_id: str) -> InvoiceDocument:
        """One document with everything it prints. Raises NotFound."""
        async with self._make_work() as work:
            invoice = await work.invoices.get(account_id, invoice_id)
            opened = (await _open_by_id(work, account_id)).get(invoice_id)
            invoices = await work.invoices.of_account(account_id)
            _, open_minor, state = _with_state(invoice, invoices, opened)
            corrected = next((each for each in invoices if each.invoice_id == invoice.corrects_invoice_id), None)
            method = await _announced_method(work, invoice, self._clock.now())
            brand = await work.accounts.brand(invoice.brand)
            return InvoiceDocument(
                brand=brand,
                invoice=invoice,
                lines=await work.invoices.lines(account_id, invoice_id),
                taxes=await work.invoices.taxes(account_id, invoice_id),
                services={each.service_id: each for each in await work.accounts.services(account_id)},
                open_minor=open_minor,
                disputed_minor=opened.disputed_minor if opened else 0,
                state=state,
                letterhead=await letterhead_at(work, brand, invoice.issued_at),
                pays_by=f"{method.label} {method.last_four}".strip() if method else "",
                mandate_reference=method.mandate_reference if method else "",
                corrects_number=corrected.number if corrected else "",
                corrects_date=corrected.invoice_date if corrected else None,
                previous=await _previous(work, invoice, invoices),
                disputes=[one for one in await work.dunning.disputes(account_id) if one.invoice_id == invoice_id],
                moved_to=opened.due_on if opened and opened.due_on != invoice.due_on else None,
            )

    async def due_now(self, account_id: str) -> Mapping[str, date]:
        """The dates on which open documents are due, by id: a debit's date may have moved since they were issued."""
        async with self._make_work() as work:
            return {name: one.due_on for name, one in (await _open_by_id(work, account_id)).items()}

    async def pdf(self, account_id: str, invoice_id: str) -> tuple[str, bytes]:
        """File name and content, drawn from what is stored; a business's carries its electronic invoice (Factur-X)."""
        renderer, document = self._drawing, await self.document(account_id, invoice_id)
        document = replace(document, usage=await self._usage(document))
        drawn = await asyncio.to_thread(_drawn, renderer, document)
        return f"{document.invoice.number}.pdf", drawn

    async def electronic(self, account_id: str, invoice_id: str, syntax: Syntax) -> tuple[str, bytes]:
        """File name and content as XML of EN 16931. Raises UnableToStructureInvoice with what is missing."""
        document = await self.document(account_id, invoice_id)
        content = self._drawing.electronic(structured(document), syntax)
        return f"{document.invoice.number}-{syntax}.xml", content

    @property
    def _drawing(self) -> DocumentRenderer:
        if self._renderer is None:
            raise RuntimeError("this process was built without a document renderer")
        return self._renderer

    async def _usage(self, document: InvoiceDocument) -> Mapping[str, Sequence[EventDetail]]:
        """The records that were counted before the document was issued, while they are kept."""
        account_id, cycle_number = document.invoice.account_id, document.invoice.cycle_number
        if cycle_number is None:
            return {}
        async with self._make_work() as work:
            found = {
                service_id: await work.usage.event_details(account_id, cycle_number, service_id)
                for service_id in document.services
            }
        kept = {service_id: [each for each in events if not each.late] for service_id, events in found.items()}
        return {service_id: events for service_id, events in kept.items() if events}

    async def details_csv(self, account_id: str, invoice_id: str) -> tuple[str, str]:
        """File name and content: every line of the document with its arithmetic."""
        document = await self.document(account_id, invoice_id)
        rows = (_detail_row(document, line) for line in document.lines)
        return f"{document.invoice.number}-details.csv", _csv(_DETAIL_HEADER, rows)

    async def usage_csv(self, account_id: str, invoice_id: str) -> tuple[str, str]:
        """File name and content: each record of the invoice's cycle, while records are kept; times are local."""
        async with self._make_work() as work:
            invoice = await work.invoices.get(account_id, invoice_id)
            units = {
                (line.service_id, line.price_code): line.unit
                for line in await work.invoices.lines(account_id, invoice_id)
            }
            found = await _cycle_events(work, account_id, invoice.cycle_number)
        rows = [
            (*row, _shown(event.quantity, units.get((service.service_id, event.price_code), ""), invoice))
            for service, event, row in found
        ]
        return f"{invoice.number}-usage.csv", _csv((*_USAGE_HEADER, "quantity_shown"), rows)

    async def cycle_usage_csv(self, account_id: str, cycle_number: int | None) -> str:
        """Each record of a cycle, while records are kept; only the header where there is no cycle."""
        async with self._make_work() as work:
            return _csv(_USAGE_HEADER, [row for _, _, row in await _cycle_events(work, account_id, cycle_number)])

    async def ledger_of(self, account_id: str) -> tuple[Sequence[Entry], int]:
        """All entries of an account in booking order, and the credit held in its brand's currency, minor units."""
        async with self._make_work() as work:
            brand = await work.accounts.brand((await work.accounts.get(account_id)).brand)
            return await work.ledger.entries(account_id), await work.ledger.credit_minor(account_id, brand.currency)


def _drawn(renderer: DocumentRenderer, document: InvoiceDocument) -> bytes:
    """A consumer's is for reading only; so is a business's whose electronic invoice would lack something."""
    customer = document.invoice.customer
    if not customer.get("company") and not customer.get("vat_number"):
        return renderer.pdf(document)
    try:
        electronic = renderer.electronic(structured(document), Syntax.CII)
    except UnableToStructureInvoice:
        electronic = b""
    return renderer.pdf(document, electronic)


async def _open_by_id(work: UnitOfWork, account_id: str) -> dict[str, OpenInvoice]:
    return {each.invoice_id: each for each in await work.ledger.open_invoices(account_id)}


def _with_state(
    invoice: Invoice, invoices: Sequence[Invoice], opened: OpenInvoice | None
) -> tuple[Invoice, int, DocumentState]:
    open_minor = opened.open_minor if opened else 0
    credited = sum(each.total_minor for each in invoices if each.corrects_invoice_id == invoice.invoice_id)
    disputed_minor = opened.disputed_minor if opened else 0
    return invoice, open_minor, document_state(invoice.total_minor, open_minor, disputed_minor, credited)


async def _announced_method(work: UnitOfWork, invoice: Invoice, now: datetime) -> PaymentMethod | None:
    """The method of the announced debit, while it is still the kind that was announced."""
    if invoice.kind != DocumentKind.INVOICE or invoice.method_kind == "none":
        return None
    method = await work.payments.usable_method(invoice.account_id, now)
    return method if method is not None and method.kind.value == invoice.method_kind else None


async def _previous(work: UnitOfWork, invoice: Invoice, invoices: Sequence[Invoice]) -> PreviousInvoice | None:
    """The invoice of the cycle before; None for a first one and for a credit note."""
    if invoice.cycle_number is None:
        return None
    for before in invoices:
        if before.kind == DocumentKind.INVOICE and before.cycle_number == invoice.cycle_number - 1:
            sums: dict[str, int] = {}
            for line in await work.invoices.lines(before.account_id, before.invoice_id):
                if line.service_id:
                    sums[line.service_id] = sums.get(line.service_id, 0) + line.amount.amount_minor
            return PreviousInvoice(before.total_minor, before.currency, sums)
    return None


def _detail_row(document: InvoiceDocument, line: InvoiceLine) -> Sequence[object]:
    service = document.services.get(line.service_id or "")
    return (
        document.invoice.number,
        line.section.value,
        service.identifier if service else "",
        line.description,
        line.kind,
        line.period_from or document.invoice.period_from,
        line.period_to or document.invoice.period_to,
        line.events,
        line.quantity,
        line.allowance_drawn,
        line.chargeable_quantity,
        line.unit,
        line.unit_price,
        line.tax_code,
        line.amount.amount_minor,
        line.amount.currency,
        "; ".join(line.explanation),
        _shown(line.quantity, line.unit, document.invoice),
    )


def _usage_row(service: Service, event: EventDetail, zone: str) -> Sequence[object]:
    return (
        service.identifier,
        event.started_at.astimezone(zone_info(zone)).isoformat(),
        event.meter,
        event.quantity,
        event.destination,
        event.billable_quantity,
        event.price_code,
        without_since(event.band),
        "late" if event.late else "",
        event.source,
        event.record_id,
    )


async def _cycle_events(
    work: UnitOfWork, account_id: str, cycle_number: int | None
) -> list[tuple[Service, EventDetail, Sequence[object]]]:
    """Each record of a cycle with its line and its row; nothing where there is no cycle."""
    if cycle_number is None:
        return []
    brand = await work.accounts.brand((await work.accounts.get(account_id)).brand)
    return [
        (service, event, _usage_row(service, event, brand.zone))
        for service in await work.accounts.services(account_id)
        for event in await work.usage.event_details(account_id, cycle_number, service.service_id)
    ]


def _shown(quantity: int, unit: str, invoice: Invoice) -> str:
    """Minutes and megabytes where the columns beside it hold seconds and bytes."""
    locale = read_locale(str(invoice.customer.get("locale", "")))
    return written_usage(quantity, MeterDisplay.by_unit(unit), locale)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue()
