"""Promises are confirmed to the customer: what was promised, and by when. Sent by upkeep, each once."""

from __future__ import annotations

from functools import partial

from billing.messages.notices import NoticeKind, NoticeRequest
from billing.ports.accounts import TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.dunning import Promise
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.notice_rounds import Notices, send_each
from billing.services.notices import FAILED, WAIT


class PromiseNotices:
    """Finds promises that were not confirmed, and confirms them.

    A promise that is over already, kept by paying at once or replaced by another one, needs no confirmation: the
    customer was thanked, or hears of the newer one.
    """

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, notices: Notices) -> None:
        self._make_work = make_work
        self._clock = clock
        self._notices = notices

    async def send_due(self) -> int:
        """How many went out. Raises SomeNoticesFailed when others did not."""
        async with self._make_work() as work:
            promises = await work.dunning.promises_unconfirmed()
        return await send_each([partial(self._confirm, one) for one in promises])

    async def _confirm(self, promise: Promise) -> bool:
        if promise.outcome or promise.pay_by is None:
            await self._write_down(promise, "", "")
            return False
        async with self._make_work() as work:
            account = await work.accounts.get(promise.account_id)
            currency = (await work.accounts.brand(account.brand)).currency
        told = await self._notices.send(
            NoticeRequest(
                promise.account_id,
                NoticeKind.PROMISE,
                promise.promise_id,
                amount_minor=promise.promised_minor,
                currency=currency,
                on=promise.pay_by,
                invoice_ids=tuple(promise.invoice_ids),
                keep=True,
            )
        )
        if told.status == WAIT:
            return False
        await self._write_down(promise, told.status, told.explanation)
        return told.status != FAILED

    async def _write_down(self, promise: Promise, status: str, explanation: str) -> None:
        now = self._clock.now()
        async with self._make_work() as work:
            await work.dunning.change_promise(promise.account_id, promise.promise_id, {"confirmed_at": now})
            if status:
                summary = f"Promise {promise.promise_id} by {promise.pay_by} confirmed to the customer."
                if status == FAILED:
                    summary = f"Promise {promise.promise_id} could not be confirmed: {explanation}."
                reason = {"promise_id": promise.promise_id, "notice": status}
                await work.timeline.add(TimelineEntry(promise.account_id, now, "promise_confirmed", summary, reason))
            await work.commit()
