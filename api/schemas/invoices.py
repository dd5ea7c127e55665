"""Invoices, credit notes and ledger entries, as the API shows them. Amounts are minor units of ``currency``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from billing.domain.invoice import DocumentState
from billing.domain.invoice_lines import line_id
from billing.domain.ledger import Entry
from billing.ports.documents import InvoiceDocument
from billing.ports.dunning import Dispute
from billing.ports.invoicing import Invoice, InvoiceTax
from billing.services.disputes import OPEN
from billing.services.owed_lines import OwedLine, owed_by_line


class InvoiceView(BaseModel):
    """A document in a list. `open_minor` and `state` are derived from the ledger at the moment of asking."""

    invoice_id: str = Field(examples=["inv_1001"])
    kind: Literal["invoice", "credit_note"]
    number: str = Field(examples=["NL-20270131-0001"])
    cycle_number: int | None = Field(examples=[3])
    corrects_invoice_id: str | None = Field(description="The invoice a credit note is about.")
    invoice_date: date
    due_on: date = Field(description="The local date on which it is collected.")
    period_from: date
    period_to: date = Field(description="The first local date after the period.")
    issued_at: datetime
    currency: str = Field(examples=["EUR"])
    net_minor: int = Field(examples=[2300])
    vat_minor: int = Field(examples=[483])
    total_minor: int = Field(examples=[2783])
    to_collect_minor: int = Field(examples=[2783], description="What its ready notice announced.")
    collect_invoice_ids: list[str] = Field(examples=[["inv_1001"]])
    method_kind: str = Field(examples=["sepa_debit"])
    open_minor: int = Field(examples=[2783])
    state: DocumentState
    explanation: str

    @classmethod
    def of(cls, invoice: Invoice, open_minor: int, state: DocumentState) -> Self:
        return cls(**_shown(invoice), open_minor=open_minor, state=state)


class InvoiceList(BaseModel):
    """The documents of an account, newest first."""

    invoices: list[InvoiceView]


class LineView(BaseModel):
    """One net line with its arithmetic. Quantities are in the meter's own units (seconds, bytes, messages)."""

    line_id: str = Field(description="Names the line, for a dispute of it.", examples=["inv_1001.1"])
    section: str = Field(examples=["service"])
    kind: str = Field(examples=["usage"])
    service_id: str | None
    description: str = Field(examples=["Calls"])
    tax_code: str = Field(examples=["standard"])
    period_from: date | None = Field(description="Only where the line is of another period than the invoice.")
    period_to: date | None
    events: int
    quantity: int
    allowance_drawn: int
    chargeable_quantity: int
    unit: str = Field(examples=["minute"])
    unit_price: str = Field(examples=["0.1 EUR per minute"])
    amount_minor: int = Field(examples=[300])
    gross_minor: int | None = Field(
        description="What is owed for it, with its discount and VAT; null where its rate is not known.", examples=[363]
    )
    disputed_minor: int = Field(description="What of it is disputed and not decided, VAT included.", examples=[0])
    explanation: list[str]

    @classmethod
    def of(cls, invoice_id: str, owed: OwedLine, disputes: Sequence[Dispute]) -> Self:
        line = owed.line
        waiting = (one for one in disputes if one.line_position == owed.position and one.status == OPEN)
        return cls(
            line_id=line_id(invoice_id, owed.position),
            gross_minor=owed.gross_minor,
            disputed_minor=sum(one.amount_minor for one in waiting),
            section=line.section.value,
            kind=line.kind,
            service_id=line.service_id,
            description=line.description,
            tax_code=line.tax_code,
            period_from=line.period_from,
            period_to=line.period_to,
            events=line.events,
            quantity=line.quantity,
            allowance_drawn=line.allowance_drawn,
            chargeable_quantity=line.chargeable_quantity,
            unit=line.unit,
            unit_price=line.unit_price,
            amount_minor=line.amount.amount_minor,
            explanation=list(line.explanation),
        )


class TaxView(BaseModel):
    """The VAT of one rate; `category` is that of EN 16931 (S standard, Z zero, AE reverse charge)."""

    percent: str = Field(examples=["21"])
    category: str = Field(examples=["S"])
    net_minor: int = Field(examples=[2300])
    vat_minor: int = Field(examples=[483])
    note: str
    explanation: str = Field(examples=["21 % of 23.00 EUR = 4.83 EUR"])

    @classmethod
    def of(cls, tax: InvoiceTax) -> Self:
        return cls(
            percent=f"{tax.percent.normalize():f}",
            category=tax.category,
            net_minor=tax.net_minor,
            vat_minor=tax.vat_minor,
            note=tax.note,
            explanation=tax.explanation,
        )


class InvoiceDetail(InvoiceView):
    """A document with its lines and its VAT."""

    disputed_minor: int
    lines: list[LineView]
    taxes: list[TaxView]

    @classmethod
    def of_document(cls, document: InvoiceDocument) -> Self:
        return cls(
            **_shown(document.invoice),
            open_minor=document.open_minor,
            state=document.state,
            disputed_minor=document.disputed_minor,
            lines=[
                LineView.of(document.invoice.invoice_id, owed, document.disputes)
                for owed in owed_by_line(document.lines, document.taxes, document.brand.tax_table)
            ],
            taxes=[TaxView.of(tax) for tax in document.taxes],
        )


class PostingView(BaseModel):
    """One side of an entry: debit positive, credit negative."""

    ledger_account: str = Field(examples=["receivable"])
    amount_minor: int = Field(examples=[2783])
    currency: str = Field(examples=["EUR"])
    invoice_id: str | None = Field(examples=["inv_1001"])


class EntryView(BaseModel):
    """One entry of the books; its postings sum to zero. `provider` and `reference` name its cause."""

    kind: str = Field(examples=["invoice_issued"])
    at: datetime
    provider: str = Field(examples=["evenflow"])
    reference: str = Field(examples=["inv_1001"])
    reason: str
    postings: list[PostingView]

    @classmethod
    def of(cls, entry: Entry) -> Self:
        postings = [
            PostingView(
                ledger_account=each.ledger_account.value,
                amount_minor=each.amount_minor,
                currency=each.currency,
                invoice_id=each.invoice_id,
            )
            for each in entry.postings
        ]
        return cls(
            kind=entry.kind.value,
            at=entry.at,
            provider=entry.provider,
            reference=entry.reference,
            reason=entry.reason,
            postings=postings,
        )


class LedgerView(BaseModel):
    """An account's entries in the order they were booked."""

    account_id: str = Field(examples=["acc_1042"])
    credit_minor: int = Field(description="Money or credit held for the customer.", examples=[0])
    entries: list[EntryView]


def _shown(invoice: Invoice) -> dict[str, Any]:
    names = InvoiceView.model_fields.keys() - {"open_minor", "state"}
    return {name: getattr(invoice, name) for name in names} | {"collect_invoice_ids": list(invoice.collect_invoice_ids)}
