"""Files of banks: taken once by their content, held for a person where they cannot be believed, then carried out.

Storing a file is one transaction; carrying it out is one for each payment, so that whatever dies in between goes on
from there (upkeep looks for what waits). Rules: docs/bank_statements.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from billing.domain.bank_statement import BankMessage
from billing.domain.bank_statement_checks import WAITS_FOR_ANOTHER, Doubt, DoubtKind
from billing.domain.errors import Refusal, UnableTo
from billing.ports.bank_file_writing import Seal, SealBroken
from billing.ports.bank_statements import BankFileStatus, BankStatementFile, Effect, KeptPayment, ReadBankFile
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.bank_carrying_out import CarryingOut
from billing.services.bank_statement_reports import BankFileReport
from billing.services.bank_statement_storing import doubts_of, store, without_doubtful_details
from billing.services.usage_decisions import stated

# A person may let a file pass with any other doubt; with these there is nobody to book it for.
_NEVER_PASSED = frozenset({DoubtKind.FOREIGN_ACCOUNT, DoubtKind.CURRENCY})
MOST_SHOWN = 200
_PIECE = 2**20


class UnableToDecideBankFile(UnableTo):
    """The file is not held, or cannot be let pass."""


class UnableToKeepBankFile(UnableTo):
    """A file to be held cannot be kept for want of a key."""


@dataclass(frozen=True)
class TakenIn:
    """A file with what became of it; ``is_new`` False: its content was handed in before, and nothing more happened."""

    report: BankFileReport
    is_new: bool


class BankStatements:
    """Takes files in, and decides about those that are held."""

    def __init__(
        self, make_work: UnitOfWorkFactory, clock: BusinessClock, read: ReadBankFile, seal: Seal, carrying: CarryingOut
    ) -> None:
        self._make_work = make_work
        self._clock = clock
        self._read = read
        self._seal = seal
        self._carrying = carrying

    async def take_in(self, name: str, content: BinaryIO, source: str, author: str) -> TakenIn:
        """Take a file of a bank. ``content`` can be read twice; ``source`` is how it came: api or folder.

        Raises NotABankFile (InvalidValue) for what cannot be read: nothing of it is kept.
        """
        content_hash = await asyncio.to_thread(_hash_of, content)
        async with self._make_work() as work:
            known = await work.bank_statements.file_of(content_hash)
        if known is not None:
            return TakenIn(await self.report(known.file_id), False)
        message = await asyncio.to_thread(self._message_in, content)
        values = {
            "content_hash": content_hash,
            "name": name[:200],
            "kind": message.kind,
            "version": message.version,
            "message_id": message.message_id,
            "source": source,
            "author": author,
            "received_at": self._clock.now(),
        }
        file, is_new = await self._keep(values, message, content)
        if is_new and file.status == BankFileStatus.TAKEN:
            await self._take_what_waited()
            await self._carrying.go_on()
        return TakenIn(await self.report(file.file_id), is_new)

    def _message_in(self, content: BinaryIO) -> BankMessage:
        content.seek(0)
        return self._read(content)

    async def _keep(
        self, values: dict[str, Any], message: BankMessage, content: BinaryIO
    ) -> tuple[BankStatementFile, bool]:
        """One transaction: the registered file, with its entries when nothing about it is doubtful."""
        async with self._make_work() as work:
            await work.bank_statements.lock()
            known = await work.bank_statements.file_of(values["content_hash"])
            if known is not None:
                return known, False
            doubts = await doubts_of(work, message, await work.bank_statements.own_accounts())
            file = await work.bank_statements.add_file({**values, **_standing(doubts)})
            if doubts:
                sealed = await asyncio.to_thread(self._sealed, content, file.file_id)
                await work.bank_statements.change_file(file.file_id, {"content_sealed": sealed})
            else:
                await self._store(work, file.file_id, message)
            await work.commit()
        return file, True

    def _sealed(self, content: BinaryIO, file_id: str) -> bytes:
        content.seek(0)
        try:
            return self._seal.seal(zlib.compress(content.read()), _context(file_id))
        except SealBroken as broken:
            raise UnableToKeepBankFile(
                f"This file has to be held for a person, but cannot be kept: {broken}",
                field="file",
                remedy="Set EVENFLOW_SECRETS_IBAN_KEYS and send the file again.",
            ) from None

    async def _store(self, work: UnitOfWork, file_id: str, message: BankMessage) -> None:
        counts = await store(work, file_id, message, self._clock.now())
        await work.bank_statements.change_file(file_id, asdict(counts))

    async def _take_what_waited(self) -> None:
        """Held files that only waited for the one before them, as long as there is one."""
        waiting = True
        while waiting:
            async with self._make_work() as work:
                held = await work.bank_statements.files(BankFileStatus.HELD, limit=1000)
            candidates = [one for one in reversed(held) if _only_waits(one)]
            waiting = any([await self._try_again(one.file_id) for one in candidates])

    async def _try_again(self, file_id: str) -> bool:
        async with self._make_work() as work:
            await work.bank_statements.lock()
            file = await work.bank_statements.lock_file(file_id)
            if file.status != BankFileStatus.HELD:
                return False
            message = await self._opened(work, file_id)
            if await doubts_of(work, message, await work.bank_statements.own_accounts()):
                return False
            await self._store(work, file_id, message)
            await self._decide(work, file_id, BankFileStatus.TAKEN, "evenflow", "The statement before it came.")
            await work.commit()
        return True

    async def _opened(self, work: UnitOfWork, file_id: str) -> BankMessage:
        sealed = await work.bank_statements.content_of(file_id)
        assert sealed is not None
        content = await asyncio.to_thread(self._seal.open, sealed, _context(file_id))
        return await asyncio.to_thread(self._read, io.BytesIO(zlib.decompress(content)))

    async def _decide(self, work: UnitOfWork, file_id: str, status: str, author: str, reason: str) -> None:
        values = {
            "status": status,
            "decided_by": author,
            "decision_reason": reason,
            "decided_at": self._clock.now(),
            "content_sealed": None,
        }
        await work.bank_statements.change_file(file_id, values)

    async def release(self, file_id: str, author: str, reason: str) -> BankFileReport:
        """Take a held file in spite of its doubts; those of its payments that do not add up are taken as their sum.

        Raises UnableToDecideBankFile for one that is not held, or that is of no account of ours.
        """
        reason = stated(reason)
        async with self._make_work() as work:
            await work.bank_statements.lock()
            await self._held(work, file_id)
            message = await self._opened(work, file_id)
            doubts = await doubts_of(work, message, await work.bank_statements.own_accounts())
            if any(one.kind in _NEVER_PASSED for one in doubts):
                remedy = (
                    "Set the creditor whose account it is (PUT /v1/brands/{brand}/bank-creditor), or reject the file."
                )
                raise _unable(file_id, doubts[0].message, remedy)
            await self._store(work, file_id, without_doubtful_details(message))
            await self._decide(work, file_id, BankFileStatus.TAKEN, author, reason)
            await work.commit()
        await self._take_what_waited()
        await self._carrying.go_on()
        return await self.report(file_id)

    async def reject(self, file_id: str, author: str, reason: str) -> BankFileReport:
        """Put a held file aside for good. Raises UnableToDecideBankFile for one that is not held."""
        reason = stated(reason)
        async with self._make_work() as work:
            await self._held(work, file_id)
            await self._decide(work, file_id, BankFileStatus.REJECTED, author, reason)
            await work.commit()
        return await self.report(file_id)

    async def _held(self, work: UnitOfWork, file_id: str) -> BankStatementFile:
        file = await work.bank_statements.lock_file(file_id)
        if file.status != BankFileStatus.HELD:
            raise _unable(file_id, f"The file is {file.status}.", "Only a held file waits for a decision.")
        return file

    async def list(self, status: str = "", before: str = "", limit: int = 100) -> Sequence[BankStatementFile]:
        """Newest first."""
        async with self._make_work() as work:
            return await work.bank_statements.files(status, before, limit)

    async def report(self, file_id: str) -> BankFileReport:
        """A file, what its payments led to, and those that belong to nobody yet. Raises NotFound."""
        async with self._make_work() as work:
            file = await work.bank_statements.file(file_id)
            effects = await work.bank_statements.effects_of(file_id)
            unassigned = await work.bank_statements.payments_of(file_id, Effect.SUSPENSE, MOST_SHOWN)
        return BankFileReport(file, tuple(effects), tuple(unassigned))

    async def payments(self, file_id: str, effect: str, limit: int) -> Sequence[KeptPayment]:
        """The payments that a file was the first to bring, with what became of each."""
        async with self._make_work() as work:
            await work.bank_statements.file(file_id)
            return await work.bank_statements.payments_of(file_id, effect, limit)


def _hash_of(content: BinaryIO) -> str:
    content.seek(0)
    digest = hashlib.sha256()
    while piece := content.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _standing(doubts: Sequence[Doubt]) -> dict[str, Any]:
    told = [{**asdict(one), "difference_minor": one.difference_minor} for one in doubts]
    return {
        "status": BankFileStatus.HELD if doubts else BankFileStatus.TAKEN,
        "doubts": told,
        "entries": 0,
        "new_entries": 0,
        "not_booked": 0,
        "decided_by": "",
        "decision_reason": "",
    }


def _only_waits(file: BankStatementFile) -> bool:
    return all(one["kind"] in WAITS_FOR_ANOTHER for one in file.doubts)


def _context(file_id: str) -> str:
    return f"bank_statement_files/{file_id}"


def _unable(file_id: str, why: str, remedy: str) -> Refusal:
    return UnableToDecideBankFile(why, field="file_id", value=file_id, remedy=remedy)
