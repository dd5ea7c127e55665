"""Corrections: an invoice never changes, another document or entry with its reason corrects it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from billing.domain import ledger as books
from billing.domain.errors import InvalidValue, UnableTo
from billing.domain.money import Money
from billing.domain.tax import TaxTable
from billing.messages.invoicing import AdjustBalanceRequest, CorrectionResult, WaiveInvoiceRequest
from billing.ports.accounts import Brand
from billing.ports.invoicing import Invoice
from billing.ports.unit_of_work import UnitOfWork
from billing.services.bad_debt_vat import settle_vat_of_bad_debts
from billing.services.credit_notes import credit_note
from billing.services.invoicing_commands import (
    CommandContext,
    InvoicingUseCases,
    as_correction,
    earlier_result,
    finish,
    refuse_unreasoned,
    tell,
)

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
        """Credit what is open of an invoice, or less, with a note, its VAT in the proportion of the invoice's.

        With ``line_position`` the note is about that line and takes back its VAT first. Raises UnableToWaiveInvoice
        when nothing is open, NotFound for a line that is not there.
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
            note = await credit_note(work, account, invoice, credit_minor, context, request.line_position)
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
            await settle_vat_of_bad_debts(work, account_id, f"vat-{command_id}", context.now)
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
