"""How much of an invoice, or of one of its lines, a customer can dispute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing.domain.errors import InvalidValue, UnableTo
from billing.domain.invoice_lines import line_id
from billing.domain.money import Money
from billing.ports.dunning import Dispute
from billing.ports.invoicing import Invoice
from billing.ports.unit_of_work import UnitOfWork
from billing.services.customer_sessions import BY_CUSTOMER
from billing.services.owed_lines import OwedLine, owed_line

_STANDING = ("open", "accepted")  # what was refused may be disputed again by staff, what was credited may not
# The field of a refusal to look at the same thing a second time.
DECIDED = "again"


class UnableToDispute(UnableTo):
    """There is nothing on the invoice, or on the line, to dispute."""


@dataclass(frozen=True)
class DisputablePart:
    """What a dispute is of; ``amount_minor`` zero: all that is open on the invoice, whatever it comes to."""

    amount_minor: int
    line_position: int | None = None
    line_description: str = ""


def decided_before(disputes: Sequence[Dispute], invoice_id: str) -> set[int | None]:
    """Positions of lines whose dispute by the customer was rejected; None among them: that of the whole invoice."""
    return {
        one.line_position
        for one in disputes
        if one.invoice_id == invoice_id and one.status == "rejected" and one.author == BY_CUSTOMER
    }


def refuse_decided(disputes: Sequence[Dispute], invoice: Invoice, position: int | None) -> None:
    """Raises UnableToDispute for what the customer disputed before in vain, each of which stops collection."""
    decided = decided_before(disputes, invoice.invoice_id)
    if position in decided or None in decided:
        raise UnableToDispute(
            f"A dispute of this part of invoice {invoice.number} was looked at and rejected.",
            field=DECIDED,
            value=invoice.invoice_id,
            remedy="Write to us; staff may open another dispute.",
        )


async def disputable(work: UnitOfWork, invoice: Invoice, amount_minor: int, position: int | None) -> DisputablePart:
    """The part that is asked for. Raises UnableToDispute when nothing is left of it, InvalidValue for more."""
    left = await _undisputed(work, invoice)
    if position is None:
        _refuse_excess(amount_minor, left, f"invoice {invoice.number}", "0 for all that is open", invoice)
        return DisputablePart(amount_minor)
    owed = await owed_line(work, invoice, position)
    most = min(left, await _left_of_line(work, invoice, owed, amount_minor))
    if most <= 0:
        raise _nothing_on_line(invoice, owed)
    name = f"{owed.line.description!r} of invoice {invoice.number}"
    _refuse_excess(amount_minor, most, name, "0 for all of the line", invoice)
    return DisputablePart(amount_minor or most, position, owed.line.description)


async def _undisputed(work: UnitOfWork, invoice: Invoice) -> int:
    opened = await work.ledger.open_invoices(invoice.account_id)
    left = next((one.open_minor - one.disputed_minor for one in opened if one.invoice_id == invoice.invoice_id), 0)
    if left <= 0:
        raise UnableToDispute(
            f"Nothing undisputed is open on invoice {invoice.number}.",
            field="invoice_id",
            value=invoice.invoice_id,
            remedy="Refund the payment, or adjust the next invoice with a negative amount.",
        )
    return left


async def _left_of_line(work: UnitOfWork, invoice: Invoice, owed: OwedLine, amount_minor: int) -> int:
    """What is owed for the line, less what is disputed of it or was credited for it."""
    gross_minor = amount_minor if owed.gross_minor is None else owed.gross_minor
    if owed.gross_minor is None and amount_minor == 0:
        raise InvalidValue(
            "The invoice does not say at which VAT rate this line was taxed.",
            field="amount_minor",
            value=amount_minor,
            remedy="Say how much of it is disputed, VAT included.",
        )
    of_line = [
        one.amount_minor
        for one in await work.dunning.disputes(invoice.account_id)
        if one.invoice_id == invoice.invoice_id and one.line_position == owed.position and one.status in _STANDING
    ]
    return gross_minor - sum(of_line)


def _nothing_on_line(invoice: Invoice, owed: OwedLine) -> UnableToDispute:
    return UnableToDispute(
        f"Nothing is left to dispute on {owed.line.description!r} of invoice {invoice.number}: it is free, a credit, a "
        "discount, disputed already, or was credited.",
        field="line_id",
        value=line_id(invoice.invoice_id, owed.position),
        remedy="Dispute another line, or an amount of the invoice.",
    )


def _refuse_excess(amount_minor: int, most_minor: int, what: str, zero: str, invoice: Invoice) -> None:
    if not 0 <= amount_minor <= most_minor:
        raise InvalidValue(
            f"Of {what}, {Money(most_minor, invoice.currency)} can be disputed.",
            field="amount_minor",
            value=amount_minor,
            remedy=f"Use 1 to {most_minor} minor units, or {zero}.",
        )
