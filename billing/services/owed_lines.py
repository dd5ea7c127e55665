"""What a customer owes for each line of an issued invoice, and at which rate the line was taxed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.domain.errors import NotFound
from billing.domain.invoice import InvoiceLine, Section
from billing.domain.invoice_lines import gross_by_line, line_id
from billing.domain.tax import TaxTable
from billing.ports.invoicing import Invoice, InvoiceTax
from billing.ports.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class OwedLine:
    """A line with its place from 1; ``gross_minor`` is what is owed for it, its discount and VAT included.

    Nothing is owed for a discount line: it is in what is owed for the others. None where the document does not say at
    which rate the line was taxed.
    """

    position: int
    line: InvoiceLine
    tax: InvoiceTax | None
    gross_minor: int | None


def tax_of_line(line: InvoiceLine, taxes: Sequence[InvoiceTax], tax_table: Mapping[str, Any]) -> InvoiceTax | None:
    """The rate of a line; documents of earlier releases do not name the codes of a rate, but the brand's table does."""
    if len(taxes) == 1:
        return taxes[0]
    percent = TaxTable.from_dict(tax_table).percents.get(line.tax_code)
    for tax in taxes:
        if line.tax_code in tax.tax_codes or (not tax.tax_codes and tax.percent == percent):
            return tax
    return None


def owed_by_line(
    lines: Sequence[InvoiceLine], taxes: Sequence[InvoiceTax], tax_table: Mapping[str, Any]
) -> list[OwedLine]:
    """Every line of a document in its order; together they are owed exactly what the document comes to."""
    charged = {place: line for place, line in enumerate(lines, start=1) if line.section is not Section.DISCOUNT}
    rates = {place: tax_of_line(line, taxes, tax_table) for place, line in charged.items()}
    gross: dict[int, int] = {}
    for tax in taxes:
        net = {place: charged[place].amount.amount_minor for place, own in rates.items() if own is tax}
        gross |= gross_by_line(net, tax.net_minor, tax.vat_minor, Decimal(tax.percent))
    return [
        OwedLine(place, line, rates.get(place), gross.get(place) if place in charged else 0)
        for place, line in enumerate(lines, start=1)
    ]


async def owed_line(work: UnitOfWork, invoice: Invoice, position: int) -> OwedLine:
    """One line of a stored document. Raises NotFound."""
    brand = await work.accounts.brand(invoice.brand)
    lines = await work.invoices.lines(invoice.account_id, invoice.invoice_id)
    taxes = await work.invoices.taxes(invoice.account_id, invoice.invoice_id)
    for owed in owed_by_line(lines, taxes, brand.tax_table):
        if owed.position == position:
            return owed
    raise NotFound(
        f"Invoice {invoice.number} has {len(lines)} lines.",
        field="line_id",
        value=line_id(invoice.invoice_id, position),
        remedy=f"GET /v1/accounts/{invoice.account_id}/invoices/{invoice.invoice_id} lists them.",
    )
