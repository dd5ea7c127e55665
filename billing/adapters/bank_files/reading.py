"""A debit by file in the words of the payment port: what the bank said so far, and what follows from it."""

from __future__ import annotations

from datetime import UTC, datetime, time

from billing.domain.bank_dates import SETTLES_WITHIN_BANKING_DAYS
from billing.domain.banking_days import TARGET, add_banking_days
from billing.domain.retry import FailureCategory
from billing.domain.sepa_reasons import reason_of
from billing.ports.bank_files import BankDebit, DebitStatus
from billing.ports.bank_payouts import UNDONE, Payout, PayoutStatus
from billing.ports.payment_provider import (
    Cancelled,
    DisputeFact,
    Failed,
    Outcome,
    Pending,
    ProviderPayment,
    RefundFact,
    Succeeded,
)
from billing.services.bank_debits import GIVEN_UP


def payment_of(debit: BankDebit) -> ProviderPayment:
    """Where the payment stands. Money that came and was taken back is a success with a dispute, or a late failure."""
    return ProviderPayment(
        outcome=_outcome(debit),
        reference=debit.end_to_end_id,
        provider_customer=debit.account_id,
        provider_method=debit.mandate_reference,
        disputes=_taken_back(debit),
    )


def _outcome(debit: BankDebit) -> Outcome:
    if debit.settled_at is not None:
        return Succeeded(debit.amount_minor, debit.currency)
    if debit.status in (DebitStatus.REJECTED, DebitStatus.RETURNED):
        return _failed(debit.reason_code)
    if debit.status == DebitStatus.CANCELLED:
        return Cancelled()
    return Pending(expected_by(debit))


def _failed(code: str) -> Failed:
    if code == GIVEN_UP:
        return Failed(FailureCategory.MERCHANT_ERROR, code)
    reason = reason_of(code)
    return Failed(reason.category, reason.code, reason.code)


def _taken_back(debit: BankDebit) -> tuple[DisputeFact, ...]:
    """What left our account again; a fee that the bank kept with it is no matter of the customer's payment."""
    if debit.settled_at is None or debit.returned_at is None:
        return ()
    reason = reason_of(debit.reason_code)
    return (
        DisputeFact(
            reference=debit.return_reference or f"{debit.end_to_end_id}/return",
            amount_minor=debit.returned_minor or debit.amount_minor,
            currency=debit.currency,
            reason=reason.code,
            standing="lost",
            category=None if reason.is_dispute else reason.category,
        ),
    )


def expected_by(debit: BankDebit) -> datetime:
    """When the bank has surely said what became of it."""
    day = add_banking_days(debit.collect_on or debit.due_on, SETTLES_WITHIN_BANKING_DAYS, TARGET)
    return datetime.combine(day, time(20), UTC)


def refund_of(payout: Payout) -> RefundFact:
    """A refund that goes by file: made once it is ordered, failed when it did not reach the customer."""
    status = "succeeded" if payout.status == PayoutStatus.PAID else "failed" if payout.status in UNDONE else "pending"
    return RefundFact(
        payout.end_to_end_id,
        payout.amount_minor,
        payout.currency,
        status,
        payout.command_id,
        payout.reason_code,
    )
