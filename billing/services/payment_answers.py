"""What the process is told about an attempt, read from the books after booking, so that repeating it is safe."""

from __future__ import annotations

from datetime import datetime

from billing.domain.ledger import Entry, EntryKind, LedgerAccount
from billing.messages.notices import NoticeKind
from billing.messages.payments import CollectRequest, PaymentResult, PaymentStatus
from billing.ports.ledger import OpenInvoice
from billing.ports.payments import Attempt
from billing.ports.unit_of_work import UnitOfWork


async def answer(work: UnitOfWork, attempt: Attempt, received_minor: int = 0, explanation: str = "") -> PaymentResult:
    """How an attempt stands.

    ``received_minor`` is repeated until the receipt has been written to the customer: a worker killed right after
    booking must not swallow the thank-you, and the notice itself goes out once.
    """
    paid = attempt.status == PaymentStatus.SUCCEEDED
    if paid and not received_minor and not await _thanked(work, attempt):
        received_minor = attempt.received_minor
    allocated = await work.payments.allocations(attempt.account_id, attempt.attempt_id)
    invoices = tuple(one.invoice_id for one in allocated)
    # A try is also withdrawn because its invoices were paid another way.
    may_be_paid = paid or attempt.status == PaymentStatus.CANCELLED
    settled = await paid_of(work, attempt.account_id, invoices) if may_be_paid else ()
    reopened = await _reopened(work, attempt)
    return PaymentResult(
        attempt_id=attempt.attempt_id,
        status=attempt.status,
        amount_minor=await _amount(work, attempt, reopened),
        currency=attempt.currency,
        received_minor=received_minor if paid else 0,
        category=attempt.category,
        code=attempt.code,
        expected_by=attempt.expected_by if attempt.status == PaymentStatus.PENDING else None,
        settled_invoice_ids=settled,
        reopened_invoice_ids=reopened,
        open_minor=await open_minor(work, attempt.account_id),
        explanation=explanation or _explanation(attempt),
        owed_invoice_ids=await owed_of(work, attempt.account_id),
    )


async def answer_without_attempt(
    work: UnitOfWork, request: CollectRequest, status: PaymentStatus, explanation: str
) -> PaymentResult:
    """Why nothing was collected."""
    return PaymentResult(
        attempt_id=request.attempt_id,
        status=status,
        currency=request.currency,
        settled_invoice_ids=await paid_of(work, request.account_id, request.invoice_ids),
        open_minor=await open_minor(work, request.account_id),
        explanation=explanation,
        owed_invoice_ids=await owed_of(work, request.account_id),
    )


async def held_up(work: UnitOfWork, account_id: str, attempt_id: str, other: Attempt, until: datetime) -> PaymentResult:
    """Another payment of the same invoices is in flight; this one waits for its outcome."""
    return PaymentResult(
        attempt_id=attempt_id,
        status=PaymentStatus.PENDING,
        currency=other.currency,
        expected_by=until,
        open_minor=await open_minor(work, account_id),
        explanation=f"The payment {other.attempt_id} of these invoices is in flight.",
    )


async def open_minor(work: UnitOfWork, account_id: str) -> int:
    """All that is due on the account, minor units."""
    return sum(collectable(invoice) for invoice in await work.ledger.open_invoices(account_id))


def collectable(invoice: OpenInvoice) -> int:
    """What may be asked for: open and not disputed; never negative."""
    return max(invoice.open_minor - invoice.disputed_minor, 0)


async def collectable_of(work: UnitOfWork, account_id: str, invoice_ids: tuple[str, ...]) -> list[OpenInvoice]:
    """Those of the invoices that something may be asked for, oldest first."""
    return [
        invoice
        for invoice in await work.ledger.open_invoices(account_id)
        if invoice.invoice_id in invoice_ids and collectable(invoice) > 0
    ]


async def paid_of(work: UnitOfWork, account_id: str, invoice_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the invoices on which nothing is open any more."""
    return tuple([one for one in invoice_ids if await work.ledger.open_of(account_id, one) <= 0])


async def owed_of(work: UnitOfWork, account_id: str) -> tuple[str, ...]:
    """The account's invoices of which, disputed or not, so much is open that it can be paid by itself."""
    account = await work.accounts.get(account_id)
    least = max((await work.accounts.brand(account.brand)).minimum_charge_minor, 1)
    return tuple(one.invoice_id for one in await work.ledger.open_invoices(account_id) if one.open_minor >= least)


async def _thanked(work: UnitOfWork, attempt: Attempt) -> bool:
    written = await work.notices.of_occasion(attempt.account_id, attempt.attempt_id, NoticeKind.THANK_YOU, "")
    return bool(written)


async def _reopened(work: UnitOfWork, attempt: Attempt) -> tuple[str, ...]:
    """Invoices that this attempt had paid, whose money was taken back, and that still owe."""
    if not attempt.received_minor or attempt.status == PaymentStatus.SUCCEEDED:
        return ()
    receipt = await _receipt(work, attempt)
    named = [] if receipt is None else [one for one in receipt.postings if one.invoice_id is not None]
    invoices = [
        one.invoice_id for one in named if one.ledger_account == LedgerAccount.RECEIVABLE and one.invoice_id is not None
    ]
    return tuple([one for one in invoices if await work.ledger.open_of(attempt.account_id, one) > 0])


async def _receipt(work: UnitOfWork, attempt: Attempt) -> Entry | None:
    return await work.ledger.find(
        attempt.account_id, attempt.provider, attempt.provider_payment, EntryKind.PAYMENT_RECEIVED
    )


async def _amount(work: UnitOfWork, attempt: Attempt, reopened: tuple[str, ...]) -> int:
    if not reopened:
        return attempt.received_minor or attempt.expected_minor
    return sum([await work.ledger.open_of(attempt.account_id, one) for one in reopened])


def _explanation(attempt: Attempt) -> str:
    because = f" ({attempt.category} {attempt.code})" if attempt.category else ""
    return f"Payment {attempt.attempt_id} is {attempt.status}{because}."
