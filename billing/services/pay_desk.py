"""What a customer does with a paylink: look at what is open, go to the provider's page, come back.

Opening a page goes through the account's process, the one collector, so that a page and a debit never meet.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from billing.domain.errors import NotFound
from billing.messages.account import CommandResult, OpenPaySession, PaymentOutcomeReceived
from billing.messages.identities import account_workflow_id
from billing.messages.payments import PaymentStatus
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.pay_sessions import PayableNow, PaySessionService
from billing.services.paylinks import Paylinks


@dataclass(frozen=True)
class Returned:
    """What a customer sees after the provider's page: ``paid`` of the newest page, or still waiting for the bank."""

    payable: PayableNow
    paid: bool
    waiting: bool


class PayDesk:
    """Everything behind ``/pay/{token}``. A token that is forged or revoked raises UnusablePaylink."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        process: Process,
        paylinks: Paylinks,
        sessions: PaySessionService,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._paylinks = paylinks
        self._sessions = sessions

    async def look(self, token: str) -> PayableNow:
        """What is open now."""
        return await self._sessions.payable(await self._paylinks.account_of(token))

    async def pay(self, token: str) -> CommandResult:
        """Open the provider's page; no ``url`` means that there is nothing to pay now."""
        return await self.open_page(await self._paylinks.account_of(token), "customer", "paylink")

    async def open_page(
        self, account_id: str, author: str, reason: str, return_url: str = "", amount_minor: int = 0
    ) -> CommandResult:
        """Let the account's process open the page for what is open now, or ``amount_minor`` of it (0: all)."""
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
        command = OpenPaySession(f"pay-{uuid4()}", author, reason, return_url, amount_minor)
        workflow = account_workflow_id(account.brand, account.number)
        return await self._process.command(workflow, "open_pay_session", command)

    async def returned(self, token: str) -> Returned:
        """The customer is back: let the process ask the provider at once, and say how it looks now."""
        return await self.back(await self._paylinks.account_of(token))

    async def back(self, account_id: str) -> Returned:
        """The same for a customer who is signed in."""
        payable = await self._sessions.payable(account_id)
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            attempts = await work.payments.attempts(account_id)
        newest = next((one for one in attempts if one.provider_session), None)
        if newest is not None and newest.settled_at is None:
            minute = f"{self._clock.now():%Y%m%d%H%M}"
            fact = PaymentOutcomeReceived(f"return-{newest.attempt_id}-{minute}", newest.attempt_id)
            with suppress(NotFound):
                workflow = account_workflow_id(account.brand, account.number)
                await self._process.signal(workflow, "payment_outcome_received", fact)
        paid = newest is not None and newest.status == PaymentStatus.SUCCEEDED
        waiting = newest is not None and newest.settled_at is None
        return Returned(payable, paid, waiting)
