"""The invoice's computation: lines per service, adjustments, invoice discounts, VAT per rate, total.

Net lines come in rated; nothing here reads usage or books money. A breakdown is frozen and every line explains itself,
so an invoice can be recomputed by hand from what it prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from billing.domain.discount import AppliedDiscount, Discount, DiscountBreakdown, apply_discounts
from billing.domain.money import Money, total
from billing.domain.rating import LineKind, RatedLine, RatedUsage
from billing.domain.tax import OUTSIDE, TaxableLine, TaxBreakdown, TaxedCustomer, TaxTable, compute_tax

LATE_USAGE = "late_usage"
ADJUSTMENT = "adjustment"


class DocumentKind(StrEnum):
    """What is issued: the bill of a cycle, or the document that corrects one."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class Section(StrEnum):
    """Where on the document a line stands."""

    SERVICE = "service"
    ADJUSTMENT = "adjustment"
    DISCOUNT = "discount"


class DocumentState(StrEnum):
    """How a document stands, derived from the books and never set."""

    OPEN = "open"
    DISPUTED = "disputed"  # open, and the customer does not accept some of it
    SETTLED = "settled"  # nothing open: paid, covered by credit, or nothing to pay
    CREDITED = "credited"  # nothing open because credit notes took all of it back


def document_state(total_minor: int, open_minor: int, disputed_minor: int, credited_minor: int) -> DocumentState:
    """The state that follows from what is open, disputed and credited, in minor units."""
    if open_minor > 0:
        return DocumentState.DISPUTED if disputed_minor > 0 else DocumentState.OPEN
    if total_minor > 0 and credited_minor >= total_minor:
        return DocumentState.CREDITED
    return DocumentState.SETTLED


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One net line. Quantities are in the meter's own units; ``amount`` is negative for a credit or a discount.

    ``period_from`` and ``period_to`` (local dates, half-open) are set where the line is of another period than the
    invoice. ``explanation`` holds the steps of its arithmetic.
    """

    section: Section
    kind: str
    description: str
    amount: Money
    tax_code: str = ""
    service_id: str | None = None
    price_code: str = ""
    band: str = ""
    events: int = 0
    quantity: int = 0
    allowance_drawn: int = 0
    chargeable_quantity: int = 0
    unit: str = ""
    unit_price: str = ""
    period_from: date | None = None
    period_to: date | None = None
    explanation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InvoiceBreakdown:
    """``lines``, discount lines included, add up to ``net``; ``net`` plus ``vat`` is ``gross``: what is owed."""

    currency: str
    lines: tuple[InvoiceLine, ...]
    discounts: DiscountBreakdown
    tax: TaxBreakdown

    @property
    def net(self) -> Money:
        return self.tax.net

    @property
    def vat(self) -> Money:
        return self.tax.vat

    @property
    def gross(self) -> Money:
        return self.tax.gross


def line_of(service_id: str, line: RatedLine) -> InvoiceLine:
    """A rated line of a service as the invoice prints it."""
    return InvoiceLine(
        section=Section.SERVICE,
        kind=line.kind.value,
        description=line.description,
        amount=line.amount,
        tax_code=line.tax_code,
        service_id=service_id,
        price_code=line.price_code,
        band=line.band,
        events=line.events,
        quantity=line.quantity,
        allowance_drawn=line.allowance_drawn,
        chargeable_quantity=line.chargeable_quantity,
        unit=line.unit,
        unit_price=line.unit_price,
        explanation=line.explanation,
    )


def adjustment_line(description: str, amount: Money, tax_code: str, reason: str) -> InvoiceLine:
    """A charge (positive) or credit (negative) an operator put on the invoice."""
    return InvoiceLine(Section.ADJUSTMENT, ADJUSTMENT, description, amount, tax_code, explanation=(reason,))


def late_lines(
    service_id: str,
    billed: RatedUsage,
    with_late: RatedUsage,
    period_from: date,
    period_to: date,
    why: Sequence[str] = (),
) -> tuple[InvoiceLine, ...]:
    """What a billed cycle owes more, or less, by what came or was corrected after its invoice: the cycle rated again,
    less what was billed then. ``why`` explains corrections.

    So late usage meets the allowances, tiers and limits of the cycle it happened in. A line without a difference in
    amount is left out unless it adds or takes events, which the customer should see even when they are free.
    """
    before = {_place(line): line for line in billed.lines}
    lines = []
    for line in with_late.lines:
        earlier = before.pop(_place(line), None)
        lines.append(_late_line(service_id, line, earlier, period_from, period_to))
    lines += [_taken_back(service_id, gone, period_from, period_to) for gone in before.values()]
    changed = (line for line in lines if not line.amount.is_zero or line.events)
    return tuple(replace(line, explanation=(*line.explanation, *why)) for line in changed)


_CORRECTIONS = {
    "cancelled": "corrected: usage that should not have been counted was taken back",
    "moved": "corrected: usage was guided again to the line and plan it belongs to",
    "rerated": "corrected: usage was rated again with a corrected plan",
    "resent": "corrected: usage that was sent twice was taken back once",
}


def correction_words(kinds: Iterable[str]) -> tuple[str, ...]:
    """Why a billed cycle changed, for its lines; nothing for usage that only came late."""
    return tuple(_CORRECTIONS[kind] for kind in sorted(kinds) if kind)


def _taken_back(service_id: str, gone: RatedLine, period_from: date, period_to: date) -> InvoiceLine:
    """A line that is owed no more: a minimum charge that was overtaken, or usage that is priced elsewhere now."""
    billed = f"{gone.amount} was billed before, and falls away"
    return replace(
        line_of(service_id, gone),
        kind=_kind_later(gone),
        amount=-gone.amount,
        events=-gone.events,
        quantity=-gone.quantity,
        allowance_drawn=-gone.allowance_drawn,
        chargeable_quantity=-gone.chargeable_quantity,
        period_from=period_from,
        period_to=period_to,
        explanation=(*gone.explanation, billed),
    )


def _kind_later(line: RatedLine) -> str:
    """A fee stays a fee; everything else of an earlier cycle is late usage."""
    return line.kind.value if line.kind is LineKind.RECURRING else LATE_USAGE


def _place(line: RatedLine) -> tuple[LineKind, str, str, str]:
    return line.kind, line.price_code, line.band, line.description


def _late_line(
    service_id: str, line: RatedLine, earlier: RatedLine | None, period_from: date, period_to: date
) -> InvoiceLine:
    printed = replace(line_of(service_id, line), kind=_kind_later(line), period_from=period_from, period_to=period_to)
    if earlier is None:
        return printed
    billed = f"{line.amount} for the cycle now, {earlier.amount} was billed before"
    return replace(
        printed,
        amount=line.amount - earlier.amount,
        events=line.events - earlier.events,
        quantity=line.quantity - earlier.quantity,
        allowance_drawn=line.allowance_drawn - earlier.allowance_drawn,
        chargeable_quantity=line.chargeable_quantity - earlier.chargeable_quantity,
        explanation=(*line.explanation, billed),
    )


def build_invoice(
    lines: Sequence[InvoiceLine],
    discounts: Iterable[Discount],
    table: TaxTable,
    customer: TaxedCustomer,
    currency: str,
    on: date,
) -> InvoiceBreakdown:
    """Put an invoice together: discounts off the net subtotal as valid on the local date ``on``, then VAT per rate.

    Raises InvalidValue for an unknown tax code or a line in another currency.
    """
    # What is outside of VAT is no sale: it is neither discounted nor does it help to reach a discount's minimum.
    subtotal = total((line.amount for line in lines if line.tax_code != OUTSIDE), currency)
    discounted = apply_discounts(subtotal, discounts, on)
    tax = compute_tax(
        (TaxableLine(line.tax_code, line.amount) for line in lines), discounted.discounted, table, customer
    )
    printed = (*lines, *(_discount_line(each) for each in discounted.applied))
    return InvoiceBreakdown(currency, printed, discounted, tax)


def _discount_line(applied: AppliedDiscount) -> InvoiceLine:
    return InvoiceLine(
        Section.DISCOUNT,
        "discount",
        applied.name,
        -applied.amount,
        price_code=applied.code,
        explanation=(applied.explanation,),
    )


@dataclass(frozen=True, slots=True)
class CreditShare:
    """The part of a credit note at one VAT rate; all amounts are positive minor units."""

    percent: str
    category: str
    net_minor: int
    vat_minor: int

    @property
    def gross_minor(self) -> int:
        return self.net_minor + self.vat_minor


def split_credit(credit_minor: int, remaining: Sequence[CreditShare]) -> tuple[CreditShare, ...]:
    """Share a gross credit over what is left to credit at each rate of an invoice, and take the VAT out of each part.

    Crediting all that remains gives back exactly the VAT that remains, to the cent.
    """
    positive = [share for share in remaining if share.gross_minor > 0]
    if credit_minor == sum(share.gross_minor for share in remaining):
        return tuple(share for share in remaining if share.gross_minor)
    parts = Money(credit_minor, "XXX").allocate([share.gross_minor for share in positive])
    return tuple(_credit_part(share, part.amount_minor) for share, part in zip(positive, parts, strict=True))


def _credit_part(share: CreditShare, part_minor: int) -> CreditShare:
    # Half up, in integers: the VAT has the same share of the part as of the whole.
    vat_minor = (2 * part_minor * share.vat_minor + share.gross_minor) // (2 * share.gross_minor)
    return replace(share, net_minor=part_minor - vat_minor, vat_minor=vat_minor)
