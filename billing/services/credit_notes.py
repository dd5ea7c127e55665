"""Credit notes: what is taken back of an invoice, with the VAT of what it is taken back of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.domain import ledger as books
from billing.domain.cycle_calendar import local_date
from billing.domain.invoice import CreditShare, DocumentKind, InvoiceLine, Section, split_credit
from billing.domain.money import Money
from billing.ports.accounts import Account
from billing.ports.invoicing import Invoice, InvoiceTax
from billing.ports.unit_of_work import UnitOfWork
from billing.services.invoicing_commands import CommandContext
from billing.services.invoicing_numbers import customer_as_printed, series_of
from billing.services.owed_lines import owed_line


@dataclass(frozen=True)
class _Part:
    """A part of the credit at one VAT rate, and the line of the invoice it is about, if it is about one."""

    share: CreditShare
    line: InvoiceLine | None = None


async def credit_note(
    work: UnitOfWork,
    account: Account,
    invoice: Invoice,
    credit_minor: int,
    context: CommandContext,
    line_position: int = 0,
) -> Invoice:
    """Book and number a note over a gross amount; the books come first, because the number's series is locked last.

    A note about a line takes back the VAT of that line's rate. What is no longer there to credit at that rate, because
    earlier notes were of the whole invoice, is taken from the other rates.
    """
    parts = await _parts(work, invoice, credit_minor, line_position)
    net_minor, vat_minor = sum(each.share.net_minor for each in parts), sum(each.share.vat_minor for each in parts)
    note_id = await work.invoices.next_invoice_id()
    await work.ledger.post(
        books.credit_note_issued(
            invoice.account_id, note_id, invoice.invoice_id, context.now, net_minor, vat_minor, invoice.currency,
            context.reason,
        )
    )  # fmt: skip
    brand = await work.accounts.brand(account.brand)
    day = local_date(context.now, brand.zone)
    note = Invoice(
        account_id=invoice.account_id,
        invoice_id=note_id,
        kind=DocumentKind.CREDIT_NOTE.value,
        number="",
        brand=invoice.brand,
        invoice_date=day,
        due_on=day,
        period_from=invoice.period_from,
        period_to=invoice.period_to,
        issued_at=context.now,
        currency=invoice.currency,
        net_minor=net_minor,
        vat_minor=vat_minor,
        total_minor=net_minor + vat_minor,
        method_kind="none",
        corrects_invoice_id=invoice.invoice_id,
        explanation=context.reason,
        author=context.author,
        customer=customer_as_printed(account),
    )
    series = series_of(invoice.brand, DocumentKind.CREDIT_NOTE, day)
    return await work.invoices.add(note, series, _note_lines(invoice, parts), _note_taxes(parts))


async def _parts(work: UnitOfWork, invoice: Invoice, credit_minor: int, line_position: int) -> list[_Part]:
    left = await _left_to_credit(work, invoice)
    if not line_position:
        return [_Part(share) for share in split_credit(credit_minor, left)]
    owed = await owed_line(work, invoice, line_position)
    rate = None if owed.tax is None else (str(owed.tax.percent), owed.tax.category)
    own = [share for share in left if (share.percent, share.category) == rate and share.gross_minor > 0]
    of_line = min(credit_minor, sum(share.gross_minor for share in own))
    parts = [_Part(share, owed.line) for share in split_credit(of_line, own)] if of_line else []
    if credit_minor > of_line:
        others = [share for share in left if share not in own]
        parts += [_Part(share, owed.line) for share in split_credit(credit_minor - of_line, others)]
    return parts


async def _left_to_credit(work: UnitOfWork, invoice: Invoice) -> list[CreditShare]:
    """What earlier credit notes have left of each rate of the invoice."""
    credited: dict[tuple[Decimal, str], tuple[int, int]] = {}
    for tax in await work.invoices.credited_taxes(invoice.account_id, invoice.invoice_id):
        net, vat = credited.get((tax.percent, tax.category), (0, 0))
        credited[(tax.percent, tax.category)] = (net + tax.net_minor, vat + tax.vat_minor)
    shares = []
    for tax in await work.invoices.taxes(invoice.account_id, invoice.invoice_id):
        net, vat = credited.get((tax.percent, tax.category), (0, 0))
        shares.append(CreditShare(str(tax.percent), tax.category, tax.net_minor - net, tax.vat_minor - vat))
    return shares


def _note_lines(invoice: Invoice, parts: Sequence[_Part]) -> list[InvoiceLine]:
    return [_note_line(invoice, part.share, part.line) for part in parts]


def _note_line(invoice: Invoice, share: CreditShare, line: InvoiceLine | None) -> InvoiceLine:
    about = f"Credit on invoice {invoice.number}"
    return InvoiceLine(
        Section.ADJUSTMENT,
        "credit",
        about if line is None else f"{about}: {line.description}",
        Money(share.net_minor, invoice.currency),
        service_id=None if line is None else line.service_id,
        explanation=(f"the part of the credit taxed at {Decimal(share.percent).normalize():f} %",),
    )


def _note_taxes(parts: Sequence[_Part]) -> list[InvoiceTax]:
    shares = [part.share for part in parts]
    return [InvoiceTax(Decimal(each.percent), each.category, each.net_minor, each.vat_minor) for each in shares]
