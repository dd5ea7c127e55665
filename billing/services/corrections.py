"""Corrections: an invoice never changes, another document or entry with its reason corrects it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from billing.domain import ledger as books
from billing.domain.cycle_calendar import local_date
from billing.domain.errors import InvalidValue, UnableTo
from billing.domain.invoice import CreditShare, DocumentKind, InvoiceLine, Section, split_credit
from billing.domain.money import Money
from billing.domain.tax import TaxTable
from billing.messages.invoicing import AdjustBalanceRequest, CorrectionResult, WaiveInvoiceRequest
from billing.ports.accounts import Account, Brand
from billing.ports.invoicing import Invoice, InvoiceTax
from billing.ports.unit_of_work import UnitOfWork
from billing.services.invoicing_commands import (
    CommandContext,
    InvoicingUseCases,
    as_correction,
    earlier_result,
    finish,
    refuse_unreasoned,
    tell,
)
from billing.services.invoicing_numbers import customer_as_printed, series_of

STANDARD_TAX = "standard"


class UnableToWaiveInvoice(UnableTo):
    """There is nothing on the invoice to credit."""


class UnableToAdjustBalance(UnableTo):
    """There is no next invoice to put a line on."""


class UnableToWriteOff(UnableTo):
    """There is nothing open to give up."""


class Corrections(InvoicingUseCases):
    """Waive, adjust, write off; each command counts once."""

    async def waive_invoice(self, request: WaiveInvoiceRequest) -> CorrectionResult:
        """Credit what is open of an invoice, or less, with a credit note, its VAT in the proportion of the invoice's.

        Raises UnableToWaiveInvoice when nothing is open.
        """
        context = self._context(request, "waive_invoice")
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            known = await earlier_result(work, context)
            if known is not None:
                return as_correction(known)
            refuse_unreasoned(context)
            invoice = await work.invoices.get(request.account_id, request.invoice_id)
            open_minor = await _waivable(work, invoice)
            credit_minor = min(request.amount_minor, open_minor) if request.amount_minor > 0 else open_minor
            note = await _credit_note(work, account, invoice, credit_minor, context)
            summary = f"Credit note {note.number} of {_shown(note)} on invoice {invoice.number}"
            await tell(work, context, summary, {"invoice_id": invoice.invoice_id, "credit_note_id": note.invoice_id})
            open_after = await _open_minor(work, request.account_id)
            settled = (invoice.invoice_id,) if credit_minor == open_minor else ()
            result = CorrectionResult(note.invoice_id, open_after, settled, summary)
            return await finish(work, context, result)

    async def adjust_balance(self, request: AdjustBalanceRequest) -> CorrectionResult:
        """Put a net line on the next invoice.

        Raises InvalidValue for no amount or no description, UnableToAdjustBalance for an account without a next bill.
        """
        context = self._context(request, "adjust_balance")
        async with self._make_work() as work:
            account = await work.accounts.lock(request.account_id)
            known = await earlier_result(work, context)
            if known is not None:
                return as_correction(known)
            refuse_unreasoned(context)
            await _refuse_unusable(work, request)
            brand = await work.accounts.brand(account.brand)
            line = await work.invoices.add_adjustment(_adjustment(request, brand, context))
            amount = Money(request.amount_minor, brand.currency)
            summary = f"{request.description}: {amount} net on the next invoice"
            await tell(work, context, summary, {"amount_minor": request.amount_minor, "line": line.adjustment_id})
            open_minor = await _open_minor(work, request.account_id)
            return await finish(work, context, CorrectionResult(line.adjustment_id, open_minor, (), summary))

    async def write_off(
        self, account_id: str, invoice_ids: Sequence[str], reason: str, author: str, command_id: str
    ) -> CorrectionResult:
        """Give up what is open of these invoices; ``command_id`` is required, it is the entry's reference.

        Raises UnableToWriteOff when nothing is open on them.
        """
        context = CommandContext(account_id, "write_off", command_id, author, reason, self._clock.now())
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            known = await earlier_result(work, context)
            if known is not None:
                return as_correction(known)
            refuse_unreasoned(context)
            shares = await _to_write_off(work, context, invoice_ids)
            currency = (await work.accounts.brand(account.brand)).currency
            await work.ledger.post(books.written_off(account_id, command_id, context.now, shares, currency, reason))
            summary = f"Written off {Money(sum(shares.values()), currency)} of {len(shares)} invoices"
            await tell(work, context, summary, {"shares_minor": shares})
            open_minor = await _open_minor(work, account_id)
            return await finish(work, context, CorrectionResult(command_id, open_minor, tuple(shares), summary))

    def _context(self, request: WaiveInvoiceRequest | AdjustBalanceRequest, kind: str) -> CommandContext:
        return CommandContext(
            request.account_id, kind, request.command_id, request.author, request.reason, self._clock.now()
        )


async def _waivable(work: UnitOfWork, invoice: Invoice) -> int:
    open_minor = await work.ledger.open_of(invoice.account_id, invoice.invoice_id)
    if open_minor <= 0:
        raise UnableToWaiveInvoice(
            f"Nothing is open on {invoice.kind.replace('_', ' ')} {invoice.number}.",
            field="invoice_id",
            value=invoice.invoice_id,
            remedy="Refund the payment, or adjust the next invoice with a negative amount.",
        )
    return open_minor


async def _credit_note(
    work: UnitOfWork, account: Account, invoice: Invoice, credit_minor: int, context: CommandContext
) -> Invoice:
    """Book and number the document; the books come first, because the number's series is locked last."""
    shares = split_credit(credit_minor, await _left_to_credit(work, invoice))
    net_minor, vat_minor = sum(each.net_minor for each in shares), sum(each.vat_minor for each in shares)
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
    return await work.invoices.add(note, series, _note_lines(invoice, shares), _note_taxes(shares))


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


