"""Tries of cards and bank accounts that count in no budget any more are dropped."""

from __future__ import annotations

from datetime import timedelta

from billing.domain.retry import ENDING_CODES, LONGEST_WINDOW
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory

# A clock that is set back, or a scheme's day that ends later than ours, never makes a try too young to be counted.
_MARGIN = timedelta(days=2)
_MOST_AT_ONCE = 5_000


class OldTries:
    """Drops them for upkeep. What ended a card or an account for good is kept: it must never be tried again."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def forget(self) -> int:
        """How many were dropped in this round."""
        before = self._clock.now() - LONGEST_WINDOW - _MARGIN
        async with self._make_work() as work:
            dropped = await work.retries.forget_tries(before, ENDING_CODES, _MOST_AT_ONCE)
            await work.commit()
        return dropped
