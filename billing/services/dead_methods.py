"""Failures after which an instrument is never tried again: the method is blocked, and a dead mandate with it."""

from __future__ import annotations

from dataclasses import replace

from billing.domain.retry import FailureCategory
from billing.ports.payments import Attempt, MandateStatus, MethodStatus
from billing.ports.unit_of_work import UnitOfWork

_ENDS_METHOD = frozenset({FailureCategory.HARD_STOP, FailureCategory.METHOD_DEAD, FailureCategory.MANDATE_DEAD})


async def end_dead_method(work: UnitOfWork, attempt: Attempt, category: FailureCategory, code: str) -> None:
    """Never try the attempt's method again where the scheme's rules say so; the customer is asked for another.

    The same for a debit that fails and for one that comes back after it was paid.
    """
    if attempt.method_id is None or category not in _ENDS_METHOD:
        return
    blocked = {"status": MethodStatus.BLOCKED, "blocked_reason": f"{category}: {code}"}
    await work.payments.change_method(attempt.account_id, attempt.method_id, blocked)
    mandate = await work.payments.mandate(attempt.account_id, attempt.method_id)
    if mandate is not None and category == FailureCategory.MANDATE_DEAD:
        await work.payments.put_mandate(replace(mandate, status=MandateStatus.INACTIVE))
