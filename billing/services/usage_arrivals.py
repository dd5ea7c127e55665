"""Files that arrive: registered, put in order, started; and what a person decides about one that is held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from billing.domain.errors import UnableTo
from billing.messages.usage import ImportFileRequest
from billing.ports.clock import BusinessClock
from billing.ports.process import Process
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage_files import HELD, REGISTERED, REJECTED, UsageFile
from billing.services.reconcile import Watched
from billing.services.usage_decisions import decision
from billing.services.usage_files import UsageFiles
from billing.services.usage_holds import free

# An upload starts its import within moments; what was not started by then never will be without help.
STARTED_WITHIN = timedelta(minutes=1)
HELD_AT_MOST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A file that arrived; ``is_new`` is false when the same content was there before under this profile."""

    file: UsageFile
    is_new: bool


class UsageArrivals:
    """The way in for files from every door, and the person's answer to a hold."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, process: Process, files: UsageFiles) -> None:
        self._make_work = make_work
        self._clock = clock
        self._process = process
        self._files = files

    async def hand_in(self, name: str, profile: str, chunks: AsyncIterator[bytes]) -> HandedIn:
        """Keep, register and start a file, and those that waited for it. The same content again has no effect.

        Raises InvalidValue for an unknown profile and for a file above 1 GiB.
        """
        registered = await self._files.enter(name, profile, chunks)
        await self._start(registered.file, *registered.freed)
        return HandedIn(registered.file, registered.is_new)

    async def release(self, file_id: str, author: str, reason: str) -> UsageFile:
        """Import a held file as it is. Raises NotFound, UnableTo for one that is not held, InvalidValue."""
        async with self._make_work() as work:
            decided = decision(author, reason, self._clock.now())
            file = await self._held(work, file_id)
            values = {"status": REGISTERED, "waived": [*file.waived, file.hold_kind], **decided}
            await work.usage.change_file(file_id, values)
            freed = await free(work, self._files.profile(file.profile))
            file = await work.usage.file(file_id)
            await work.commit()
        await self._start(file, *freed)
        return file

    async def reject(self, file_id: str, author: str, reason: str) -> UsageFile:
        """Put a held file aside for good: nothing of it is counted, and its number is free for the right one.

        Raises NotFound, UnableTo for one that is not held, InvalidValue.
        """
        async with self._make_work() as work:
            decided = decision(author, reason, self._clock.now())
            file = await self._held(work, file_id)
            values = {"status": REJECTED, "finished_at": self._clock.now(), **decided}
            await work.usage.change_file(file_id, values)
            freed = await free(work, self._files.profile(file.profile))
            file = await work.usage.file(file_id)
            await work.commit()
        await self._process.start_import(ImportFileRequest(file_id))
        await self._start(*freed)
        return file

    async def look_after(self) -> Watched:
        """For upkeep: start what was registered while the process was away, and name each file held for a day."""
        now = self._clock.now()
        async with self._make_work() as work:
            waiting = await work.usage.files_to_start(now - STARTED_WITHIN)
            held = await work.usage.held_files(now - HELD_AT_MOST)
        await self._start(*waiting)
        alarms = tuple(f"{file.file_id} ({file.profile}) is held: {file.hold_reason}" for file in held)
        return Watched(len(waiting), alarms)

    async def _held(self, work: UnitOfWork, file_id: str) -> UsageFile:
        """The file, locked, when it is held; the profile's order is locked first."""
        await work.usage.lock_sequence((await work.usage.file(file_id)).profile)
        file = await work.usage.lock_file(file_id)
        if file.status != HELD:
            remedy = "GET /v1/usage/files?status=held lists those that are."
            raise UnableTo(
                f"This file is not held; it is {file.status}.", field="file_id", value=file_id, remedy=remedy
            )
        return file

    async def _start(self, *files: UsageFile) -> None:
        """Held files too: their workflow shows operators that a person is needed."""
        for file in files:
            if not file.is_settled:
                await self._process.start_import(ImportFileRequest(file.file_id))
