"""Counting: what was acknowledged is added to its counters, and thresholds that were passed on the way are found.

A record is exact in every balance and on every invoice from its acknowledgement on, because readers add what is
pending. Adding it up is the second step: at once for a few records, by a loop in the background for bulk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.usage_plans import PlanShelf
from billing.services.usage_thresholds import ThresholdDispatch, write_crossings

# Up to this many accounts a batch is added up in its own transaction, so that thresholds are told at once.
FEW_ACCOUNTS = 100
ROWS_AT_ONCE = 50_000
_logger = logging.getLogger(__name__)


class UsageCounting:
    """Adds pending counts to their counters."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, shelf: PlanShelf, thresholds: ThresholdDispatch
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._shelf = shelf
        self._thresholds = thresholds

    async def count_few(self, work: UnitOfWork, account_ids: Sequence[str], now: datetime) -> Sequence[str]:
        """Add up a small batch in its own transaction; answers the accounts that passed a threshold.

        A batch of many accounts is left to the loop.
        """
        if not account_ids or len(account_ids) > FEW_ACCOUNTS:
            return ()
        _, crossed = await self._count(work, account_ids, now)
        return crossed

    async def count_all(self) -> int:
        """Add up everything that is pending and tell the thresholds; answers how many rows were moved."""
        moved = 0
        while True:
            async with self._make_work() as work:
                rows, crossed = await self._count(work, None, self._clock.now())
                await work.commit()
            moved += rows
            if crossed:
                await self._thresholds.send_pending(crossed)
            if rows < ROWS_AT_ONCE:
                return moved

    async def count_forever(self, pause_seconds: float = 0.5) -> None:
        """Add up in the background until cancelled; trouble is logged and tried again."""
        while True:
            try:
                await self.count_all()
            except Exception as fault:  # the database may be away for a while
                _logger.warning("counting waits: %s", fault)
            await asyncio.sleep(pause_seconds)

    async def _count(
        self, work: UnitOfWork, account_ids: Sequence[str] | None, now: datetime
    ) -> tuple[int, Sequence[str]]:
        rows, due = await work.usage.fold_pending(account_ids, ROWS_AT_ONCE)
        if not due:
            return rows, ()
        spans = [each for each in await work.usage.lock_cycles(due) if each.status == "open"]
        crossings = await write_crossings(work, self._shelf, spans, now)
        return rows, sorted({each.account_id for each in crossings})
