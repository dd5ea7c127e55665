"""For upkeep: yesterday is held against the books once it is over, and again where what differed was settled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from billing.domain.staff_cases import DAILY_TOTALS_DIFFER, PROVIDER_DIFFERENCE
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.daily_totals import DailyTotals

# What the provider took shortly before midnight still has this long to be booked.
BOOKED_WITHIN = timedelta(hours=2)
PATIENCE_SECONDS = 8.0
MOST_DAYS = 5


class DailyLook:
    """A comparison that takes long goes on beside the rounds; one that failed is begun again in the next round."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        totals: DailyTotals,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._make_work = make_work
        self._totals = totals
        self._now = now
        self._running: asyncio.Task[int] | None = None

    async def look_after(self) -> int:
        """How many days were compared."""
        if self._running is None:
            due = await self._due()
            if not due:
                return 0
            self._running = asyncio.create_task(self._compare(due))
        running = self._running
        await asyncio.wait([running], timeout=PATIENCE_SECONDS)
        if not running.done():
            return 0
        self._running = None
        return running.result()

    async def _compare(self, due: Sequence[tuple[str, date]]) -> int:
        for provider, day in due:
            await self._totals.compare(day, provider)
        return len(due)

    async def _due(self) -> Sequence[tuple[str, date]]:
        yesterday = self._now().date() - timedelta(days=1)
        over_at = datetime.combine(yesterday, time(), UTC) + timedelta(days=1) + BOOKED_WITHIN
        due: list[tuple[str, date]] = []
        async with self._make_work() as work:
            for provider in self._totals.providers:
                last = await work.provider_totals.last_compared(provider, yesterday)
                if self._now() >= over_at and (last is None or last < over_at):
                    due.append((provider, yesterday))
            unsettled = {
                (one.facts.get("provider"), one.facts.get("day"))
                for one in await work.staff_cases.lasting(PROVIDER_DIFFERENCE)
            }
            for case in await work.staff_cases.lasting(DAILY_TOTALS_DIFFER):
                place = (case.facts["provider"], case.facts["day"])
                if place not in unsettled and place[0] in self._totals.providers:
                    due.append((place[0], date.fromisoformat(place[1])))
        return list(dict.fromkeys(due))[:MOST_DAYS]
