"""Counting: what was acknowledged is added to its counters, and thresholds that were passed on the way are found.

A record is exact in every balance and on every invoice from its acknowledgement on, because readers add what is
pending. Adding it up is the second step: at once for a few records, by a loop in the background for bulk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from math import inf
from time import monotonic

from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.usage_plans import PlanShelf
from billing.services.usage_thresholds import ThresholdDispatch, write_crossings

# Up to this many accounts a batch is added up as soon as it is committed, so that thresholds are told at once.
FEW_ACCOUNTS = 100
ROWS_AT_ONCE = 50_000
CYCLES_AT_ONCE = 500
LOOK_AT_ALL_SECONDS = 300.0
CycleKey = tuple[str, int]  # account_id, cycle_number
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

    async def count_few(self, account_ids: Sequence[str]) -> None:
        """Add up a small batch that is committed, and tell its thresholds; many accounts are left to the loop.

        Never fails: what is not added up now is pending, exact for every reader, and the loop's next work.
        """
        if not account_ids or len(account_ids) > FEW_ACCOUNTS:
            return
        try:
            _, due = await self._fold(account_ids)
            await self._look(due)
        except Exception as fault:
            _logger.warning("counting is left to the loop: %s", fault)

    async def count_all(self) -> int:
        """Add up everything that is pending and tell the thresholds; answers how many rows were moved."""
        moved = 0
        while True:
            rows, due = await self._fold(None)
            await self._look(due)
            moved += rows
            if rows < ROWS_AT_ONCE:
                return moved

    async def look_at_all(self) -> None:
        """Look at the thresholds that were due when a process ended between adding up and looking."""
        async with self._make_work() as work:
            due = await work.usage.due_cycles()
        await self._look(due)

    async def count_forever(self, pause_seconds: float = 0.5) -> None:
        """Add up in the background until cancelled; trouble is logged and tried again, from what was left due.

        Now and then all thresholds that are due are looked at: another process may have ended, or failed, between
        adding up and looking.
        """
        looked_at = -inf
        while True:
            try:
                if monotonic() - looked_at >= LOOK_AT_ALL_SECONDS:
                    await self.look_at_all()
                    looked_at = monotonic()
                await self.count_all()
            except Exception as fault:  # the database may be away for a while
                looked_at = -inf
                _logger.warning("counting waits: %s", fault)
            await asyncio.sleep(pause_seconds)

    async def _fold(self, account_ids: Sequence[str] | None) -> tuple[int, Sequence[CycleKey]]:
        """Counters alone are locked here, so that it cannot stand in the way of whoever looks at thresholds."""
        async with self._make_work() as work:
            rows, due = await work.usage.fold_pending(account_ids, ROWS_AT_ONCE)
            await work.commit()
        return rows, due

    async def _look(self, due: Sequence[CycleKey]) -> None:
        """Find thresholds that were passed. One transaction at a time looks at a cycle, and sees all counts."""
        for begin in range(0, len(due), CYCLES_AT_ONCE):
            async with self._make_work() as work:
                locked = await work.usage.lock_cycles(due[begin : begin + CYCLES_AT_ONCE])
                spans = [each for each in locked if each.status == "open"]
                crossings = await write_crossings(work, self._shelf, spans, self._clock.now())
                await work.commit()
            if crossings:
                await self._thresholds.send_pending(sorted({each.account_id for each in crossings}))
