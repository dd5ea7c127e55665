"""Files to the bank: made once before the cut-off, byte for byte the same whenever asked for, handled by staff."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from billing.domain.errors import UnableTo
from billing.ports.bank_file_writing import DebitFile, DebitFileWriter, DebitLine, Seal
from billing.ports.bank_files import (
    BankBatch,
    BankDebit,
    BatchStatus,
    Creditor,
    DebitFilter,
    DebitStatus,
)
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_debit_checks import cut_off_of, party_of
from billing.services.bank_payout_files import free_payouts, note_payouts_sent
from billing.services.bank_sorting import Ready, Sorting

# More debits of one day go into a further file: banks bound the size of what they take.
MOST_PER_FILE = 10_000
UNDELIVERED = (BatchStatus.MADE, BatchStatus.HELD)


class UnableToChangeBatch(UnableTo):
    """A file that the bank has, or that was taken apart, can not be changed."""


@dataclass(frozen=True)
class Made:
    """What making files came to: new batches, debits held for a person, debits dropped with their mandate or debt."""

    batches: tuple[BankBatch, ...] = ()
    held: tuple[BankDebit, ...] = ()
    dropped: tuple[BankDebit, ...] = ()

    def __add__(self, other: Made) -> Made:
        return Made(self.batches + other.batches, self.held + other.held, self.dropped + other.dropped)


class BankBatches:
    """Makes, shows and changes files; ``writer`` writes them, ``seal`` encrypts what is kept."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, writer: DebitFileWriter, seal: Seal) -> None:
        self._make_work = make_work
        self._clock = clock
        self._writer = writer
        self._seal = seal

    async def make_due(self, brand: str = "", *, at_once: bool = False) -> Made:
        """Make the files whose hour has come, of all brands or one; ``at_once`` does not wait for it.

        One worker makes files of a brand at a time, and each file with its debits in one transaction.
        """
        async with self._make_work() as work:
            creditors = [one for one in await work.bank_files.creditors() if brand in ("", one.brand)]
        made = Made()
        for creditor in creditors:
            while (part := await self._make_some(creditor, at_once=at_once)) is not None:
                made += part
        return made

    async def _make_some(self, creditor: Creditor, *, at_once: bool) -> Made | None:
        """Files of at most so many debits; None when nothing is to go."""
        now = self._clock.now()
        async with self._make_work() as work:
            if not await work.bank_files.lock_making(creditor.brand):
                return None
            zone = (await work.accounts.brand(creditor.brand)).zone
            until = None if at_once else cut_off_of(creditor, zone).latest_to_make(now)
            wanted = DebitFilter(creditor.brand, statuses=(DebitStatus.WAITING,), due_until=until)
            debits = await work.bank_files.lock_debits(wanted, MOST_PER_FILE)
            if not debits:
                return None
            maker = Sorting(work, creditor, zone, now, self._seal)
            for debit in debits:
                await maker.sort(debit)
            batches = [await self._make(work, creditor, zone, ready) for ready in maker.groups()]
            await work.commit()
        return Made(tuple(batches), tuple(maker.held), tuple(maker.dropped))

    async def _make(self, work: UnitOfWork, creditor: Creditor, zone: str, ready: Sequence[Ready]) -> BankBatch:
        now, first = self._clock.now(), ready[0]
        batch_id = await work.bank_files.next_batch_id()
        batch = BankBatch(
            batch_id=batch_id,
            brand=creditor.brand,
            collect_on=first.collect_on,
            sequence=first.sequence,
            scheme=first.debit.scheme,
            version=creditor.message_version,
            message_id=f"EF{first.collect_on:%Y%m%d}-{batch_id.rpartition('_')[2]}",
            count=len(ready),
            control_sum_minor=sum(one.debit.amount_minor for one in ready),
            file_hash="",
            creditor={name: value for name, value in asdict(creditor).items() if name != "changed_at"},
            status=BatchStatus.MADE,
            reason="",
            made_at=now,
            deliver_by=cut_off_of(creditor, zone).of(first.collect_on),
            delivered_how="",
            author="evenflow",
        )
        content = self._writer.write(_file_of(batch, creditor, zone, [one.line for one in ready]))
        batch = replace(batch, file_hash=hashlib.sha256(content).hexdigest())
        sealed = self._seal.seal(zlib.compress(content), _context(batch_id))
        await work.bank_files.add_batch(batch, sealed, [one.debit for one in ready])
        for one in ready:
            values = {
                "status": DebitStatus.BATCHED,
                "batch_id": batch_id,
                "sequence": one.sequence,
                "collect_on": one.collect_on,
                "amended": bool(one.line.amendment),
                "changed_at": now,
            }
            await work.bank_files.change_debit(one.debit.account_id, one.debit.attempt_id, values)
        return batch

    async def content(self, batch_id: str) -> tuple[BankBatch, bytes]:
        """The file as it was made. Raises NotFound."""
        async with self._make_work() as work:
            batch = await work.bank_files.batch(batch_id)
            sealed = await work.bank_files.content_of(batch_id)
        content = zlib.decompress(self._seal.open(sealed, _context(batch_id)))
        if hashlib.sha256(content).hexdigest() != batch.file_hash:
            raise ValueError(f"the file of {batch_id} is not the one that was made")
        return batch, content

    async def download(self, batch_id: str, author: str) -> tuple[BankBatch, bytes]:
        """The file for a person, who may hand it to the bank: from now on it is not taken apart by itself.

        Raises NotFound.
        """
        batch, content = await self.content(batch_id)
        if batch.downloaded_at is None:
            async with self._make_work() as work:
                await work.bank_files.lock_batch(batch_id)
                values = {"downloaded_at": self._clock.now(), "author": author}
                await work.bank_files.change_batch(batch_id, values)
                await work.commit()
        return batch, content

    async def batches(
        self, brand: str = "", statuses: Collection[str] = (), after: str | None = None, limit: int = 100
    ) -> Sequence[BankBatch]:
        """The newest first."""
        async with self._make_work() as work:
            return await work.bank_files.batches(brand, statuses, after, limit)

    async def get(self, batch_id: str) -> BankBatch:
        """Raises NotFound."""
        async with self._make_work() as work:
            return await work.bank_files.batch(batch_id)

    async def mark_delivered(self, batch_id: str, how: str, author: str) -> BankBatch:
        """The bank has the file; saying so again changes nothing.

        Raises NotFound, and UnableToChangeBatch for a file that was taken apart or lies ready for the bank's folder.
        """
        async with self._make_work() as work:
            batch = await work.bank_files.lock_batch(batch_id)
            if batch.status == BatchStatus.DELIVERED:
                return batch
            if batch.status not in UNDELIVERED:
                raise _unable(batch, "Only a file that is made or held can be said to be delivered.")
            batch = await note_delivered(work, batch, how, author, self._clock.now())
            await work.commit()
        return batch

    async def hold(self, batch_id: str, reason: str, author: str) -> BankBatch:
        """Keep a file from leaving. Raises NotFound, and UnableToChangeBatch once it left."""
        return await self._move(batch_id, UNDELIVERED, BatchStatus.HELD, reason, author)

    async def release(self, batch_id: str, reason: str, author: str) -> BankBatch:
        """Let a held file leave. Raises NotFound, and UnableToChangeBatch for one that is not held."""
        return await self._move(batch_id, UNDELIVERED, BatchStatus.MADE, reason, author)

    async def withdraw(self, batch_id: str, reason: str, author: str) -> BankBatch:
        """Take a file apart before it leaves; its debits go with the next. Raises NotFound, UnableToChangeBatch."""
        return await self._move(batch_id, UNDELIVERED, BatchStatus.WITHDRAWN, reason, author)

    async def _move(
        self, batch_id: str, standing: Collection[str], status: BatchStatus, reason: str, author: str
    ) -> BankBatch:
        async with self._make_work() as work:
            batch = await work.bank_files.lock_batch(batch_id)
            if batch.status not in standing:
                raise _unable(batch, f"Only a file that is {' or '.join(standing)} can be changed.")
            batch = await change_batch(work, batch, status, reason, author, self._clock.now())
            await work.commit()
        return batch


