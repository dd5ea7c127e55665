"""Money that goes back: refunds and chargebacks, each booked once by the provider's own reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from billing.domain.ledger import (
    Entry,
    EntryKind,
    LedgerAccount,
    Posting,
    money_returned,
    refund_paid,
    reopened_by,
    reversed_entry,
)
from billing.domain.money import Money
from billing.domain.retry import FailureCategory
from billing.domain.staff_cases import REFUND_WAITING
from billing.messages.payments import PaymentStatus
from billing.ports.accounts import TimelineEntry
from billing.ports.payment_provider import DisputeFact, RefundFact
from billing.ports.payments import Attempt
from billing.ports.unit_of_work import UnitOfWork
from billing.services.dead_methods import end_dead_method
from billing.services.write_offs import recover_written_off


async def book_refunds(work: UnitOfWork, attempt: Attempt, facts: Sequence[RefundFact], now: datetime) -> None:
    """Every refund of a payment, ours or made at the provider's own desk; one that failed is taken out again."""
    for fact in facts:
        if fact.asked_as:
            refund = await work.payments.refund(attempt.account_id, fact.asked_as)
            if refund is not None:
                values = {"provider_refund": fact.reference, "status": fact.status}
                await work.payments.change_refund(attempt.account_id, fact.asked_as, values)
                await work.staff_cases.gone(REFUND_WAITING, attempt.account_id, fact.asked_as, now)
        if fact.status == "failed":
            await _take_refund_out(work, attempt, fact, now)
        else:
            await _book_refund(work, attempt, fact, now)


async def _book_refund(work: UnitOfWork, attempt: Attempt, fact: RefundFact, now: datetime) -> None:
    reason = f"refund {fact.asked_as}" if fact.asked_as else "refund made at the provider"
    entry = refund_paid(
        attempt.account_id, attempt.provider, fact.reference, now, fact.amount_minor, fact.currency, reason
    )
    if await work.ledger.post(entry):
        summary = f"Refunded {Money(fact.amount_minor, fact.currency)}."
        await _tell(work, attempt, "refund_paid", summary, fact.reference, reason, now)


async def _take_refund_out(work: UnitOfWork, attempt: Attempt, fact: RefundFact, now: datetime) -> None:
    paid = await work.ledger.find(attempt.account_id, attempt.provider, fact.reference, EntryKind.REFUND_PAID)
    if paid is None:
        return
    back = reversed_entry(paid, EntryKind.REVERSAL_WITHDRAWN, fact.reference, now, "the refund failed")
    if await work.ledger.post(back):
        summary = f"The refund of {Money(fact.amount_minor, fact.currency)} failed; the money is with us again."
        await _tell(work, attempt, "refund_failed", summary, fact.reference, "", now)


async def book_disputes(work: UnitOfWork, attempt: Attempt, facts: Sequence[DisputeFact], now: datetime) -> Attempt:
    """Every chargeback: the invoices owe again, until the dispute is won. The attempt as it stands afterwards."""
    for fact in facts:
        await _book_dispute(work, attempt, fact, now)
    standing = next((fact for fact in facts if fact.standing != "won"), None)
    return await _stand(work, attempt, standing)


async def _book_dispute(work: UnitOfWork, attempt: Attempt, fact: DisputeFact, now: datetime) -> None:
    reversal = await work.ledger.find(attempt.account_id, attempt.provider, fact.reference, EntryKind.PAYMENT_REVERSED)
    if fact.standing == "won":
        if reversal is not None:
            await _withdraw(work, attempt, fact, reversal, now)
        return
    if reversal is not None:
        return
    receipt = await work.ledger.find(
        attempt.account_id, attempt.provider, attempt.provider_payment, EntryKind.PAYMENT_RECEIVED
    )
    if receipt is None:
        raise LookupError(f"no receipt of {attempt.attempt_id} to reverse")
    if await work.ledger.post(reversal_of(receipt, fact, now)):
        await work.payments.change_attempt(attempt.account_id, attempt.attempt_id, {"taken_back_at": now})
        summary = f"The bank took {Money(fact.amount_minor, fact.currency)} back ({fact.reason})."
        if fact.is_final:
            summary += " The payer is guaranteed this refund; it cannot be contested."
        await _tell(work, attempt, "payment_reversed", summary, fact.reference, fact.reason, now)


