"""The reconciler: what silence and lost answers leave behind is found by asking.

Which attempts to ask about is a question to the books; the asking itself goes through the account's process, the only
collector. Missed events are read from the provider's list and enter by the same inbox as webhooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.ports.clock import BusinessClock
from billing.ports.payments import Attempt
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.webhook_inbox import WebhookInbox

SILENCE = timedelta(hours=6)


@dataclass(frozen=True)
class ReconcileReport:
    """What a round found: ``events_found`` that no webhook brought, ``webhooks_passed_on`` that had been waiting."""

    events_found: int
    webhooks_passed_on: int
    to_ask: tuple[tuple[str, str], ...]  # account and attempt


class Reconciler:
    """Run every 15 minutes by upkeep."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, inbox: WebhookInbox) -> None:
        self._make_work = make_work
        self._clock = clock
        self._inbox = inbox

    async def attempts_to_ask(self, now: datetime | None = None) -> Sequence[Attempt]:
        """Attempts of unknown outcome, and those pending past their date, over all accounts."""
        async with self._make_work() as work:
            return await work.payments.attempts_to_ask(now or self._clock.now())

    async def run(self) -> ReconcileReport:
        """Read missed events, pass on what waits, and name the attempts to ask about."""
        found = await self._inbox.read_missed(self._real_now())
        passed_on = await self._inbox.deliver_undelivered()
        waiting = await self.attempts_to_ask()
        return ReconcileReport(found, passed_on, tuple((one.account_id, one.attempt_id) for one in waiting))

    async def is_silent(self, provider: str) -> bool:
        """True when debits are in flight and no event has come for hours: webhooks may be broken."""
        async with self._make_work() as work:
            newest = await work.payments.newest_event_at(provider)
        if newest is None:
            return False
        return bool(await self.attempts_to_ask()) and self._real_now() - newest > SILENCE

    def _real_now(self) -> datetime:
        """Vendors stamp their events in real time."""
        return self._clock.segment().real(self._clock.now())
