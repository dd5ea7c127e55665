"""Upkeep: what a round looks for, and how it mends it. Every repair may be repeated at any time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from billing.domain.errors import NotFound
from billing.messages.account import PaymentOutcomeReceived
from billing.messages.identities import account_workflow_id
from billing.messages.upkeep import UpkeepReport
from billing.ports.accounts import Account
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.accounts import AccountService


class LiveProcesses(Protocol):
    """Which accounts have an open workflow, and which should have one."""

    async def accounts_without_workflow(self) -> Sequence[Account]: ...


@dataclass(frozen=True)
class Repairs:
    """Repairs of other areas, each answering how much it mended."""

    deliver_webhooks: Callable[[], Awaitable[int]]
    send_thresholds: Callable[[], Awaitable[int]]
    reguide_usage: Callable[[], Awaitable[int]]
    send_waiting_notices: Callable[[], Awaitable[int]]


class UpkeepService:
    """Finds accounts without workflow, attempts without outcome, and messages not delivered."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        process: Process,
        accounts: AccountService,
        live: LiveProcesses,
        repairs: Repairs,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._accounts = accounts
        self._live = live
        self._repairs = repairs

    async def mend(self) -> UpkeepReport:
        """One round."""
        return UpkeepReport(
            workflows_started=await self._start_missing_workflows(),
            messages_delivered=await self._repairs.deliver_webhooks(),
            attempts_settled=await self._ask_for_outcomes(),
            thresholds_sent=await self._repairs.send_thresholds(),
            events_reguided=await self._repairs.reguide_usage(),
            notices_sent=await self._repairs.send_waiting_notices(),
        )

    async def _start_missing_workflows(self) -> int:
        missing = await self._live.accounts_without_workflow()
        for account in missing:
            await self._accounts.ensure_workflow(account)
        return len(missing)

    async def _ask_for_outcomes(self) -> int:
        """Tell the account's process, the only collector, to ask the provider about attempts past their date."""
        now = self._clock.now()
        async with self._make_work() as work:
            attempts = await work.payments.attempts_to_ask(now)
            owners = {one.account_id: await work.accounts.get(one.account_id) for one in attempts}
        told = 0
        for attempt in attempts:
            owner = owners[attempt.account_id]
            # The hour makes a further round ask again, and a repeat within it count once.
            message = PaymentOutcomeReceived(f"upkeep-{attempt.attempt_id}-{now:%Y%m%d%H}", attempt.attempt_id)
            try:
                await self._process.signal(
                    account_workflow_id(owner.brand, owner.number), "payment_outcome_received", message
                )
                told += 1
            except NotFound:
                continue
        return told
