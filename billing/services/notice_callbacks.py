"""What vendors say afterwards: delivered, failed, bounced. Stored once; the further state wins, in any order."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from billing.domain import identity
from billing.domain.errors import InvalidValue, NotFound
from billing.messages.account import NoticeBounced
from billing.messages.identities import account_workflow_id
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.messenger import Callback, DeliveryEvent, DeliveryState, Messenger
from billing.ports.notices import Evidence, Notice, NoticeStatus
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.notice_channels import masked
from billing.services.notice_composing import Customer
from billing.services.notice_delivery import FAULTS, acceptance
from billing.services.notices import NoticeService, read_customer

_log = logging.getLogger(__name__)

# Of each of a vendor's words; a key of the database has a limit too.
MOST_LETTERS = 500
# A mail can bounce after it was called delivered, never the other way round; so failed is the last word.
_RANK = {NoticeStatus.ACCEPTED: 1, NoticeStatus.DELIVERED: 2, NoticeStatus.FAILED: 3}
_STATUS = {
    DeliveryState.ACCEPTED: NoticeStatus.ACCEPTED,
    DeliveryState.DELIVERED: NoticeStatus.DELIVERED,
    DeliveryState.FAILED: NoticeStatus.FAILED,
}


class NoticeCallbacks:
    """``messengers`` by channel."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        messengers: Mapping[str, Messenger],
        notices: NoticeService,
        process: Process,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._messengers = messengers
        self._notices = notices
        self._process = process

    async def take(self, channel: str, callback: Callback) -> int:
        """Verify and take a callback; how many events were new. Raises CallbackRefused, and then keeps nothing."""
        events = self._messengers[channel].parse_callback(callback)
        return sum([await self._take_event(_storable(event)) for event in events])

    async def _take_event(self, event: DeliveryEvent) -> bool:
        try:
            identity.parse(identity.ACCOUNT, event.account_id, "account_id")
            identity.parse(identity.NOTICE, event.notice_id, "notice_id")
            customer, notice, is_new = await self._store(event)
        except (NotFound, InvalidValue):
            # Somebody else's message on the same vendor account, or an erased one: there is nothing to change.
            _log.warning("a %s event names %s, which is not known", event.vendor, event.notice_id)
            return False
        if event.state is DeliveryState.FAILED and notice.status is NoticeStatus.FAILED:
            # Also when the event is a repeat: the first time may have been cut off before this.
            await self._try_other_channel(customer, notice)
        return is_new

    async def _store(self, event: DeliveryEvent) -> tuple[Customer, Notice, bool]:
        now = self._clock.now()
        async with self._make_work() as work:
            notice = await work.notices.lock(event.account_id, event.notice_id)
            customer = await read_customer(work, event.account_id, self._clock.now())
            is_new = await work.notices.add_evidence(_evidence(event, now))
            values = _advance(notice, event, now, customer)
            if is_new and values:
                await work.notices.change(notice.account_id, notice.notice_id, values)
                await _tell_timeline(work, notice, event, now)
            changed = await work.notices.get(notice.account_id, notice.notice_id)
            await work.commit()
        return customer, changed, is_new

    async def _try_other_channel(self, customer: Customer, notice: Notice) -> None:
        try:
            await self._notices.fall_back(notice)
        except FAULTS as fault:  # the row is there: the upkeep sends it
            _log.warning("the other channel for %s has to wait: %s", notice.notice_id, fault)
        workflow_id = account_workflow_id(customer.brand.brand, customer.account.number)
        bounced = NoticeBounced(message_id=f"bounced/{notice.notice_id}", notice_id=notice.notice_id)
        try:
            await self._process.signal(workflow_id, "notice_bounced", bounced)
        except NotFound:
            _log.info("%s bounced after its account was closed", notice.notice_id)


def _storable(event: DeliveryEvent) -> DeliveryEvent:
    """A vendor's words as the database takes them: no control characters, no halves of one, and not without end."""
    return replace(
        event,
        event_id=_plain(event.event_id),
        event=_plain(event.event),
        reference=_plain(event.reference),
        code=_plain(event.code),
        explanation=_plain(event.explanation),
    )


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:MOST_LETTERS])


def _advance(notice: Notice, event: DeliveryEvent, now: datetime, customer: Customer) -> dict[str, Any]:
    """What an event changes: nothing when the notice is further already."""
    status = _STATUS.get(event.state)
    if status is None or _RANK[status] <= _RANK.get(notice.status, 0):
        return {}
    values: dict[str, Any] = {
        "status": status,
        "vendor": event.vendor,
        "vendor_reference": notice.vendor_reference or event.reference,
        "claimed_until": None,
    }
    if status is NoticeStatus.FAILED:
        return values | {"failed_at": now, "failure": f"{event.event} {event.code}: {event.explanation}".strip(" :")}
    delivered = {"delivered_at": now} if status is NoticeStatus.DELIVERED else {}
    return values | delivered | acceptance(notice, now, customer)


def _evidence(event: DeliveryEvent, now: datetime) -> Evidence:
    detail = {"code": event.code, "explanation": event.explanation}
    return Evidence(
        event.account_id,
        event.notice_id,
        now,
        event.event,
        event.vendor,
        event.event_id,
        event.reference,
        event.at,
        {name: value for name, value in detail.items() if value},
    )


async def _tell_timeline(work: UnitOfWork, notice: Notice, event: DeliveryEvent, now: datetime) -> None:
    if event.state is DeliveryState.ACCEPTED:
        return
    word = event.state.value
    reason = {
        "rule": "the further state of a delivery wins",
        "notice_id": notice.notice_id,
        "vendor": event.vendor,
        "event": event.event,
        "code": event.code,
        "explanation": event.explanation,
    }
    summary = f"Notice {notice.kind.value} by {notice.channel} to {masked(notice.recipient)} {word}"
    await work.timeline.add(TimelineEntry(notice.account_id, now, f"notice_{word}", summary, reason, event.vendor))
