"""What a card or bank account suffered, by whichever account, and what its scheme allows now."""

from __future__ import annotations

from datetime import datetime

from billing.domain.retry import FailureCategory, RetryVerdict, Scheme
from billing.domain.retry_decision import Try, ended_by, may_be_debited
from billing.messages.payments import MethodKind, PaymentStatus
from billing.ports.payments import Attempt, MethodStatus, PaymentMethod
from billing.ports.retries import InstrumentTry
from billing.ports.unit_of_work import UnitOfWork

_FAILURES = frozenset({PaymentStatus.FAILED, PaymentStatus.ACTION_REQUIRED, PaymentStatus.DISPUTED})


def scheme_of(method: PaymentMethod) -> Scheme:
    """Whose retry rules bind this method."""
    if method.kind == MethodKind.SEPA_DEBIT:
        return Scheme.SEPA
    if method.kind == MethodKind.BACS_DEBIT:
        return Scheme.BACS
    known = {Scheme.VISA, Scheme.MASTERCARD}
    return Scheme(method.label) if method.label in known else Scheme.CARD


async def tries_of(work: UnitOfWork, method: PaymentMethod) -> list[Try]:
    """All tries with a method's card or bank account, oldest first: the account's own with their debts."""
    found = [_own_try(attempt, invoices) for attempt, invoices in await work.payments.debits_of(method)]
    if method.fingerprint:
        everybodys = await work.retries.tries(method.provider, method.fingerprint)
        found += [_others_try(one) for one in everybodys if one.account_id != method.account_id]
    return sorted(found, key=lambda one: one.at)


def _own_try(attempt: Attempt, invoices: frozenset[str]) -> Try:
    failed = attempt.status in _FAILURES
    category = FailureCategory(attempt.category or FailureCategory.TECHNICAL) if failed else None
    return Try(
        at=attempt.created_at,
        category=category,
        code=attempt.code if failed else "",
        has_paid=attempt.status == PaymentStatus.SUCCEEDED,
        is_open=attempt.status in (PaymentStatus.UNKNOWN, PaymentStatus.PENDING),
        debts=invoices,
    )


def _others_try(one: InstrumentTry) -> Try:
    category = FailureCategory(one.category) if one.category else None
    return Try(one.tried_at, category, one.code, is_open=not one.is_settled, is_own=False)


async def remember_try(work: UnitOfWork, method: PaymentMethod, attempt: Attempt) -> None:
    """Write down that an attempt is about to try the method's instrument."""
    if method.fingerprint:
        one = InstrumentTry(
            method.provider, method.fingerprint, attempt.attempt_id, attempt.account_id, attempt.created_at
        )
        await work.retries.add_try(one)


async def remember_outcome(work: UnitOfWork, attempt: Attempt, category: str = "", code: str = "") -> None:
    """Write down how a try ended; without a category it was not declined."""
    if attempt.method_id is None:
        return
    method = await work.payments.method(attempt.account_id, attempt.method_id)
    if method.fingerprint:
        values = {"category": category, "code": code, "is_settled": True}
        await work.retries.change_try(method.provider, method.fingerprint, attempt.attempt_id, values)


async def scheme_allows(work: UnitOfWork, method: PaymentMethod, at: datetime) -> RetryVerdict:
    """Whether the instrument may be debited at an instant at all; nobody else tries it until the transaction ends."""
    if method.fingerprint:
        await work.retries.lock_instrument(method.provider, method.fingerprint)
    return may_be_debited(scheme_of(method), await tries_of(work, method), at)


async def end_where_forbidden(work: UnitOfWork, method: PaymentMethod, why: str) -> bool:
    """Block a method whose instrument the scheme forbids for good; True when it was."""
    if ended_by(scheme_of(method), await tries_of(work, method)) is None:
        return False
    blocked = {"status": MethodStatus.BLOCKED, "blocked_reason": why}
    await work.payments.change_method(method.account_id, method.method_id, blocked)
    return True
