"""Notices: send each at most once, outside of quiet hours, on the channel that works, and keep the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.domain import identity
from billing.messages.notices import NoticeRequest, NoticeResult
from billing.messages.payments import MethodKind
from billing.ports.clock import BusinessClock
from billing.ports.notices import TAKEN, UNFINISHED, Evidence, Notice, NoticeStatus
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.letterheads import letterhead_at
from billing.services.notice_channels import choose_channels, is_unwanted, other_channels, recipient
from billing.services.notice_composing import Customer
from billing.services.notice_delivery import FAULTS, NoticeDelivery, new_notice
from billing.services.notice_templates import ACCESS_KINDS
from billing.services.notice_timing import allowed_from

SENT, REPEATED, KEPT, FAILED, WAIT, UNWANTED = "sent", "repeated", "kept", "failed", "wait", "unwanted"


class NoticeService:
    """The one way a customer hears from us."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, delivery: NoticeDelivery) -> None:
        self._make_work = make_work
        self._clock = clock
        self._delivery = delivery

    async def send(self, request: NoticeRequest) -> NoticeResult:
        """Send a notice, or say that it went out before, has to wait for quiet hours to end, or reaches nobody.

        Raises UnusableTemplate when the request lacks what the notice must name, and faults (a vendor that does not
        answer or is busy): repeat the same request, nothing is sent twice.
        """
        async with self._make_work() as work:
            customer = await read_customer(work, request.account_id, self._clock.now())
            before = await _of(work, request)
        if not before and is_unwanted(request.kind, customer.account):
            return NoticeResult(UNWANTED, explanation="the customer wants fewer messages")
        now = self._clock.now()
        allowed_at = allowed_from(request.kind, now, customer.account, customer.brand, hurry=request.hurry)
        if not before and allowed_at > now:
            if request.keep:
                return await self._keep(request, customer, now, allowed_at)
            return NoticeResult(WAIT, wait_until=allowed_at, explanation="quiet hours of the customer")
        if any(notice.send_after is not None and notice.status is NoticeStatus.WAITING for notice in before):
            return NoticeResult(KEPT, explanation="kept until the end of quiet hours")
        channels = _to_do(before, _chosen(request, customer))
        for channel in channels:
            await self._delivery.deliver(request, customer, channel)
        after = await self._with_fallback(request) if channels or not _are_taken(before) else before
        if not _are_taken(after):
            return _result(FAILED, after)
        return _result(SENT if channels or not _are_taken(before) else REPEATED, after)

    async def _keep(
        self, request: NoticeRequest, customer: Customer, now: datetime, send_after: datetime
    ) -> NoticeResult:
        """Write it down for the upkeep, which sends it when quiet hours are over."""
        channels = _chosen(request, customer)
        async with self._make_work() as work:
            for channel in channels:
                await work.notices.add(new_notice(request, customer, channel, now, send_after=send_after))
            await work.commit()
        if not channels:
            return _result(FAILED, ())
        return NoticeResult(KEPT, channels=tuple(channels), explanation=f"kept until {send_after:%Y-%m-%d %H:%MZ}")

    async def _with_fallback(self, request: NoticeRequest) -> Sequence[Notice]:
        async with self._make_work() as work:
            notices = await _of(work, request)
        failed = [notice for notice in notices if notice.status is NoticeStatus.FAILED]
        if _are_taken(notices) or not failed:
            return notices
        await self.fall_back(failed[0])
        async with self._make_work() as work:
            return await _of(work, request)

    async def fall_back(self, failed: Notice) -> Notice | None:
        """Send a notice that could not be delivered by the other channel, once; None when there is no other.

        A code goes only where it was asked for.
        """
        if failed.kind in ACCESS_KINDS:
            return None
        request = request_of(failed)
        async with self._make_work() as work:
            customer = await read_customer(work, failed.account_id, self._clock.now())
            tried = {notice.channel for notice in await _of(work, request)}
        for channel in other_channels(failed.kind, customer.account, customer.brand, tried)[:1]:
            return await self._send_or_wait(request, customer, channel, failed.notice_id)
        return None

    async def _send_or_wait(
        self, request: NoticeRequest, customer: Customer, channel: str, fallback_of: str
    ) -> Notice | None:
        now = self._clock.now()
        allowed_at = allowed_from(request.kind, now, customer.account, customer.brand, hurry=request.hurry)
        if allowed_at <= now:
            return await self._delivery.deliver(request, customer, channel, fallback_of)
        waiting = new_notice(request, customer, channel, now, fallback_of=fallback_of, send_after=allowed_at)
        async with self._make_work() as work:
            notice = await work.notices.add(waiting)
            await work.commit()
        return notice

    async def history(self, account_id: str) -> tuple[Sequence[Notice], Sequence[Evidence]]:
        """An account's notices, newest first, and all their evidence, oldest first.

        Raises NotFound, or InvalidValue for what is no account's identity.
        """
        identity.parse(identity.ACCOUNT, account_id, "account_id")
        async with self._make_work() as work:
            await work.accounts.get(account_id)
            return await work.notices.of(account_id), await work.notices.evidence(account_id)

    async def send_waiting(self) -> int:
        """Send what was kept over quiet hours, and stand-ins for undelivered ones; how many went out. For upkeep."""
        async with self._make_work() as work:
            due = await work.notices.due(self._clock.now())
        finished = [await self._finish(notice) for notice in due]
        return sum(finished)

    async def _finish(self, notice: Notice) -> bool:
        async with self._make_work() as work:
            customer = await read_customer(work, notice.account_id, self._clock.now())
        try:
            done = await self._delivery.deliver(request_of(notice), customer, notice.channel, notice.fallback_of)
            if done.status is NoticeStatus.FAILED:
                await self.fall_back(done)
        except FAULTS:  # kept as it is, and tried again in the next round
            return False
        return done.status in TAKEN


