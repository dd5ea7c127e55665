"""Usage: take records from any source, answer live balances, keep what cannot be taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from billing.domain.errors import InvalidValue
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.usage_intake import Entry, RecordResult, UsageIntake, read_batch
from billing.services.usage_kept import issues_of
from billing.services.usage_thresholds import ThresholdDispatch

MOST_RECORDS = 10_000


class UsageService:
    """The front of usage for doors, command line and process."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Process) -> None:
        self._make_work = make_work
        self._clock = clock
        self.intake = UsageIntake(make_work)
        self.thresholds = ThresholdDispatch(make_work, clock, process)

    async def take(self, events: Sequence[Mapping[str, Any]]) -> Sequence[RecordResult]:
        """Take records of the HTTP shape; when this returns, they are committed and counted.

        Answers one result per record, in order. Raises InvalidValue for more than 10,000 records at once.
        """
        if len(events) > MOST_RECORDS:
            remedy = f"Send at most {MOST_RECORDS} records at once, or upload a file."
            raise InvalidValue("The batch is too large.", field="events", value=len(events), remedy=remedy)
        now = self._clock.now()
        batch = read_batch([Entry(event) for event in events], now)
        await self.intake.prepare(batch)
        async with self._make_work() as work:
            taken = await self.intake.store(work, batch, now)
            await work.usage.add_issues(issues_of(batch, taken.results, now))
            await work.commit()
        if taken.crossed_accounts:
            await self.thresholds.send_pending(taken.crossed_accounts)
        return taken.results
