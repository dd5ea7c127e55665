"""The reconciler: what webhooks did not bring, and money the provider has that the books do not.

Events are read from the provider's list and enter by the same inbox as webhooks. Payments are held against the ledger
an hour after the provider took them. Nothing is booked here and nothing is asked of a customer: a difference is told to
a person. All times are real time, since they are held against the provider's stamps.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from billing.domain import identity
from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.domain.staff_cases import PROVIDER_DIFFERENCE
from billing.ports.clock import BusinessClock
from billing.ports.payment_provider import MovementKind, PaymentProvider, Receipt
from billing.ports.staff_cases import Cause
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.daily_totals import ENTRIES, case_of_difference, cash_of
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
        clock: BusinessClock | None = None,
    ) -> None:
        self._make_work = make_work
        self._clock = clock or _RealClock(now)
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
        alarms, causes = [], []
        for start in range(0, len(ours), _AT_ONCE):
            part = ours[start : start + _AT_ONCE]
            async with self._make_work() as work:
                booked = await work.ledger.receipts(provider, {one.reference: one.account_id for one in part})
            for one in part:
                taken, known = Money(one.amount_minor, one.currency), booked.get(one.reference)
                if known != taken:
                    alarms.append(f"{provider} took {taken} as {one.reference} of {one.account_id}, booked is {known}")
                    _log.error("%s: settle this attempt, and find what kept it from being booked", alarms[-1])
                    causes.append(_difference(provider, one, known, self._now().date()))
        async with self._make_work() as work:
            await work.staff_cases.see(causes, self._clock.now())
            await work.commit()
        return alarms

    async def recheck(self) -> int:
        """Close the cases of movements that the books have by now as the provider has them; how many."""
        closed = 0
        async with self._make_work() as work:
            for case in await work.staff_cases.lasting(PROVIDER_DIFFERENCE):
                facts, owner = case.facts, case.account_id
                if owner is None or facts["provider_minor"] is None:
                    continue  # what only the books have is decided by the comparison of its day
                kind = MovementKind(facts["kind"])
                booked = await work.ledger.booked(facts["provider"], ENTRIES[kind].value, {facts["reference"]: owner})
                if booked.get(facts["reference"]) == cash_of(kind, facts["provider_minor"], facts["currency"]):
                    closed += await work.staff_cases.gone(PROVIDER_DIFFERENCE, owner, case.subject, self._clock.now())
            await work.commit()
        return closed


@dataclass(frozen=True)
class _RealClock:
    """Business time where it is real time."""

    real: Callable[[], datetime]

    def now(self) -> datetime:
        return self.real()

    def segment(self) -> ClockSegment:
        return NORMAL_TIME


def _difference(provider: str, receipt: Receipt, known: Money | None, day: date) -> Cause:
    difference = {
        "kind": MovementKind.CHARGE.value,
        "reference": receipt.reference,
        "account_id": receipt.account_id,
        "provider_minor": receipt.amount_minor,
        "booked_minor": known.amount_minor if known else None,
        "currency": receipt.currency,
    }
    return case_of_difference(provider, day, difference)


def _is_an_account(account_id: str) -> bool:
    """False for an id that another system wrote into its object."""
    try:
        identity.parse(identity.ACCOUNT, account_id)
    except InvalidValue:
        return False
    return True