async def _withdraw(work: UnitOfWork, attempt: Attempt, fact: DisputeFact, reversal: Entry, now: datetime) -> None:
    """The invoices may have been paid otherwise, credited or given up meanwhile: only what is open is paid by it."""
    known = await work.ledger.find(attempt.account_id, attempt.provider, fact.reference, EntryKind.REVERSAL_WITHDRAWN)
    if known is not None:
        return
    reopened = reopened_by(reversal)
    returned_minor = sum(reopened.values())
    await recover_written_off(work, attempt.account_id, reopened, returned_minor, f"won-{fact.reference}", now)
    open_minor = {name: await work.ledger.open_of(attempt.account_id, name) for name in reopened}
    back = money_returned(reversal, fact.reference, now, open_minor, "the dispute was won")
    if await work.ledger.post(back):
        summary = f"The dispute was won: {Money(fact.amount_minor, fact.currency)} is with us again."
        credit = -sum(one.amount_minor for one in back.postings if one.ledger_account == LedgerAccount.CUSTOMER_CREDIT)
        if credit > 0:
            summary += f" {Money(credit, fact.currency)} of it is the customer's credit."
        await _tell(work, attempt, "reversal_withdrawn", summary, fact.reference, "", now)


async def _stand(work: UnitOfWork, attempt: Attempt, standing: DisputeFact | None) -> Attempt:
    """A bank's plain return is a late failure; anything else is a dispute, and no debit is tried by itself."""
    values: dict[str, Any]
    if standing is None:
        values = {"status": PaymentStatus.SUCCEEDED, "category": "", "code": ""}
    elif standing.category is not None:
        values = {"status": PaymentStatus.FAILED, "category": standing.category, "code": standing.reason}
    else:
        category = FailureCategory.CUSTOMER_REFUSED
        values = {"status": PaymentStatus.DISPUTED, "category": category, "code": standing.reason}
    if values["status"] == attempt.status:
        return attempt
    if standing is not None and standing.category is not None:
        await end_dead_method(work, attempt, standing.category, standing.reason)
    await work.payments.change_attempt(attempt.account_id, attempt.attempt_id, values)
    return replace(attempt, **values)


def reversal_of(receipt: Entry, fact: DisputeFact, now: datetime) -> Entry:
    """The receipt's mirror; for a part of it, the customer's credit goes first and then the newest invoice."""
    received = sum(one.amount_minor for one in receipt.postings if one.ledger_account == LedgerAccount.CASH)
    if fact.amount_minor >= received:
        return reversed_entry(receipt, EntryKind.PAYMENT_REVERSED, fact.reference, now, fact.reason)
    left, postings = fact.amount_minor, [Posting(LedgerAccount.CASH, -fact.amount_minor, fact.currency)]
    for posting in reversed(receipt.postings):
        part = min(left, -posting.amount_minor)
        if part > 0:
            postings.append(Posting(posting.ledger_account, part, posting.currency, posting.invoice_id))
            left -= part
    return Entry(
        receipt.account_id,
        EntryKind.PAYMENT_REVERSED,
        now,
        receipt.provider,
        fact.reference,
        tuple(postings),
        fact.reason,
    )


async def _tell(
    work: UnitOfWork, attempt: Attempt, kind: str, summary: str, reference: str, why: str, now: datetime
) -> None:
    reason = {"attempt_id": attempt.attempt_id, "reference": reference, "why": why}
    await work.timeline.add(TimelineEntry(attempt.account_id, now, kind, summary, reason))