async def read_customer(work: UnitOfWork, account_id: str, now: datetime) -> Customer:
    """The account with its brand, the method in use and the letterhead of the day."""
    account = await work.accounts.get(account_id)
    method = await work.payments.usable_method(account_id, now)
    kind = MethodKind(method.kind) if method else MethodKind.NONE
    brand = await work.accounts.brand(account.brand)
    return Customer(account, brand, kind, await letterhead_at(work, brand, now))


def request_of(notice: Notice) -> NoticeRequest:
    """The request that a notice came from."""
    return NoticeRequest(
        account_id=notice.account_id,
        kind=notice.kind,
        subject=notice.subject,
        occasion=notice.occasion,
        amount_minor=notice.amount_minor,
        currency=notice.currency,
        on=notice.named_on,
        invoice_ids=tuple(notice.invoice_ids),
        hurry=notice.hurry,
    )


async def _of(work: UnitOfWork, request: NoticeRequest) -> Sequence[Notice]:
    return await work.notices.of_occasion(request.account_id, request.subject, request.kind, request.occasion)


def _chosen(request: NoticeRequest, customer: Customer) -> tuple[str, ...]:
    """Those the request names, as far as the customer has an address there; else as account or brand chose."""
    named = tuple(one for one in request.channels if recipient(customer.account, one))
    return named or choose_channels(request.kind, customer.account, customer.brand).channels


def _are_taken(notices: Sequence[Notice]) -> bool:
    return any(notice.status in TAKEN for notice in notices)


def _to_do(before: Sequence[Notice], chosen: Sequence[str]) -> list[str]:
    """Channels begun and not finished, then chosen ones not begun. One that waits for quiet hours is the upkeep's."""
    unfinished = [one.channel for one in before if one.status in UNFINISHED and one.send_after is None]
    return unfinished + [channel for channel in chosen if channel not in {one.channel for one in before}]


def _result(status: str, notices: Sequence[Notice]) -> NoticeResult:
    taken = [notice for notice in notices if notice.status in TAKEN]
    first: datetime | None = min((notice.accepted_at for notice in taken if notice.accepted_at), default=None)
    return NoticeResult(
        status,
        sent_on=min((notice.sent_on for notice in taken if notice.sent_on), default=None),
        sent_at=first,
        channels=tuple(notice.channel for notice in taken),
        explanation="; ".join(f"{notice.channel}: {notice.failure}" for notice in notices if notice.failure)
        or ("" if taken else "no channel reaches this customer"),
    )
