"""What a customer does with a paylink: look at what is open, go to the provider's page, come back.

Opening a page goes through the account's process, the one collector, so that a page and a debit never meet. An account
that has ended has no process and is debited no more: what it still owes is paid without one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from billing.domain.errors import Conflict
from billing.messages.account import CommandResult, OpenPaySession, PaymentOutcomeReceived
from billing.messages.identities import account_workflow_id
from billing.messages.payments import PaymentStatus, PaySessionRequest
from billing.ports.accounts import Account
from billing.ports.clock import BusinessClock
from billing.ports.payment_provider import ProviderFault
from billing.ports.payments import Attempt
from billing.ports.process import Process, ProcessAway
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.pay_sessions import PaySessionService
from billing.services.payable import PayableNow
from billing.services.paylinks import Paylinks
from billing.services.payment_outcomes import CLOSED, PaymentOutcomes

_log = logging.getLogger(__name__)
AWAY = "The payment page cannot be opened at the moment; try again in a minute."


@dataclass(frozen=True)
class Receipt:
    """What was received by a page, when, by which name we know it, and for which invoices."""

    amount_minor: int
    currency: str
    at: datetime
    reference: str
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Returned:
    """What a customer sees after the provider's page: ``paid`` of the newest page, or still waiting for the bank.

    ``is_unknown``: nobody could be asked, so it is not known whether something was paid.
    """

    payable: PayableNow
    paid: bool
    waiting: bool
    receipt: Receipt | None = None
    is_unknown: bool = False


# How long somebody who comes back waits for the process to ask the provider, in seconds of real time.
PATIENCE = (0.1, 0.2, 0.4, 0.8)


class PayDesk:
    """Everything behind ``/pay/{token}``. A token that is forged or revoked raises UnusablePaylink."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        process: Process,
        paylinks: Paylinks,
        sessions: PaySessionService,
        outcomes: PaymentOutcomes,
        patience: Sequence[float] = PATIENCE,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._paylinks = paylinks
        self._sessions = sessions
        self._outcomes = outcomes
        self._patience = patience

    async def whose(self, token: str) -> Account:
        """The account behind an address."""
        account_id = await self._paylinks.account_of(token)
        async with self._make_work() as work:
            return await work.accounts.get(account_id)

    async def look(self, token: str) -> PayableNow:
        """What is open now."""
        return await self._sessions.payable(await self._paylinks.account_of(token))

    async def pay(self, token: str, amount_minor: int = 0) -> CommandResult:
        """Open the provider's page for all that is open, or a part; no ``url`` means that it cannot be paid now."""
        account_id = await self._paylinks.account_of(token)
        return await self.open_page(account_id, "customer", "paylink", amount_minor=amount_minor)

    async def open_page(
        self, account_id: str, author: str, reason: str, return_url: str = "", amount_minor: int = 0
    ) -> CommandResult:
        """Let the account's process open the page for what is open now, or ``amount_minor`` of it (0: all)."""
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
        command = OpenPaySession(f"pay-{uuid4()}", author, reason, return_url, amount_minor)
        if account.status == CLOSED:
            return await self._open_of_closed(account_id, command)
        workflow = account_workflow_id(account.brand, account.number)
        return await self._process.command(workflow, "open_pay_session", command)

    async def _open_of_closed(self, account_id: str, command: OpenPaySession) -> CommandResult:
        """The page of an account that has no process any more; its attempts are told apart by a random part."""
        attempt_id = f"{account_id}-{uuid4().hex[:12]}"
        request = PaySessionRequest(account_id, attempt_id, command.return_url, command.amount_minor)
        try:
            page = await self._sessions.open(request)
        except (ProviderFault, Conflict):
            _log.warning("the page of the closed account %s could not be opened", account_id, exc_info=True)
            return CommandResult(command.command_id, accepted=False, summary=AWAY)
        return CommandResult(command.command_id, bool(page.url), page.reason or "Page opened.", page.url)

    async def returned(self, token: str) -> Returned:
        """The customer is back: let the process ask the provider at once, and say how it looks now."""
        return await self.back(await self._paylinks.account_of(token))

    async def back(self, account_id: str) -> Returned:
        """The same for a customer who is signed in."""
        newest, was_asked = await self._newest_page(account_id), True
        if newest is not None and newest.settled_at is None:
            was_asked = await self._ask_provider(account_id, newest)
            newest = await self._after_asking(account_id) if was_asked else newest
        payable = await self._sessions.payable(account_id)
        if newest is None:
            return Returned(payable, paid=False, waiting=False)
        if newest.settled_at is None and not was_asked:
            return Returned(payable, paid=False, waiting=True, is_unknown=True)
        if newest.status == PaymentStatus.SUCCEEDED:
            return Returned(payable, paid=True, waiting=False, receipt=await self._receipt(newest))
        is_open = newest.status == PaymentStatus.ACTION_REQUIRED
        return Returned(payable, paid=False, waiting=newest.settled_at is None and not is_open)

    async def _after_asking(self, account_id: str) -> Attempt | None:
        """The newest page once the process has heard of it from the provider, or as it is when that takes long."""
        newest = await self._newest_page(account_id)
        for seconds in self._patience:
            if newest is None or newest.settled_at is not None or newest.status != PaymentStatus.ACTION_REQUIRED:
                break
            await asyncio.sleep(seconds)
            newest = await self._newest_page(account_id)
        return newest

    async def _newest_page(self, account_id: str) -> Attempt | None:
        async with self._make_work() as work:
            attempts = await work.payments.attempts(account_id)
        return next((one for one in attempts if one.provider_session), None)

    async def _ask_provider(self, account_id: str, page: Attempt) -> bool:
        """Let the process ask at once, once a minute; False while it is away: then it asks by itself later."""
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
        minute = f"{self._clock.now():%Y%m%d%H%M}"
        fact = PaymentOutcomeReceived(f"return-{page.attempt_id}-{minute}", page.attempt_id)
        try:
            return await self._outcomes.tell(account, fact)
        except (ProcessAway, ProviderFault):
            _log.warning("how %s stands could not be asked", page.attempt_id, exc_info=True)
            return False

    async def _receipt(self, page: Attempt) -> Receipt:
        async with self._make_work() as work:
            held = await work.payments.allocations(page.account_id, page.attempt_id)
            invoices = [await work.invoices.get(page.account_id, one.invoice_id) for one in held]
        numbers = tuple(dict.fromkeys(one.number for one in invoices))
        amount_minor = page.received_minor or page.expected_minor
        reference = page.attempt_id.partition("_")[2] or page.attempt_id
        return Receipt(amount_minor, page.currency, page.settled_at or self._clock.now(), reference, numbers)