async def note_delivered(work: UnitOfWork, batch: BankBatch, how: str, author: str, now: datetime) -> BankBatch:
    """The bank has the file, and so what it carries. The batch must be locked."""
    values = {"status": BatchStatus.DELIVERED, "delivered_at": now, "delivered_how": how, "author": author}
    await work.bank_files.change_batch(batch.batch_id, values)
    sent = {"status": DebitStatus.SENT, "changed_at": now}
    await work.bank_files.change_debits_of(batch.batch_id, (DebitStatus.BATCHED,), sent)
    await note_payouts_sent(work, batch, now)
    return replace(batch, status=BatchStatus.DELIVERED, delivered_at=now, delivered_how=how, author=author)


async def change_batch(
    work: UnitOfWork, batch: BankBatch, status: BatchStatus, reason: str, author: str, now: datetime
) -> BankBatch:
    """Another standing of a file that has not left; taken apart, it frees what it carried. The batch must be locked."""
    await work.bank_files.change_batch(batch.batch_id, {"status": status, "reason": reason, "author": author})
    if status == BatchStatus.WITHDRAWN:
        back = {"status": DebitStatus.WAITING, "batch_id": None, "changed_at": now}
        await work.bank_files.change_debits_of(batch.batch_id, (DebitStatus.BATCHED,), back)
        await free_payouts(work, batch, now)
    return replace(batch, status=status, reason=reason, author=author)


def _file_of(batch: BankBatch, creditor: Creditor, zone: str, lines: Sequence[DebitLine]) -> DebitFile:
    return DebitFile(
        message_id=batch.message_id,
        version=batch.version,
        made_at=batch.made_at.astimezone(ZoneInfo(zone)),
        creditor=party_of(creditor),
        collect_on=batch.collect_on,
        sequence=batch.sequence,
        scheme=batch.scheme,
        debits=lines,
    )


def _context(batch_id: str) -> str:
    return f"bank_batches/{batch_id}"


def _unable(batch: BankBatch, remedy: str) -> UnableToChangeBatch:
    return UnableToChangeBatch(
        f"The file {batch.message_id} is {batch.status}.", field="batch_id", value=batch.batch_id, remedy=remedy
    )
