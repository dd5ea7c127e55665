"""The reconciler: what webhooks did not bring, and money the provider has that the books do not.

Events are read from the provider's list and enter by the same inbox as webhooks. Payments are held against the ledger
an hour after the provider took them. Nothing is booked here and nothing is asked of a customer: a difference is told to
a person. All times are real time, since they are held against the provider's stamps.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billing.domain import identity
from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.ports.payment_provider import PaymentProvider, Receipt
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.webhook_inbox import WebhookInbox

_log = logging.getLogger(__name__)

WEBHOOK_WITHIN = timedelta(minutes=10)
BOOKED_WITHIN = timedelta(hours=1)
FIRST_LOOK = timedelta(days=1)
_WINDOW = timedelta(hours=1)
_AT_ONCE = 1000


@dataclass(frozen=True)
class Watched:
    """What a look found: ``count`` of the things looked at or taken in, and a sentence for each that needs a person."""

    count: int = 0
    alarms: tuple[str, ...] = ()


def real_now() -> datetime:
    """The vendors' time."""
    return datetime.now(UTC)


class Reconciler:
    """Looks at the providers for upkeep. How far payments were compared is remembered until the process ends."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        inbox: WebhookInbox,
        providers: Mapping[str, PaymentProvider],
        now: Callable[[], datetime] = real_now,
    ) -> None:
        self._make_work = make_work
        self._inbox = inbox
        self._providers = providers
        self._now = now
        self._compared_until: datetime | None = None

    async def hear(self) -> Watched:
        """Take in the events that no webhook brought; an alarm for those whose webhook had time to come."""
        now = self._now()
        events = await self._inbox.take_in_missed(now)
        late = [event.created_at for event in events if now - event.created_at > WEBHOOK_WITHIN]
        if not late:
            return Watched(len(events))
        alarm = f"{len(late)} events came by no webhook, the first of {min(late):%Y-%m-%d %H:%M} UTC"
        _log.warning("%s: check the webhook's address and secret at the provider if this goes on", alarm)
        return Watched(len(events), (alarm,))

    async def compare(self) -> Watched:
        """Hold what each provider took against the books, from where the last look ended, the first time for a day."""
        until = self._now() - BOOKED_WITHIN
        since = self._compared_until or until - FIRST_LOOK
        compared, alarms = 0, list[str]()
        while since < until:
            end = min(since + _WINDOW, until)
            for name, provider in self._providers.items():
                receipts = [one async for one in provider.list_receipts(since, end)]
                compared += len(receipts)
                alarms += await self._not_booked(name, receipts)
            self._compared_until = since = end
        return Watched(compared, tuple(alarms))

    async def _not_booked(self, provider: str, receipts: Sequence[Receipt]) -> list[str]:
        """A sentence for each payment that the books have not, or with another amount; said at once, so never lost."""
        ours = [one for one in receipts if _is_an_account(one.account_id)]
        alarms = []
        for start in range(0, len(ours), _AT_ONCE):
            part = ours[start : start + _AT_ONCE]
            async with self._make_work() as work:
                booked = await work.ledger.receipts(provider, {one.reference: one.account_id for one in part})
            for one in part:
                taken, known = Money(one.amount_minor, one.currency), booked.get(one.reference)
                if known != taken:
                    alarms.append(f"{provider} took {taken} as {one.reference} of {one.account_id}, booked is {known}")
                    _log.error("%s: settle this attempt, and find what kept it from being booked", alarms[-1])
        return alarms


def _is_an_account(account_id: str) -> bool:
    """False for an id that another system wrote into its object."""
    try:
        identity.parse(identity.ACCOUNT, account_id)
    except InvalidValue:
        return False
    return True
