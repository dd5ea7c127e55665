"""Who asks the provider how a payment stands: the account's process, and we at once where the account has ended.

Money moves long after an account was closed: a bank takes a debit back for thirteen months, a customer pays what an
agency asks for. No process runs any more then, so it is booked straight away, and a person learns what it came to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from billing.domain.errors import NotFound
from billing.domain.money import Money
from billing.domain.staff_cases import MONEY_AFTER_CLOSING
from billing.messages.account import PaymentOutcomeReceived
from billing.messages.identities import account_workflow_id
from billing.messages.payments import AttemptQuery, PaymentStatus
from billing.ports.accounts import Account
from billing.ports.clock import BusinessClock
from billing.ports.payments import Attempt
from billing.ports.staff_cases import Cause
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

CLOSED = "closed"
Settle = Callable[[AttemptQuery], Awaitable[object]]


class Signals(Protocol):
    """The part of the process that is needed here (``billing.ports.process``)."""

    async def signal(self, workflow_id: str, signal: str, payload: Any) -> None: ...


class PaymentOutcomes:
    """Passes a hint about a payment to whoever books it; ``settle`` reads the payment at its provider and books it."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Signals, settle: Settle) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._settle = settle

    async def tell(self, account: Account, fact: PaymentOutcomeReceived) -> bool:
        """False when the process of an account that has not ended is away: tell it again later.

        Raises what ``settle`` raises when the account has ended.
        """
        if account.status == CLOSED:
            await self._settle_closed(account.account_id, fact.attempt_id)
            return True
        try:
            workflow = account_workflow_id(account.brand, account.number)
            await self._process.signal(workflow, "payment_outcome_received", fact)
        except NotFound:
            return False
        return True

    async def _settle_closed(self, account_id: str, attempt_id: str) -> None:
        async with self._make_work() as work:
            before = await work.payments.attempt(account_id, attempt_id)
            entries = len(await work.ledger.entries(account_id))
        if before is None:
            return
        await self._settle(AttemptQuery(account_id, attempt_id))
        async with self._make_work() as work:
            after = await work.payments.attempt(account_id, attempt_id)
            assert after is not None
            came_back = before.status == PaymentStatus.PENDING and after.status == PaymentStatus.FAILED
            if came_back or len(await work.ledger.entries(account_id)) != entries:
                await work.staff_cases.see([await _case(work, after)], self._clock.now())
                await work.commit()


async def _case(work: UnitOfWork, attempt: Attempt) -> Cause:
    invoices = await work.ledger.open_invoices(attempt.account_id)
    owed = sum(one.open_minor for one in invoices)
    credit = await work.ledger.credit_minor(attempt.account_id, attempt.currency)
    explanation = (
        f"Money of the closed account {attempt.account_id} moved: payment {attempt.attempt_id} is {attempt.status}. "
        f"Open is {Money(owed, attempt.currency)} now, and the credit is {Money(credit, attempt.currency)}."
    )
    facts = {"attempt_id": attempt.attempt_id, "status": attempt.status.value, "open_minor": owed}
    return Cause(
        MONEY_AFTER_CLOSING, attempt.attempt_id, explanation, attempt.account_id, facts | {"credit_minor": credit}
    )
