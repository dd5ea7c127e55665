"""What banks told us, on PostgreSQL: files, statements and entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.bank_entry_pairing import EntryKey, key_of
from billing.domain.bank_statement import EntryDetail, Statement, StatementEntry
from billing.domain.bank_statement_checks import StatementPlace
from billing.domain.errors import NotFound
from billing.persistence.bank_effect_repository import SqlBankEffects
from billing.persistence.statements import fetch_all, fetch_one, insert_returning
from billing.persistence.tables import bank_statements as t
from billing.persistence.tables.bank_files import bank_creditors
from billing.ports.bank_statements import BankStatementFile, FileEffects, KeptEntry, KeptPayment

_FILE, _PLACE, _ENTRY, _PAYMENT = (
    t.bank_statement_files.c,
    t.bank_statement_places.c,
    t.bank_entries.c,
    t.bank_entry_payments.c,
)
_SHOWN = [column for column in _FILE if column.name != "content_sealed"]
# One number of PostgreSQL's advisory locks, for all that stores files of banks.
_LOCK = text("SELECT pg_advisory_xact_lock(7042053)")
# A bank may count its statements anew each year.
_NUMBERS_LAST = timedelta(days=300)


class SqlBankStatementRepository(SqlBankEffects):
    """Reads and writes files and entries; what they lead to is ``SqlBankEffects``."""

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self._connection = connection

    async def lock(self) -> None:
        """One file is stored at a time, until the end of the transaction."""
        await self._connection.execute(_LOCK)

    async def own_accounts(self) -> Mapping[str, Sequence[str]]:
        creditors = bank_creditors.c
        query = select(creditors.iban, creditors.brand).distinct().order_by(creditors.brand)
        found: dict[str, list[str]] = {}
        for iban, brand in await self._connection.execute(query):
            found.setdefault(iban, []).append(brand)
        return found

    async def file_of(self, content_hash: str) -> BankStatementFile | None:
        query = select(*_SHOWN).where(_FILE.content_hash == content_hash)
        return await fetch_one(self._connection, BankStatementFile, query)

    async def file(self, file_id: str) -> BankStatementFile:
        return await self._file(file_id, select(*_SHOWN))

    async def lock_file(self, file_id: str) -> BankStatementFile:
        return await self._file(file_id, select(*_SHOWN).with_for_update())

    async def _file(self, file_id: str, query: Select[Any]) -> BankStatementFile:
        found = await fetch_one(self._connection, BankStatementFile, query.where(_FILE.file_id == file_id))
        if found is None:
            remedy = "GET /v1/bank-statements lists those there are."
            raise NotFound(f"There is no bank file {file_id}.", field="file_id", value=file_id, remedy=remedy)
        return found

    async def files(self, status: str = "", before: str = "", limit: int = 100) -> Sequence[BankStatementFile]:
        query = select(*_SHOWN).order_by(_FILE.file_id.desc()).limit(limit)
        if status:
            query = query.where(_FILE.status == status)
        if before:
            query = query.where(_FILE.file_id < before)
        return await fetch_all(self._connection, BankStatementFile, query)

    async def add_file(self, values: Mapping[str, Any]) -> BankStatementFile:
        return await insert_returning(self._connection, BankStatementFile, t.bank_statement_files, values)

    async def change_file(self, file_id: str, values: Mapping[str, Any]) -> None:
        await self._connection.execute(update(t.bank_statement_files).where(_FILE.file_id == file_id).values(**values))

    async def content_of(self, file_id: str) -> bytes | None:
        query = select(_FILE.content_sealed).where(_FILE.file_id == file_id)
        sealed = (await self._connection.execute(query)).scalar_one()
        return None if sealed is None else bytes(sealed)

    async def last_place(self, bank_account: str) -> StatementPlace | None:
        newest = (_PLACE.closing_on.desc().nulls_last(), _PLACE.sequence.desc().nulls_last(), _PLACE.page.desc())
        query = select(t.bank_statement_places).where(_PLACE.bank_account == bank_account)
        query = query.order_by(*newest, _PLACE.file_id.desc(), _PLACE.position.desc()).limit(1)
        return await fetch_one(self._connection, StatementPlace, query)

    async def never_stated(self, limit: int) -> Sequence[KeptEntry]:
        closed = (
            select(func.max(_PLACE.closing_on))
            .where(_PLACE.bank_account == _ENTRY.bank_account)
            .correlate(t.bank_entries)
            .scalar_subquery()
        )
        query = select(t.bank_entries).where(_ENTRY.stated_in.is_(None), _ENTRY.booked_on < closed)
        return await fetch_all(self._connection, KeptEntry, query.order_by(_ENTRY.entry_id.desc()).limit(limit))

    async def same_place(self, statement: Statement) -> StatementPlace | None:
        if statement.sequence is None:
            return None
        query = select(t.bank_statement_places).where(
            _PLACE.bank_account == statement.account,
            _PLACE.sequence == statement.sequence,
            _PLACE.page == statement.page,
        )
        if statement.closing_on is not None:
            first, last = statement.closing_on - _NUMBERS_LAST, statement.closing_on + _NUMBERS_LAST
            query = query.where(or_(_PLACE.closing_on.is_(None), _PLACE.closing_on.between(first, last)))
        query = query.order_by(_PLACE.file_id.desc()).limit(1)
        return await fetch_one(self._connection, StatementPlace, query)

    async def add_place(self, file_id: str, position: int, statement: Statement) -> None:
        known = {column.name for column in _PLACE}
        told = {field.name: getattr(statement, field.name) for field in fields(statement) if field.name in known}
        values = told | {"bank_account": statement.account, "file_id": file_id, "position": position}
        await self._connection.execute(insert(t.bank_statement_places).values(**values))

    async def entries_between(self, bank_account: str, first: date, last: date) -> Sequence[KeptEntry]:
        query = select(t.bank_entries).where(_ENTRY.bank_account == bank_account, _ENTRY.booked_on.between(first, last))
        return await fetch_all(self._connection, KeptEntry, query.order_by(_ENTRY.entry_id))

    async def add_entries(
        self, file_id: str, bank_account: str, entries: Sequence[StatementEntry], *, stated: bool
    ) -> Sequence[str]:
        if not entries:
            return []
        rows = [_entry_row(file_id, bank_account, entry, stated) for entry in entries]
        statement = insert(t.bank_entries).returning(_ENTRY.entry_id, sort_by_parameter_order=True)
        identities = list((await self._connection.execute(statement, rows)).scalars())
        payments = [
            row
            for entry_id, entry in zip(identities, entries, strict=True)
            for row in _payment_rows(entry_id, entry.details or (_whole(entry),), first=1 if entry.details else 0)
        ]
        await self._connection.execute(insert(t.bank_entry_payments), payments)
        return identities

    async def learn(self, entry_id: str, key: EntryKey, file_id: str, *, stated: bool) -> None:
        place = _ENTRY.stated_in if stated else _ENTRY.notified_in
        values = {
            "bank_reference": func.coalesce(func.nullif(_ENTRY.bank_reference, ""), key.reference),
            "content": func.coalesce(func.nullif(_ENTRY.content, ""), key.content),
            place.name: func.coalesce(place, _number(file_id)),
        }
        await self._connection.execute(update(t.bank_entries).where(_ENTRY.entry_id == entry_id).values(**values))

    async def add_payments(
        self, entry_id: str, details: Sequence[EntryDetail], effect: str = "", explanation: str = ""
    ) -> None:
        done = {"effect": effect, "explanation": explanation}
        rows = [row | done for row in _payment_rows(entry_id, details, first=1)]
        await self._connection.execute(insert(t.bank_entry_payments), rows)

    async def effects_of(self, file_id: str) -> Sequence[FileEffects]:
        query = (
            select(
                _PAYMENT.effect,
                func.count().label("count"),
                func.sum(_PAYMENT.amount_minor).cast(_PAYMENT.amount_minor.type).label("amount_minor"),
                _ENTRY.currency,
            )
            .join(t.bank_entries, _ENTRY.entry_id == _PAYMENT.entry_id)
            .where(_brought_by(file_id))
            .group_by(_PAYMENT.effect, _ENTRY.currency)
            .order_by(_ENTRY.currency, _PAYMENT.effect)
        )
        reports = t.bank_status_reports.c
        told = (
            select(reports.effect, func.count().label("count"))
            .where(reports.file_id == file_id)
            .group_by(reports.effect)
            .order_by(reports.effect)
        )
        statuses = [FileEffects(row.effect, row[1], 0, "") for row in await self._connection.execute(told)]
        return [*await fetch_all(self._connection, FileEffects, query), *statuses]

    async def payments_of(self, file_id: str, effect: str, limit: int) -> Sequence[KeptPayment]:
        query = (
            select(t.bank_entry_payments)
            .join(t.bank_entries, _ENTRY.entry_id == _PAYMENT.entry_id)
            .where(_brought_by(file_id), _PAYMENT.effect == effect)
            .order_by(_PAYMENT.entry_id, _PAYMENT.position)
            .limit(limit)
        )
        return await fetch_all(self._connection, KeptPayment, query)


def _brought_by(file_id: str) -> ColumnElement[bool]:
    return _ENTRY.file_id == file_id


def _number(file_id: str) -> ColumnElement[str]:
    return literal(file_id, _ENTRY.file_id.type)


def _entry_row(file_id: str, bank_account: str, entry: StatementEntry, stated: bool) -> dict[str, Any]:
    key = key_of(entry)
    return {
        "bank_account": bank_account,
        "currency": entry.currency,
        "amount_minor": entry.amount_minor,
        "booked_on": entry.booked_on,
        "value_on": entry.value_on,
        "is_reversal": entry.is_reversal,
        "bank_reference": key.reference,
        "content": key.content,
        "transaction_code": entry.transaction_code,
        "batch_message_id": entry.batch_message_id,
        "payment_information_id": entry.payment_information_id,
        "text": entry.text,
        "file_id": file_id,
        "notified_in": None if stated else file_id,
        "stated_in": file_id if stated else None,
    }


def _whole(entry: StatementEntry) -> EntryDetail:
    """An entry without payments as the one payment that it may be."""
    return EntryDetail(
        amount_minor=entry.amount_minor,
        payment_information_id=entry.payment_information_id,
        message_id=entry.batch_message_id,
        bank_reference=entry.bank_reference,
        charges_minor=entry.charges_minor,
        remittance=entry.text,
    )


def _payment_rows(entry_id: str, details: Sequence[EntryDetail], first: int) -> Iterable[dict[str, Any]]:
    for position, detail in enumerate(details, start=first):
        told = {name: getattr(detail, name) for name in _TOLD}
        yield told | {
            "entry_id": entry_id,
            "position": position,
            "counterparty_name": detail.counterparty.name,
            "counterparty_last_four": detail.counterparty.account[-4:],
            "effect": "",
            "explanation": "",
        }


_TOLD = [field.name for field in fields(EntryDetail) if field.name in {column.name for column in _PAYMENT}]
