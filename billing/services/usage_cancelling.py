"""Cancelling a file that should not have been imported: its records are taken back, as if it had never come.

Batch by batch, each a transaction of its own: a process that dies goes on where the last committed batch ended. The
same content may be handed in again afterwards, on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.domain.errors import UnableTo
from billing.messages.usage import ImportFileRequest
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_columns import record_keys
from billing.ports.usage_corrections import CANCELLED as TAKEN_BACK
from billing.ports.usage_corrections import Change, EventsOf, StoredEvent
from billing.ports.usage_files import CANCELLED, CANCELLING, DONE, HELD, IMPORTING, REGISTERED, UsageFile
from billing.services.usage_counting import UsageCounting
from billing.services.usage_decisions import decision
from billing.services.usage_dropped import refuse_partly_gone
from billing.services.usage_reversal import reverse
from billing.services.usage_sessions import UsageSessions

_CAN_BE = (REGISTERED, HELD, IMPORTING, DONE, CANCELLING, CANCELLED)
EVENTS_AT_ONCE = 2000


class UsageCancelling:
    """Takes whole files back."""

    def __init__(
        self,
        make_work: UnitOfWorkFactory,
        clock: BusinessClock,
        process: Process,
        counting: UsageCounting,
        sessions: UsageSessions,
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._counting = counting
        self._sessions = sessions

    async def cancel(self, file_id: str, author: str, reason: str) -> UsageFile:
        """Decide it; the file's own process takes the records back. Cancelling again changes nothing.

        Raises NotFound, InvalidValue without a reason, UnableTo for a file that was put aside before it counted, and
        for one with records on archived days.
        """
        decided = decision(author, reason, self._clock.now())
        async with self._make_work() as work:
            file = await work.usage.lock_file(file_id)
            if file.status not in _CAN_BE:
                remedy = "Nothing of it was counted, so there is nothing to take back."
                raise UnableTo(f"This file is {file.status}.", field="file_id", value=file_id, remedy=remedy)
            if file.status not in (CANCELLING, CANCELLED):
                await refuse_partly_gone(work, file)
                await work.usage.change_file(file_id, {"status": CANCELLING, **decided})
                file = await work.usage.file(file_id)
                await work.commit()
        if file.status == CANCELLING:
            await self._process.start_import(ImportFileRequest(file_id))
        return file

    async def carry_out(self, file_id: str) -> UsageFile:
        """Take back what a file that is being cancelled has counted, to the last record. May be called again."""
        async with self._make_work() as work:
            file = await work.usage.file(file_id)
            # Its own import saw the new status, or is one of these.
            await work.usage.wait_for_intake()
        while file.status == CANCELLING and await self._take_back(file):
            pass
        while file.status == CANCELLING and await self._take_back_sessions(file):
            pass
        if file.status == CANCELLING:
            file = await self._finish(file_id)
        await self._counting.count_all()
        return file

    async def _take_back(self, file: UsageFile) -> bool:
        """One batch; False when there was nothing left."""
        if file.span is None:
            return False
        wanted = EventsOf(*file.span, file_id=file.file_id)
        async with self._make_work() as work:
            events = await self._take_out(work, file, wanted)
            await work.commit()
            # Rows that were being stored anew, by a correction, are not among those that could be locked.
            return bool(events) or await work.usage.has_events(wanted)

    async def _take_out(self, work: UnitOfWork, file: UsageFile, wanted: EventsOf) -> Sequence[StoredEvent]:
        why = f"{file.name} ({file.file_id}): {file.decision_reason}"
        change = Change(TAKEN_BACK, why, file.decided_by, self._clock.now())
        await work.usage.begin_intake()
        events = await work.usage.take_out(wanted, EVENTS_AT_ONCE)
        await reverse(work, events, change)
        await work.usage.remember(events, change)
        return events

    async def _take_back_sessions(self, file: UsageFile) -> bool:
        """The file's parts of sessions, some sessions at a time, with what other files made whole by them."""
        now = self._clock.now()
        async with self._make_work() as work:
            orphans = await self._sessions.withdraw(work, file.file_id, now)
            if orphans is None:
                return False
            if orphans:
                starts = [datetime.fromisoformat(event["started_at"]) for event in orphans]
                keys = [(event["source"], event["record_id"]) for event in orphans]
                records = record_keys(*zip(*keys, strict=True))
                await self._take_out(work, file, EventsOf(min(starts), max(starts), records=records))
                await work.usage.resolve_records(keys, now, f"cancelled: {file.file_id} was taken back")
            await work.commit()
        return True

    async def _finish(self, file_id: str) -> UsageFile:
        now = self._clock.now()
        async with self._make_work() as work:
            file = await work.usage.lock_file(file_id)
            if file.status == CANCELLING:
                await work.usage.close_issues_of(
                    file_id, f"cancelled: the file was taken back by {file.decided_by}", now
                )
                await work.usage.change_file(file_id, {"status": CANCELLED, "finished_at": now})
            file = await work.usage.file(file_id)
            await work.commit()
        return file
