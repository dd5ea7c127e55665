"""Carry out what banks told, one payment and one transaction at a time, and tell the accounts' processes.

Everything here may be repeated and run by several at once: a payment is locked, looked at again, and carried out by one
of them. One that fails keeps no other waiting.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_news import BankNews
from billing.services.bank_payment_effects import OnAccount, carry_out
from billing.services.bank_status_effects import carry_out_status

_log = logging.getLogger(__name__)
AT_ONCE = 200
_Place = tuple[str, int]


class CarryingOut:
    """``go_on`` does what waits; ``failed`` is how many could not be carried out in the last round."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, news: BankNews) -> None:
        self._make_work = make_work
        self._clock = clock
        self._news = news
        self.failed = 0

    async def go_on(self) -> int:
        """Carry out all that waits, then tell whom it concerns; how much was carried out."""
        async with self._make_work() as work:
            own = await work.bank_statements.own_accounts()
        done, failed = 0, 0
        for waiting, step in ((self._payments, self._payment_of(own)), (self._statuses, self._status)):
            carried, not_carried = await self._all(waiting, step)
            done, failed = done + carried, failed + not_carried
        self.failed = failed
        await self._news.tell()
        return done

    async def _all(
        self, waiting: Callable[[int], Awaitable[Sequence[_Place]]], step: Callable[[_Place], Awaitable[None]]
    ) -> tuple[int, int]:
        done, failed = 0, set[_Place]()
        while places := [one for one in await waiting(AT_ONCE + len(failed)) if one not in failed]:
            for place in places:
                try:
                    await step(place)
                    done += 1
                except Exception:
                    _log.warning("what the bank told as %s-%s waits for upkeep", *place, exc_info=True)
                    failed.add(place)
        return done, len(failed)

    async def _payments(self, limit: int) -> Sequence[_Place]:
        async with self._make_work() as work:
            return await work.bank_statements.waiting_payments(limit)

    async def _statuses(self, limit: int) -> Sequence[_Place]:
        async with self._make_work() as work:
            return await work.bank_statements.waiting_statuses(limit)

    def _payment_of(self, own: Mapping[str, Sequence[str]]) -> Callable[[_Place], Awaitable[None]]:
        async def step(place: _Place) -> None:
            async with self._make_work() as work:
                await self._carry_out(work, place, own)
                await work.commit()

        return step

    async def _carry_out(self, work: UnitOfWork, place: _Place, own: Mapping[str, Sequence[str]]) -> None:
        entry, payment = await work.bank_statements.lock_payment(*place)
        if payment.effect:
            return  # another worker did it meanwhile
        told = await carry_out(work, OnAccount(entry, payment, own[entry.bank_account], self._clock.now()))
        await work.bank_statements.finish_payment(*place, told.effect, told.explanation)

    async def _status(self, place: _Place) -> None:
        async with self._make_work() as work:
            status = await work.bank_statements.lock_status(*place)
            if status.effect:
                return
            told = await carry_out_status(work, status, self._clock.now())
            await work.bank_statements.finish_status(*place, told.effect, told.explanation)
            await work.commit()
