"""What an invoice asks the customer to pay: credit is used first, small amounts wait for the next invoice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing.domain import ledger as books
from billing.domain.money import Money
from billing.ports.invoicing import Invoice
from billing.ports.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Collecting:
    """What is announced with an invoice: ``to_collect_minor`` of ``invoice_ids``; nothing when ``is_carried_over``."""

    to_collect_minor: int
    invoice_ids: tuple[str, ...]
    is_carried_over: bool
    explanation: str


async def use_credit(work: UnitOfWork, draft: Invoice, minimum_charge_minor: int, now: datetime) -> int:
    """Set a negative invoice aside as the customer's credit, then use the credit there is on what is to be paid now.

    Answers the credit used, in minor units.
    """
    if draft.total_minor < 0:
        await work.ledger.post(
            books.credit_moved(
                draft.account_id, draft.invoice_id, now, draft.total_minor, draft.currency, draft.invoice_id
            )
        )
    credit = await work.ledger.credit_minor(draft.account_id, draft.currency)
    if credit <= 0:
        return 0
    shares = books.spread(credit, await _payable(work, draft, minimum_charge_minor))
    for invoice_id, share in shares.items():
        reference = f"{draft.invoice_id}/{invoice_id}"
        await work.ledger.post(books.credit_moved(draft.account_id, reference, now, share, draft.currency, invoice_id))
    return sum(shares.values())


async def decide_collecting(
    work: UnitOfWork, draft: Invoice, minimum_charge_minor: int, credit_used_minor: int, now: datetime, *, last: bool
) -> Collecting:
    """What is left to pay of this invoice and of those carried over; below the provider's minimum it waits.

    After the ``last`` invoice there is nothing to wait for: the small amount is written off.
    """
    open_amounts = await _payable(work, draft, minimum_charge_minor)
    total_minor = sum(amount for _, amount in open_amounts)
    text = _explanation(draft, total_minor, credit_used_minor, len(open_amounts))
    if last:
        text += await _credit_left(work, draft)
    if not 0 < total_minor < minimum_charge_minor:
        return Collecting(total_minor, tuple(invoice_id for invoice_id, _ in open_amounts), False, text)
    below = f"That is below the minimum charge of {Money(minimum_charge_minor, draft.currency)}"
    if not last:
        return Collecting(0, (), True, f"{text} {below}: it is collected with the next invoice.")
    why = "Below the minimum charge, and no invoice follows."
    await work.ledger.post(
        books.written_off(draft.account_id, draft.invoice_id, now, dict(open_amounts), draft.currency, why)
    )
    return Collecting(0, (), False, f"{text} {below} and no invoice follows: it is written off.")


async def _credit_left(work: UnitOfWork, draft: Invoice) -> str:
    """Credit has no later invoice to be used on."""
    credit = await work.ledger.credit_minor(draft.account_id, draft.currency)
    return f" Credit of {Money(credit, draft.currency)} is left and is to be refunded." if credit > 0 else ""


async def _payable(work: UnitOfWork, draft: Invoice, minimum_charge_minor: int) -> list[tuple[str, int]]:
    """Invoices carried over and this one, oldest first, with what is open of each."""
    candidates = [*await work.invoices.carried_over(draft.account_id, minimum_charge_minor), draft.invoice_id]
    amounts = [(each, await work.ledger.open_of(draft.account_id, each)) for each in candidates]
    return [(invoice_id, amount) for invoice_id, amount in amounts if amount > 0]


def _explanation(draft: Invoice, total_minor: int, credit_used_minor: int, invoices: int) -> str:
    parts = [f"Total {Money(draft.total_minor, draft.currency)}"]
    if draft.total_minor < 0:
        parts.append("set aside as credit for the next invoices")
    if credit_used_minor:
        parts.append(f"credit used {Money(credit_used_minor, draft.currency)}")
    if invoices > 1:
        parts.append(f"with {invoices - 1} carried over")
    parts.append(f"to pay {Money(total_minor, draft.currency)}" if total_minor else "nothing to pay")
    return f"{', '.join(parts)}."
