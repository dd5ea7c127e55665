"""Book what a provider says about a payment, once, whatever is repeated and in whatever order it is heard.

The provider's object was read just before; here it meets the books under the account's lock. A payment moves by rank
(unknown < pending < failed < succeeded) and never backwards. Refunds and disputes are objects of their own: each makes
its own ledger entry, unique by the provider's reference, so that hearing of it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from billing.domain.ledger import EntryKind, LedgerAccount, payment_received, spread
from billing.domain.money import Money
from billing.domain.retry import FailureCategory
from billing.messages.payments import PaymentStatus
from billing.ports.accounts import TimelineEntry
from billing.ports.payment_provider import (
    ActionRequired,
    Cancelled,
    Failed,
    Outcome,
    Pending,
    ProviderPayment,
    Succeeded,
    Unknown,
)
from billing.ports.payments import Attempt, AttemptPurpose, Refund
from billing.ports.unit_of_work import UnitOfWork
from billing.services.dead_methods import end_dead_method
from billing.services.payment_reversals import book_disputes, book_refunds

# A pending payment without news is asked for this long after its last expected date, a page sooner.
ASK_PENDING_AGAIN = timedelta(days=1)
ASK_PAGE_AGAIN = timedelta(hours=1)

_RANK = {
    PaymentStatus.UNKNOWN: 0,
    PaymentStatus.ACTION_REQUIRED: 1,
    PaymentStatus.PENDING: 2,
    PaymentStatus.CANCELLED: 3,
    PaymentStatus.FAILED: 3,
    PaymentStatus.SUCCEEDED: 4,
    PaymentStatus.DISPUTED: 4,
}


@dataclass(frozen=True)
class Booked:
    """What booking changed: money newly received, and the attempt as it stands now."""

    attempt: Attempt
    received_minor: int = 0


async def book(
    work: UnitOfWork, attempt: Attempt, payment: ProviderPayment, now: datetime, pending_days: int
) -> Booked:
    """Bring an attempt and the books to where the provider says the payment stands. The account must be locked.

    ``pending_days`` is how long the provider may take to be certain about a payment of this kind.
    """
    if payment.reference and payment.reference != attempt.provider_payment:
        await work.payments.remember(attempt.provider, payment.reference, attempt.account_id, attempt.attempt_id)
        attempt = await _change(work, attempt, {"provider_payment": payment.reference})
    attempt, received = await _book_outcome(work, attempt, payment.outcome, now, pending_days)
    if attempt.received_minor:
        await book_refunds(work, attempt, payment.refunds, now)
        attempt = await book_disputes(work, attempt, payment.disputes, now)
    return Booked(attempt, received)


async def _book_outcome(
    work: UnitOfWork, attempt: Attempt, outcome: Outcome, now: datetime, pending_days: int
) -> tuple[Attempt, int]:
    status = _status(outcome, attempt)
    if isinstance(outcome, Unknown) or _RANK[status] < _RANK[attempt.status]:
        return await _ask_later(work, attempt, now), 0
    match outcome:
        case Succeeded():
            return await _book_receipt(work, attempt, outcome, now)
        case Pending():
            return await _note_pending(work, attempt, outcome, now, pending_days), 0
        case Failed():
            return await _note_failure(work, attempt, outcome, now), 0
        case _:
            return await _note_rest(work, attempt, status, outcome, now), 0


def _status(outcome: Outcome, attempt: Attempt) -> PaymentStatus:
    match outcome:
        case Succeeded():
            return PaymentStatus.SUCCEEDED
        case Pending():
            return PaymentStatus.PENDING
        case Failed():
            return PaymentStatus.FAILED
        case ActionRequired():
            return PaymentStatus.ACTION_REQUIRED
        case Cancelled():
            return PaymentStatus.CANCELLED
    return attempt.status


async def _book_receipt(work: UnitOfWork, attempt: Attempt, outcome: Succeeded, now: datetime) -> tuple[Attempt, int]:
    """Money came: shared by the attempt's allocation, as far as it is still open; the rest is the customer's credit."""
    shares = await _shares(work, attempt, outcome)
    entry = payment_received(
        attempt.account_id,
        attempt.provider,
        attempt.provider_payment,
        now,
        outcome.received_minor,
        outcome.currency,
        shares,
    )
    if not await work.ledger.post(entry):
        return attempt, 0
    await work.payments.release(attempt.account_id, attempt.attempt_id)
    values = {
        "status": PaymentStatus.SUCCEEDED,
        "received_minor": outcome.received_minor,
        "settled_at": now,
        "category": "",
        "code": "",
    }
    changed = await _change(work, attempt, values)
    surplus = outcome.received_minor - sum(shares.values())
    await _tell_received(work, attempt, outcome, shares, surplus, now)
    if surplus > 0 and await _paid_elsewhere(work, attempt):
        await _plan_surplus_refund(work, attempt, outcome, surplus, now)
    return changed, outcome.received_minor


async def _shares(work: UnitOfWork, attempt: Attempt, outcome: Succeeded) -> dict[str, int]:
    if outcome.currency != attempt.currency:
        return {}  # another currency pays nothing by itself: it is held for the customer until a person decides
    allocated = await work.payments.allocations(attempt.account_id, attempt.attempt_id)
    open_parts = []
    for allocation in allocated:
        still_open = await work.ledger.open_of(attempt.account_id, allocation.invoice_id)
        open_parts.append((allocation.invoice_id, still_open))
    return spread(outcome.received_minor, open_parts)


async def _paid_elsewhere(work: UnitOfWork, attempt: Attempt) -> bool:
    """True when another payment paid one of this attempt's invoices: the later of two is given back."""
    allocated = await work.payments.allocations(attempt.account_id, attempt.attempt_id)
    invoices = {allocation.invoice_id for allocation in allocated}
    return any(
        entry.kind == EntryKind.PAYMENT_RECEIVED
        and (entry.provider, entry.reference) != (attempt.provider, attempt.provider_payment)
        and any(
            posting.ledger_account == LedgerAccount.RECEIVABLE and posting.invoice_id in invoices
            for posting in entry.postings
        )
        for entry in await work.ledger.entries(attempt.account_id)
    )


