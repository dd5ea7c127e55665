"""What became of a payout at the bank: it left, it was refused, or it came back; each written down and booked once."""

from __future__ import annotations

from datetime import datetime

from billing.domain.ledger import EntryKind, reversed_entry
from billing.domain.money import Money
from billing.domain.sepa_reasons import reason_of
from billing.ports.accounts import TimelineEntry
from billing.ports.bank_files import BANK_FILES
from billing.ports.bank_payouts import BANK_PAYOUTS, UNDONE, Payout, PayoutStatus
from billing.ports.bank_statements import KeptEntry, KeptPayment
from billing.ports.payment_provider import RefundFact
from billing.ports.suspense import Why
from billing.ports.unit_of_work import UnitOfWork
from billing.services.payment_reversals import book_refunds

AT_THE_BANK = (PayoutStatus.BATCHED, PayoutStatus.SENT)
Refusal = tuple[Why, str]


async def payout_owner(work: UnitOfWork, end_to_end_id: str) -> tuple[str, str] | None:
    """Account and payout that the bank names."""
    return await work.payments.owner_of(BANK_PAYOUTS, [end_to_end_id]) if end_to_end_id else None


async def pay_payout(
    work: UnitOfWork, payout: Payout, entry: KeptEntry, payment: KeptPayment, now: datetime
) -> Refusal | None:
    """The money left our account; None, or why it cannot be this payout's. The account must be locked."""
    if payout.status not in AT_THE_BANK:
        return Why.NOT_EXPECTED, f"Payout {payout.payout_id} is {payout.status} already."
    if (-payment.amount_minor, entry.currency) != (payout.amount_minor, payout.currency):
        expected = Money(payout.amount_minor, payout.currency)
        return Why.OTHER_AMOUNT, f"Payout {payout.payout_id} is of {expected}, which is not what left."
    values = {"status": PayoutStatus.PAID, "paid_at": now, "changed_at": now}
    values |= {"bank_reference": payment.bank_reference or entry.bank_reference, "reason_code": "", "reason_text": ""}
    await work.bank_payouts.change(payout.account_id, payout.payout_id, values)
    summary = f"The payout of {Money(payout.amount_minor, payout.currency)} was carried out by the bank."
    facts = {"payout_id": payout.payout_id, "bank_reference": values["bank_reference"]}
    await work.timeline.add(TimelineEntry(payout.account_id, now, "payout_paid", summary, facts))
    if payout.attempt_id:
        await _note_refund(work, payout, "succeeded", now)
    return None


async def return_payout(
    work: UnitOfWork, payout: Payout, entry: KeptEntry, payment: KeptPayment, now: datetime
) -> Refusal | None:
    """The customer's bank sent it back: the credit is the customer's again."""
    if payout.status != PayoutStatus.PAID:
        return Why.NOT_EXPECTED, f"Payout {payout.payout_id} is {payout.status}, and money of it comes back."
    if (payment.amount_minor, entry.currency) != (payout.amount_minor, payout.currency):
        expected = Money(payout.amount_minor, payout.currency)
        return Why.OTHER_AMOUNT, f"Payout {payout.payout_id} is of {expected}, which is not what came back."
    reason = reason_of(payment.return_code)
    told = payment.return_text or reason.meaning
    await undo_payout(work, payout, PayoutStatus.RETURNED, reason.code, told, now)
    return None


async def undo_payout(
    work: UnitOfWork,
    payout: Payout,
    status: PayoutStatus,
    code: str,
    told: str,
    now: datetime,
    author: str = "evenflow",
) -> None:
    """It did not reach the customer: the entry that took it off the credit is mirrored. The account must be locked."""
    if payout.status in UNDONE:
        return
    values = {"status": status, "reason_code": code, "reason_text": told, "changed_at": now}
    values |= {"returned_at": now} if status == PayoutStatus.RETURNED else {}
    await work.bank_payouts.change(payout.account_id, payout.payout_id, values)
    why = f"{code}: {told}" if code else told
    summary = f"The payout of {Money(payout.amount_minor, payout.currency)} was {status}: {why}. It is credit again."
    facts = {"payout_id": payout.payout_id, "code": code, "why": told}
    await work.timeline.add(TimelineEntry(payout.account_id, now, f"payout_{status}", summary, facts, author))
    if payout.attempt_id:
        await _note_refund(work, payout, "failed", now)
    else:
        await _undo_entry(work, payout, now)


async def _note_refund(work: UnitOfWork, payout: Payout, status: str, now: datetime) -> None:
    """The refund that the payout carries out stands so; the booking is that of every refund."""
    attempt = await work.payments.attempt(payout.account_id, payout.attempt_id)
    assert attempt is not None
    fact = RefundFact(payout.end_to_end_id, payout.amount_minor, payout.currency, status, payout.command_id)
    await book_refunds(work, attempt, (fact,), now)


async def _undo_entry(work: UnitOfWork, payout: Payout, now: datetime) -> None:
    paid = await work.ledger.find(payout.account_id, BANK_FILES, payout.end_to_end_id, EntryKind.REFUND_PAID)
    assert paid is not None, f"the payout {payout.payout_id} was never booked"
    back = reversed_entry(paid, EntryKind.REVERSAL_WITHDRAWN, payout.end_to_end_id, now, "the payout did not arrive")
    await work.ledger.post(back)
