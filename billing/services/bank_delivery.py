"""Handing files to the bank's folder, exactly once, whatever is killed in between.

A file is staged beside the folder and that is committed; then it is renamed into the folder and that is committed. A
staged batch whose file is no longer staged was therefore handed over, even when the bank has fetched it meanwhile.
"""

from __future__ import annotations

import asyncio

from billing.ports.bank_file_writing import DropFolder
from billing.ports.bank_files import BankBatch, BatchStatus
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.bank_batches import BankBatches, change_batch, note_delivered

AUTHOR = "evenflow"
FOLDER = "folder"


class FolderLost(Exception):
    """The place beside the folder is gone, so nobody can say whether the bank has the files staged there."""


class BankDelivery:
    """``folder`` None: every file is handed over by a person."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, batches: BankBatches, folder: DropFolder | None
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._batches = batches
        self._folder = folder

    async def deliver_due(self) -> list[BankBatch]:
        """Hand over what is made for the folder; a file that missed its hour is taken apart instead."""
        if self._folder is None:
            return []
        waiting = await self._batches.batches(statuses=(BatchStatus.MADE, BatchStatus.STAGED), limit=1000)
        chosen = [one for one in reversed(waiting) if one.creditor.get("delivery") == FOLDER]
        return [done for one in chosen if (done := await self._deliver(one.batch_id, self._folder)) is not None]

    async def _deliver(self, batch_id: str, folder: DropFolder) -> BankBatch | None:
        """None when somebody took the file back meanwhile, or it came too late."""
        if not await self._stage(batch_id, folder):
            return None
        async with self._make_work() as work:
            batch = await work.bank_files.lock_batch(batch_id)
            if batch.status != BatchStatus.STAGED:
                return None
            if not await asyncio.to_thread(folder.is_whole):
                raise FolderLost(
                    f"The folder of {batch.file_name} was emptied from outside. See at the bank whether it has "
                    f"{batch.message_id}; then say so by POST /v1/bank-batches/{batch_id}/delivered, or withdraw it."
                )
            await asyncio.to_thread(folder.hand_over, batch.file_name)
            batch = await note_delivered(work, batch, FOLDER, AUTHOR, self._clock.now())
            await work.commit()
        return batch

    async def _stage(self, batch_id: str, folder: DropFolder) -> bool:
        """Put the whole file beside the folder. True when it is there, or was before."""
        _, content = await self._batches.content(batch_id)
        async with self._make_work() as work:
            batch = await work.bank_files.lock_batch(batch_id)
            if batch.status == BatchStatus.STAGED:
                return True
            if batch.status != BatchStatus.MADE:
                return False
            now = self._clock.now()
            if now > batch.deliver_by:
                why = f"it was not handed over by {batch.deliver_by:%Y-%m-%d %H:%M} UTC"
                await change_batch(work, batch, BatchStatus.WITHDRAWN, why, AUTHOR, now)
                await work.commit()
                return False
            await asyncio.to_thread(folder.stage, batch.file_name, content)
            await change_batch(work, batch, BatchStatus.STAGED, "", AUTHOR, now)
            await work.commit()
        return True
