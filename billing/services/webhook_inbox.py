"""The webhook inbox: verify, store once, answer, then pass on as a hint.

Nothing is booked from a webhook. Its object names an attempt, and the account's process is told to ask the provider
about that attempt. What is not passed on in time is passed on by upkeep; what belongs to nobody is parked and counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from billing.domain.errors import InvalidValue, NotFound
from billing.messages.account import MandateChanged, PaymentMethodChanged, PaymentOutcomeReceived
from billing.messages.identities import account_workflow_id
from billing.messages.payments import PaymentStatus
from billing.ports.accounts import Account
from billing.ports.payment_provider import PaymentProvider, ProviderEvent
from billing.ports.payments import Attempt, InboxRow, InboxStatus
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.payment_methods import MethodService
from billing.services.payment_outcomes import CLOSED, PaymentOutcomes

_log = logging.getLogger(__name__)

MOST_DELIVERIES = 50
AT_ONCE = 10
FIRST_READ = timedelta(days=1)

_MONEY_MOVED = ("payment_intent.", "charge.", "refund.", "checkout.session.")
_METHOD_CHANGED = ("payment_method.automatically_updated", "payment_method.updated", "payment_method.detached")
# Kinds after which an attempt that already stands there has nothing to ask the provider for.
_STANDS_AT = {
    "payment_intent.created": PaymentStatus.UNKNOWN,
    "payment_intent.processing": PaymentStatus.PENDING,
    "charge.pending": PaymentStatus.PENDING,
    "payment_intent.succeeded": PaymentStatus.SUCCEEDED,
    "charge.succeeded": PaymentStatus.SUCCEEDED,
    "checkout.session.completed": PaymentStatus.PENDING,
    "checkout.session.async_payment_succeeded": PaymentStatus.SUCCEEDED,
    "checkout.session.async_payment_failed": PaymentStatus.FAILED,
    "checkout.session.expired": PaymentStatus.CANCELLED,
    "payment_intent.payment_failed": PaymentStatus.FAILED,
    "charge.failed": PaymentStatus.FAILED,
    "payment_intent.requires_action": PaymentStatus.ACTION_REQUIRED,
    "payment_intent.canceled": PaymentStatus.CANCELLED,
}
_RANK = {
    PaymentStatus.UNKNOWN: 0,
    PaymentStatus.ACTION_REQUIRED: 1,
    PaymentStatus.PENDING: 2,
    PaymentStatus.FAILED: 3,
    PaymentStatus.CANCELLED: 3,
    PaymentStatus.SUCCEEDED: 4,
    PaymentStatus.DISPUTED: 4,
}


class InboxIsFull(Exception):
    """A fault: more webhooks arrive than the database takes."""


@dataclass(frozen=True)
class Plan:
    """What becomes of a webhook: what is read at the provider first, whose process is told, and how it stands then."""

    status: InboxStatus
    refresh_method: str = ""
    keep_setup: bool = False
    account_id: str = ""
    account: Account | None = None
    signal: str = ""
    payload: Any = None


class WebhookInbox:
    """Takes webhooks in and passes them on. One inbox serves all providers.

    Beyond ``most_waiting`` the provider is asked to send again, which it does for days: nothing piles up here.
    """

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        process: Process,
        providers: Mapping[str, PaymentProvider],
        methods: MethodService,
        outcomes: PaymentOutcomes,
        most_waiting: int = 200,
    ) -> None:
        self._make_work = make_work
        self._methods = methods
        self._outcomes = outcomes
        self._process = process
        self._providers = providers
        self._waiting, self._most_waiting = 0, most_waiting
        self._taking_in = asyncio.Semaphore(AT_ONCE)
        self._passing_on = asyncio.Semaphore(AT_ONCE // 2)

    async def receive(self, provider: str, body: bytes, headers: Mapping[str, str]) -> InboxRow | None:
        """Verify and store; the row to dispatch, or None when it is there already.

        Raises UntrustedWebhook, and nothing is stored then; InboxIsFull when too many wait to be stored.
        """
        if provider not in self._providers:
            raise InvalidValue("No such payment provider.", field="provider", value=provider)
        event = self._providers[provider].parse_webhook(body, headers)
        if self._waiting >= self._most_waiting:
            raise InboxIsFull(f"{self._waiting} webhooks are waiting to be stored")
        self._waiting += 1
        try:
            async with self._taking_in:
                return await self.take_in(provider, event)
        finally:
            self._waiting -= 1

    async def take_in(self, provider: str, event: ProviderEvent, *, by_webhook: bool = True) -> InboxRow | None:
        """Store an event, heard or read from the provider's list; None when it is there already."""
        row = InboxRow(
            provider=provider,
            event_id=event.event_id,
            kind=event.kind,
            object_id=event.object_id,
            received_at=event.created_at,
            attempt_id=event.attempt_id,
            account_id=event.account_id or None,
            references=event.references,
            payload=event.payload,
            by_webhook=by_webhook,
        )
        async with self._make_work() as work:
            row = await self._owned(work, row)
            stored = await work.payments.take_in(row)
            await work.commit()
        return row if stored else None

    async def _owned(self, work: UnitOfWork, row: InboxRow) -> InboxRow:
        """The row with its account and attempt, from the object's own words or from the objects we know."""
        if row.account_id and not await _is_ours(work, row.account_id):
            row = replace(row, account_id=None)
        if row.account_id and (not row.attempt_id or await work.payments.attempt(row.account_id, row.attempt_id)):
            return row
        owner = await work.payments.owner_of(row.provider, list(row.references))
        return row if owner is None else replace(row, account_id=owner[0], attempt_id=owner[1])

    async def dispatch(self, row: InboxRow) -> InboxStatus:
        """Pass one webhook on; safe to repeat. A process that cannot be reached leaves it for upkeep.

        What concerns an account that has ended is booked at once.
        """
        async with self._make_work() as work:
            row = await self._owned(work, row)
            plan = await self._plan(work, row)
        await self._read_first(plan, row)
        status = plan.status
        if plan.account is not None and not await self._tell(plan.account, plan):
            status = InboxStatus.PARKED if row.deliveries + 1 >= MOST_DELIVERIES else InboxStatus.RECEIVED
        async with self._make_work() as work:
            values = {"status": status, "deliveries": row.deliveries + 1}
            known = {"account_id": row.account_id, "attempt_id": row.attempt_id}
            await work.payments.mark(row, values | known)
            await work.commit()
        return status

    async def _tell(self, account: Account, plan: Plan) -> bool:
        """False when the account's process cannot be reached."""
        if isinstance(plan.payload, PaymentOutcomeReceived):
            return await self._outcomes.tell(account, plan.payload)
        if account.status == CLOSED:
            return True  # how it could pay matters no more
        try:
            workflow = account_workflow_id(account.brand, account.number)
            await self._process.signal(workflow, plan.signal, plan.payload)
        except NotFound:
            return False
        return True

    async def _read_first(self, plan: Plan, row: InboxRow) -> None:
        """Read what changed at the provider, with no transaction open meanwhile."""
        if plan.refresh_method:
            await self._methods.refresh(plan.account_id, plan.refresh_method)
        if plan.keep_setup:
            # The customer may never come back from the setup page to ours.
            await self._methods.complete_setup(plan.account_id, row.object_id, "customer")

    async def _plan(self, work: UnitOfWork, row: InboxRow) -> Plan:
        """What to do about a webhook: whom to tell what, or why nobody."""
        if row.kind.startswith("mandate.") or row.kind in _METHOD_CHANGED:
            return await self._plan_method(work, row)
        if row.kind == "setup_intent.succeeded":
            return Plan(InboxStatus.HANDLED, keep_setup=bool(row.account_id), account_id=row.account_id or "")
        if not row.kind.startswith(_MONEY_MOVED) or (row.account_id and not row.attempt_id):
            return Plan(InboxStatus.HANDLED)
        attempt = await work.payments.attempt(row.account_id, row.attempt_id) if row.account_id else None
        if attempt is None:
            return Plan(InboxStatus.PARKED)
        if _is_booked(row, attempt):
            return Plan(InboxStatus.HANDLED)
        account = await work.accounts.get(attempt.account_id)
        fact = PaymentOutcomeReceived(row.event_id, attempt.attempt_id, row.kind in _STANDS_AT)
        return Plan(InboxStatus.DELIVERED, account=account, payload=fact)

    async def _plan_method(self, work: UnitOfWork, row: InboxRow) -> Plan:
        owner = await work.payments.method_of(row.provider, [row.object_id, *row.references])
        if owner is None:
            return Plan(InboxStatus.PARKED)
        account_id, method_id = owner
        account = await work.accounts.get(account_id)
        told = Plan(InboxStatus.DELIVERED, method_id, account_id=account_id, account=account)
        if row.kind.startswith("mandate."):
            return replace(told, signal="mandate_changed", payload=MandateChanged(row.event_id))
        return replace(told, signal="payment_method_changed", payload=PaymentMethodChanged(row.event_id))

    async def pass_on(self, row: InboxRow) -> None:
        """Dispatch after the answer has gone out, some at a time; what fails here is tried again by upkeep."""
        async with self._passing_on:
            await self._try_dispatch(row)

    async def _try_dispatch(self, row: InboxRow) -> InboxStatus:
        try:
            return await self.dispatch(row)
        except Exception:
            _log.warning("webhook %s of %s waits for upkeep", row.event_id, row.provider, exc_info=True)
            return InboxStatus.RECEIVED

    async def undelivered(self) -> list[InboxRow]:
        """Webhooks not yet passed on, oldest first."""
        async with self._make_work() as work:
            return list(await work.payments.undelivered())

    async def deliver_undelivered(self) -> int:
        """Pass on what is waiting; how many were settled."""
        done = 0
        for row in await self.undelivered():
            done += await self._try_dispatch(row) != InboxStatus.RECEIVED
        return done

    async def read_missed(self, now: datetime, overlap: timedelta = timedelta(hours=1)) -> int:
        """Take in the events that no webhook brought; how many there were."""
        return len(await self.take_in_missed(now, overlap))

    async def take_in_missed(self, now: datetime, overlap: timedelta = timedelta(hours=1)) -> list[ProviderEvent]:
        """Take in the events that no webhook brought, since shortly before the last complete read; the new ones.

        Not since the newest event known: a webhook that came says nothing of those that were lost before it.
        """
        missed: list[ProviderEvent] = []
        for name, provider in self._providers.items():
            events = provider.list_events(await self._read_from(name, now) - overlap)
            missed += [one async for one in events if await self.take_in(name, one, by_webhook=False) is not None]
            async with self._make_work() as work:
                await work.payments.note_events_read(name, now)
                await work.commit()
        return missed

    async def _read_from(self, provider: str, now: datetime) -> datetime:
        """Where the last complete read began; before the first one a day ago, or where the events end if longer ago."""
        async with self._make_work() as work:
            until = await work.payments.events_read_until(provider)
            newest = await work.payments.newest_event_at(provider)
        first = now - FIRST_READ
        return until or min(first, newest or first)

    async def counts(self) -> Mapping[str, int]:
        """How many webhooks stand where, for the console and for alarms."""
        async with self._make_work() as work:
            return await work.payments.count_inbox()


async def _is_ours(work: UnitOfWork, account_id: str) -> bool:
    """False for an id that another system wrote into its object."""
    try:
        await work.accounts.get(account_id)
    except (NotFound, InvalidValue):
        return False
    return True


def _is_booked(row: InboxRow, attempt: Attempt) -> bool:
    """True when the books already stand at least where this webhook points."""
    at_least = _STANDS_AT.get(row.kind)
    if at_least is None or (attempt.status == PaymentStatus.UNKNOWN):
        return False
    return _RANK[attempt.status] >= _RANK[at_least]
