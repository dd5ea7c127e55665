"""Keep what a file tells, each entry once, and say what about the file is doubtful. The caller has locked the files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.bank_entry_pairing import key_of, pair
from billing.domain.bank_statement import BankMessage, EntryDetail, MessageKind, Statement, StatementEntry
from billing.domain.bank_statement_checks import Doubt, StatementPlace, doubts_about, doubts_about_order
from billing.domain.ledger import EntryKind
from billing.ports.bank_statements import Effect, KeptEntry
from billing.ports.suspense import SuspenseStatus
from billing.ports.unit_of_work import UnitOfWork
from billing.services.suspense_booking import clear


@dataclass(frozen=True)
class Counts:
    """Entries of a file, those that no other file had brought, and those that are only announced."""

    entries: int
    new_entries: int
    not_booked: int


async def doubts_of(work: UnitOfWork, message: BankMessage, own: Mapping[str, Sequence[str]]) -> list[Doubt]:
    """Everything that keeps a file from being taken as it is."""
    found: list[Doubt] = []
    last: dict[str, StatementPlace] = {}
    for statement in message.statements:
        found += doubts_about(statement, own)
        if message.kind is MessageKind.STATEMENT and statement.account in own:
            before = last.get(statement.account) or await work.bank_statements.last_place(statement.account)
            found += doubts_about_order(statement, before, await work.bank_statements.same_place(statement))
            last[statement.account] = _place_of(statement)
    return found


def _place_of(statement: Statement) -> StatementPlace:
    return StatementPlace(
        statement.sequence,
        statement.page,
        statement.is_last_page,
        statement.opening_minor,
        statement.closing_minor,
    )


async def store(work: UnitOfWork, file_id: str, message: BankMessage, now: datetime) -> Counts:
    """Keep statements, new entries and statuses of a file."""
    await work.bank_statements.add_statuses(file_id, message.statuses)
    stated = message.kind is MessageKind.STATEMENT
    for position, statement in enumerate(message.statements, start=1):
        if stated:
            await work.bank_statements.add_place(file_id, position, statement)
    new = 0
    for account, entries in _by_account(message.statements).items():
        new += await _Storing(work, file_id, account, stated, now).store(entries)
    told = [entry for statement in message.statements for entry in statement.entries]
    return Counts(len(told), new, sum(not entry.is_booked for entry in told))


def _by_account(statements: Iterable[Statement]) -> dict[str, list[StatementEntry]]:
    """All entries of a file together: what it holds twice is two bookings, wherever in the file they are."""
    found: dict[str, list[StatementEntry]] = {}
    for statement in statements:
        found.setdefault(statement.account, []).extend(one for one in statement.entries if one.is_booked)
    return found


class _Storing:
    """The entries of one account in one file."""

    def __init__(self, work: UnitOfWork, file_id: str, account: str, stated: bool, now: datetime) -> None:
        self._work, self._file_id, self._account = work, file_id, account
        self._stated, self._now = stated, now

    async def store(self, entries: Sequence[StatementEntry]) -> int:
        """Keep the new ones, and what is told more of the known; how many are new."""
        if not entries:
            return 0
        days = [entry.booked_on for entry in entries]
        known = await self._work.bank_statements.entries_between(self._account, min(days), max(days))
        matches = pair([key_of(entry) for entry in entries], [one.key for one in known])
        new = []
        for entry, match in zip(entries, matches, strict=True):
            if match is None:
                new.append(entry)
            else:
                await self._learn(known[match], entry)
        await self._work.bank_statements.add_entries(self._file_id, self._account, new, stated=self._stated)
        return len(new)

    async def _learn(self, known: KeptEntry, entry: StatementEntry) -> None:
        await self._work.bank_statements.learn(known.entry_id, key_of(entry), self._file_id, stated=self._stated)
        if entry.details and not known.content:
            await self._take_details(known, entry.details)

    async def _take_details(self, known: KeptEntry, details: Sequence[EntryDetail]) -> None:
        """The payments of an entry that was taken as a sum: they count, unless the sum has found its place already."""
        _, whole = await self._work.bank_statements.lock_payment(known.entry_id, 0)
        items = await self._work.suspense.of_entry(known.entry_id)
        undecided = all(item.status == SuspenseStatus.OPEN for item in items)
        if whole.effect not in ("", Effect.SUSPENSE) or not undecided:
            words = f"The whole entry was taken before: {whole.explanation}"
            await self._work.bank_statements.add_payments(known.entry_id, details, Effect.NOTHING, words)
            return
        words = "The bank told its single payments."
        for item in items:
            values = {"status": SuspenseStatus.EXPLAINED, "reason": words}
            await clear(self._work, item, EntryKind.MONEY_ASSIGNED, values, words, self._now)
        await self._work.bank_statements.finish_payment(known.entry_id, 0, Effect.REPLACED, words)
        await self._work.bank_statements.add_payments(known.entry_id, details)


def without_doubtful_details(message: BankMessage) -> BankMessage:
    """The message as it is taken when a person lets it pass: payments that do not add up to their entry name nobody."""
    statements = [
        replace(statement, entries=tuple(_whole_where_doubtful(one) for one in statement.entries))
        for statement in message.statements
    ]
    return replace(message, statements=tuple(statements))


def _whole_where_doubtful(entry: StatementEntry) -> StatementEntry:
    found = sum(one.amount_minor for one in entry.details)
    adds_up = found in (entry.amount_minor, entry.amount_minor + entry.charges_minor)
    return entry if adds_up or not entry.details else replace(entry, details=())