def _note_lines(invoice: Invoice, shares: Sequence[CreditShare]) -> list[InvoiceLine]:
    return [
        InvoiceLine(
            Section.ADJUSTMENT,
            "credit",
            f"Credit on invoice {invoice.number}",
            Money(share.net_minor, invoice.currency),
            explanation=(f"the part of the credit taxed at {Decimal(share.percent).normalize():f} %",),
        )
        for share in shares
    ]


def _note_taxes(shares: Sequence[CreditShare]) -> list[InvoiceTax]:
    return [InvoiceTax(Decimal(each.percent), each.category, each.net_minor, each.vat_minor) for each in shares]


async def _refuse_unusable(work: UnitOfWork, request: AdjustBalanceRequest) -> None:
    if request.amount_minor == 0 or not request.description.strip():
        field = "description" if request.amount_minor else "amount_minor"
        raise InvalidValue(
            "An adjustment has an amount and a text for the invoice.",
            field=field,
            value=getattr(request, field),
            remedy="Give a net amount in minor units, negative for a credit, and a description.",
        )
    if await work.accounts.open_cycle(request.account_id) is None:
        raise UnableToAdjustBalance(
            "The account has had its last invoice.",
            field="account_id",
            value=request.account_id,
            remedy="Waive an open invoice, or refund a payment.",
        )


def _adjustment(request: AdjustBalanceRequest, brand: Brand, context: CommandContext) -> dict[str, Any]:
    percents = TaxTable.from_dict(brand.tax_table, "tax_table").percents
    # A table without the usual code taxes by its highest rate: never too little VAT by accident.
    tax_code = STANDARD_TAX if STANDARD_TAX in percents else max(percents, key=lambda code: percents[code])
    return {
        "account_id": request.account_id,
        "amount_minor": request.amount_minor,
        "currency": brand.currency,
        "tax_code": tax_code,
        "description": request.description,
        "reason": request.reason,
        "author": request.author,
        "created_at": context.now,
    }


async def _to_write_off(work: UnitOfWork, context: CommandContext, invoice_ids: Sequence[str]) -> dict[str, int]:
    amounts = [(each, await work.ledger.open_of(context.account_id, each)) for each in dict.fromkeys(invoice_ids)]
    shares = {invoice_id: amount for invoice_id, amount in amounts if amount > 0}
    if not shares or not context.command_id:
        raise UnableToWriteOff(
            "Nothing is open on these invoices." if context.command_id else "A write-off needs a command id.",
            field="invoice_ids" if context.command_id else "command_id",
            value=", ".join(invoice_ids),
            remedy="Name invoices with an open amount, and an id for the command.",
        )
    return shares


async def _open_minor(work: UnitOfWork, account_id: str) -> int:
    return sum(each.open_minor for each in await work.ledger.open_invoices(account_id))


def _shown(note: Invoice) -> str:
    return str(Money(note.total_minor, note.currency))