async def _plan_surplus_refund(
    work: UnitOfWork, attempt: Attempt, outcome: Succeeded, surplus: int, now: datetime
) -> None:
    await work.payments.add_refund(
        Refund(
            account_id=attempt.account_id,
            refund_id=f"{attempt.attempt_id}-surplus",
            attempt_id=attempt.attempt_id,
            amount_minor=surplus,
            currency=outcome.currency,
            status="requested",
            reason="The invoice had been paid already.",
            author="evenflow",
            created_at=now,
        )
    )


async def _tell_received(
    work: UnitOfWork, attempt: Attempt, outcome: Succeeded, shares: Mapping[str, int], surplus: int, now: datetime
) -> None:
    reason = {
        "attempt_id": attempt.attempt_id,
        "expected_minor": attempt.expected_minor,
        "received_minor": outcome.received_minor,
        "shares": dict(shares),
        "surplus_minor": surplus,
    }
    summary = f"Received {Money(outcome.received_minor, outcome.currency)}."
    if outcome.received_minor != attempt.expected_minor or outcome.currency != attempt.currency:
        summary += f" Expected was {Money(attempt.expected_minor, attempt.currency)}."
    await tell(work, attempt, "payment_received", summary, reason, now)


async def _note_pending(
    work: UnitOfWork, attempt: Attempt, outcome: Pending, now: datetime, pending_days: int
) -> Attempt:
    expected_by = outcome.expected_by or attempt.expected_by
    if attempt.status != PaymentStatus.PENDING:
        begins = max(now, _noon(attempt, now))
        expected_by = outcome.expected_by or begins + timedelta(days=pending_days)
        summary = (
            f"The provider took the debit of {Money(attempt.expected_minor, attempt.currency)}; outcome to follow."
        )
        await tell(work, attempt, "payment_pending", summary, {"expected_by": expected_by.isoformat()}, now)
    elif expected_by is None or expected_by <= now:
        expected_by = now + ASK_PENDING_AGAIN
    return await _change(
        work, attempt, {"status": PaymentStatus.PENDING, "expected_by": expected_by, "category": "", "code": ""}
    )


def _noon(attempt: Attempt, now: datetime) -> datetime:
    day = attempt.debit_on
    return now if day is None else now.replace(year=day.year, month=day.month, day=day.day, hour=12)


async def _note_failure(work: UnitOfWork, attempt: Attempt, outcome: Failed, now: datetime) -> Attempt:
    """A decline, or a debit that came back: it was never paid, whatever it was pending for."""
    if attempt.status == PaymentStatus.FAILED:
        return attempt
    await work.payments.release(attempt.account_id, attempt.attempt_id)
    await end_dead_method(work, attempt, outcome.category, outcome.code)
    reason = {"attempt_id": attempt.attempt_id, "category": outcome.category, "code": outcome.code}
    summary = f"The payment of {Money(attempt.expected_minor, attempt.currency)} failed: {outcome.code}."
    await tell(work, attempt, "payment_failed", summary, reason | {"scheme_code": outcome.detail}, now)
    values = {
        "status": PaymentStatus.FAILED,
        "category": outcome.category,
        "code": outcome.detail or outcome.code,
        "settled_at": now,
    }
    return await _change(work, attempt, values)


async def _note_rest(
    work: UnitOfWork, attempt: Attempt, status: PaymentStatus, outcome: Outcome, now: datetime
) -> Attempt:
    """Cancelled ends a try; "the customer must act" ends a debit, and on a page it means that the page is open."""
    if status == attempt.status and attempt.settled_at is not None:
        return attempt
    if status == PaymentStatus.ACTION_REQUIRED and attempt.purpose == AttemptPurpose.PAY_SESSION:
        return await _ask_later(work, attempt, now)
    await work.payments.release(attempt.account_id, attempt.attempt_id)
    category = FailureCategory.NEEDS_CUSTOMER if status == PaymentStatus.ACTION_REQUIRED else ""
    code = outcome.code if isinstance(outcome, ActionRequired) else ""
    summary = "The bank asks the customer to confirm." if category else "Withdrawn before money moved."
    await tell(work, attempt, f"payment_{status}", summary, {"attempt_id": attempt.attempt_id, "code": code}, now)
    return await _change(work, attempt, {"status": status, "category": category, "code": code, "settled_at": now})


async def _ask_later(work: UnitOfWork, attempt: Attempt, now: datetime) -> Attempt:
    """Nothing new: set when to ask again."""
    if attempt.settled_at is not None or (attempt.expected_by is not None and attempt.expected_by > now):
        return attempt
    if attempt.status == PaymentStatus.UNKNOWN:
        return attempt
    again = ASK_PAGE_AGAIN if attempt.purpose == AttemptPurpose.PAY_SESSION else ASK_PENDING_AGAIN
    return await _change(work, attempt, {"expected_by": now + again})


async def tell(
    work: UnitOfWork, attempt: Attempt, kind: str, summary: str, reason: Mapping[str, Any], now: datetime
) -> None:
    """Write on the account's timeline."""
    await work.timeline.add(TimelineEntry(attempt.account_id, now, kind, summary, reason))


async def _change(work: UnitOfWork, attempt: Attempt, values: Mapping[str, Any]) -> Attempt:
    await work.payments.change_attempt(attempt.account_id, attempt.attempt_id, values)
    return replace(attempt, **values)
