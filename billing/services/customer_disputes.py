"""What a line of a bill costs with VAT: so much of it is disputed when a customer does not accept the line."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from billing.ports.documents import InvoiceDocument


def gross_of(document: InvoiceDocument, place: int) -> int:
    """Minor units: the net amount of a line with the VAT of its code; a credit or discount is negative."""
    line = document.lines[place]
    percent = next((tax.percent for tax in document.taxes if line.tax_code in tax.tax_codes), None)
    if percent is None:  # documents of before codes were kept: one rate holds for all, or none is known
        percent = document.taxes[0].percent if len(document.taxes) == 1 else Decimal(0)
    gross = Decimal(line.amount.amount_minor) * (100 + percent) / 100
    return int(gross.quantize(Decimal(1), ROUND_HALF_UP))
