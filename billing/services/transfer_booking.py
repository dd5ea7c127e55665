"""Money that a customer sent without being asked: booked once, on the invoices it names, the rest as credit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.ledger import payment_received, spread
from billing.domain.money import Money
from billing.messages.payments import PaymentStatus
from billing.ports.accounts import TimelineEntry
from billing.ports.bank_statements import BANK_TRANSFER, News
from billing.ports.payments import Allocation, Attempt, AttemptPurpose
from billing.ports.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Transfer:
    """What came, and for whom. ``reference`` is the bank entry's payment or the suspense item it waited as.

    ``invoice_ids`` are paid in this order; none: the oldest open invoices. ``because`` says why it is this account's.
    """

    account_id: str
    reference: str
    amount_minor: int
    currency: str
    invoice_ids: Sequence[str]
    because: str
    author: str = "evenflow"


async def book_transfer(work: UnitOfWork, transfer: Transfer, now: datetime) -> str:
    """Book it on the account, which must be locked, and note that its process is to be told; the payment's id.

    Booked as received: never more on an invoice than is open of it, the rest is the customer's credit. Money of another
    currency than an invoice's pays nothing by itself (docs/payments.md).
    """
    shares = await _shares(work, transfer)
    entry = payment_received(
        transfer.account_id,
        BANK_TRANSFER,
        transfer.reference,
        now,
        transfer.amount_minor,
        transfer.currency,
        shares,
    )
    if await work.ledger.post(entry):
        await _keep_attempt(work, transfer, shares, now)
        await _tell(work, transfer, shares, now)
    await work.bank_statements.add_news(News(transfer.account_id, transfer.reference, transfer.reference), now)
    return transfer.reference


async def _shares(work: UnitOfWork, transfer: Transfer) -> dict[str, int]:
    open_ones = {
        one.invoice_id: one
        for one in await work.ledger.open_invoices(transfer.account_id)
        if one.currency == transfer.currency and one.open_minor > 0
    }
    named = [open_ones[one] for one in transfer.invoice_ids if one in open_ones]
    wanted = named if transfer.invoice_ids else list(open_ones.values())
    return spread(transfer.amount_minor, [(one.invoice_id, one.open_minor) for one in wanted])


async def _keep_attempt(work: UnitOfWork, transfer: Transfer, shares: dict[str, int], now: datetime) -> None:
    attempt = Attempt(
        account_id=transfer.account_id,
        attempt_id=transfer.reference,
        purpose=AttemptPurpose.TRANSFER,
        provider=BANK_TRANSFER,
        expected_minor=transfer.amount_minor,
        currency=transfer.currency,
        status=PaymentStatus.SUCCEEDED,
        created_at=now,
        provider_payment=transfer.reference,
        received_minor=transfer.amount_minor,
        settled_at=now,
    )
    allocations = [
        Allocation(transfer.account_id, transfer.reference, invoice_id, share, live=False)
        for invoice_id, share in shares.items()
    ]
    await work.payments.add_attempt(attempt, allocations)


async def _tell(work: UnitOfWork, transfer: Transfer, shares: dict[str, int], now: datetime) -> None:
    credit = transfer.amount_minor - sum(shares.values())
    summary = f"Received {Money(transfer.amount_minor, transfer.currency)} by bank transfer."
    if credit:
        summary += f" {Money(credit, transfer.currency)} of it are credit."
    reason = {"attempt_id": transfer.reference, "shares": shares, "surplus_minor": credit, "because": transfer.because}
    row = TimelineEntry(transfer.account_id, now, "payment_received", summary, reason, transfer.author)
    await work.timeline.add(row)
