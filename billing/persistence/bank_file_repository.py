"""Direct debit by bank file on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, insert, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.domain.errors import NotFound
from billing.persistence.statements import fetch_all, fetch_one
from billing.persistence.tables import bank_files as t
from billing.persistence.tables.payments import payment_methods, provider_references
from billing.ports.bank_files import (
    BANK_FILES,
    BankAccount,
    BankBatch,
    BankDebit,
    Creditor,
    DebitFilter,
    DebitStatus,
    MandateUse,
)

_DEBIT = t.bank_debits.c
_BATCH = t.bank_batches.c
_CARRIED = t.bank_batch_debits.c
_SHOWN = [column for column in _BATCH if column.name != "content_sealed"]
# A file with one of these carries the mandate's first debit, so that the next one is not the first any more.
_GONE = (DebitStatus.BATCHED, DebitStatus.SENT, DebitStatus.ACCEPTED, DebitStatus.SETTLED)


class SqlBankFileRepository:
    """Reads and writes creditors, bank accounts, debits and batches."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def creditor(self, brand: str) -> Creditor | None:
        found = t.bank_creditors.c
        query = select(t.bank_creditors).where(found.brand == brand).order_by(found.revision.desc()).limit(1)
        return await fetch_one(self._connection, Creditor, query)

    async def creditors(self) -> Sequence[Creditor]:
        found = t.bank_creditors.c
        newest = select(found.brand, func.max(found.revision)).group_by(found.brand)
        query = select(t.bank_creditors).where(tuple_(found.brand, found.revision).in_(newest)).order_by(found.brand)
        return await fetch_all(self._connection, Creditor, query)

    async def add_creditor(self, creditor: Creditor) -> None:
        await self._connection.execute(insert(t.bank_creditors).values(**asdict(creditor)))

    async def add_account(self, account: BankAccount) -> None:
        await self._connection.execute(insert(t.bank_accounts).values(**asdict(account)))

    async def account(self, account_id: str, method_id: str) -> BankAccount:
        kept = t.bank_accounts.c
        query = select(t.bank_accounts).where(kept.account_id == account_id, kept.method_id == method_id)
        found = await fetch_one(self._connection, BankAccount, query)
        if found is None:
            raise NotFound(
                f"No bank account is kept for method {method_id} of account {account_id}.",
                field="method_id",
                value=method_id,
                remedy=f"GET /v1/accounts/{account_id}/payment-methods lists the methods there are.",
            )
        return found

    async def claim_reference(self, reference: str, account_id: str, attempt_id: str) -> bool:
        values = {"provider": BANK_FILES, "reference": reference, "account_id": account_id, "attempt_id": attempt_id}
        await self._connection.execute(insert_new(provider_references).values(**values).on_conflict_do_nothing())
        known = provider_references.c
        query = select(known.account_id, known.attempt_id).where(
            known.provider == BANK_FILES, known.reference == reference
        )
        owner = (await self._connection.execute(query)).one()
        return (owner.account_id, owner.attempt_id) == (account_id, attempt_id)

    async def add_debit(self, debit: BankDebit) -> bool:
        statement = insert_new(t.bank_debits).values(**asdict(debit)).on_conflict_do_nothing()
        return (await self._connection.execute(statement)).rowcount == 1

    async def debit(self, account_id: str, attempt_id: str) -> BankDebit | None:
        return await fetch_one(self._connection, BankDebit, _debit_of(account_id, attempt_id))

    async def lock_debit(self, account_id: str, attempt_id: str) -> BankDebit | None:
        return await fetch_one(self._connection, BankDebit, _debit_of(account_id, attempt_id).with_for_update())

    async def debits(
        self, wanted: DebitFilter, after: tuple[str, str] | None = None, limit: int = 1000
    ) -> Sequence[BankDebit]:
        key = (_DEBIT.account_id, _DEBIT.attempt_id)
        query = _filtered(wanted).order_by(*key).limit(limit)
        if after is not None:
            last = [literal(value, column.type) for column, value in zip(key, after, strict=True)]
            query = query.where(tuple_(*key) > tuple_(*last))
        return await fetch_all(self._connection, BankDebit, query)

    async def lock_debits(self, wanted: DebitFilter, limit: int) -> Sequence[BankDebit]:
        query = _filtered(wanted).order_by(_DEBIT.due_on, _DEBIT.created_at, _DEBIT.account_id, _DEBIT.attempt_id)
        return await fetch_all(self._connection, BankDebit, query.limit(limit).with_for_update(skip_locked=True))

    async def change_debit(self, account_id: str, attempt_id: str, values: Mapping[str, Any]) -> None:
        same = (_DEBIT.account_id == account_id, _DEBIT.attempt_id == attempt_id)
        await self._connection.execute(update(t.bank_debits).where(*same).values(**values))

    async def change_debits_of(self, batch_id: str, statuses: Collection[str], values: Mapping[str, Any]) -> int:
        stand_so = (_DEBIT.batch_id == batch_id, _DEBIT.status.in_(statuses))
        return (await self._connection.execute(update(t.bank_debits).where(*stand_so).values(**values))).rowcount

    async def mandate_use(self, account_id: str, method_id: str, attempt_id: str = "") -> MandateUse:
        used = (
            _DEBIT.account_id == account_id,
            _DEBIT.method_id == method_id,
            _DEBIT.attempt_id != attempt_id,
            _DEBIT.status.in_(_GONE) | _DEBIT.settled_at.is_not(None),
        )
        newest = (
            select(_DEBIT.collect_on, _BATCH.creditor)
            .join(t.bank_batches, _BATCH.batch_id == _DEBIT.batch_id, isouter=True)
            .where(*used)
            .order_by(_DEBIT.collect_on.desc().nulls_last())
            .limit(1)
        )
        row = (await self._connection.execute(newest)).first()
        return MandateUse() if row is None else MandateUse(True, row.collect_on, row.creditor or {})

    async def creditor_at(self, brand: str, at: datetime) -> Creditor | None:
        found = t.bank_creditors.c
        query = select(t.bank_creditors).where(found.brand == brand)
        then = query.where(found.changed_at <= at).order_by(found.revision.desc()).limit(1)
        in_force = await fetch_one(self._connection, Creditor, then)
        return in_force or await fetch_one(self._connection, Creditor, query.order_by(found.revision).limit(1))

    async def unused_since(self, day: date, limit: int) -> Sequence[tuple[str, str]]:
        kept, methods = t.bank_accounts.c, payment_methods.c
        last_on = (
            select(func.max(_DEBIT.collect_on))
            .where(
                _DEBIT.account_id == kept.account_id,
                _DEBIT.method_id.in_([kept.method_id, kept.amends_method_id]),
                _DEBIT.status.in_(_GONE) | _DEBIT.settled_at.is_not(None),
            )
            .correlate(t.bank_accounts)
            .scalar_subquery()
        )
        query = (
            select(kept.account_id, kept.method_id)
            .join(payment_methods, (methods.account_id == kept.account_id) & (methods.method_id == kept.method_id))
            .where(methods.status == "usable", kept.signed_on <= day, func.coalesce(last_on, kept.signed_on) <= day)
            .order_by(kept.account_id, kept.method_id)
            .limit(limit)
        )
        return [(row.account_id, row.method_id) for row in await self._connection.execute(query)]

    async def move_waiting(self, account_id: str, from_method_id: str, to_method_id: str, reference: str) -> int:
        waiting = (
            _DEBIT.account_id == account_id,
            _DEBIT.method_id == from_method_id,
            _DEBIT.status.in_((DebitStatus.WAITING, DebitStatus.HELD)),
        )
        values = {"method_id": to_method_id, "mandate_reference": reference}
        return (await self._connection.execute(update(t.bank_debits).where(*waiting).values(**values))).rowcount

    async def lock_making(self, brand: str) -> bool:
        key = func.hashtextextended(f"bank files of {brand}", 0)
        return bool(await self._connection.scalar(select(func.pg_try_advisory_xact_lock(key))))

    async def next_batch_id(self) -> str:
        sequence = func.pg_get_serial_sequence("bank_batches", "batch_id")
        number = await self._connection.scalar(select(func.nextval(sequence)))
        return identity.show(identity.BATCH, int(number or 0))

    async def add_batch(self, batch: BankBatch, content_sealed: bytes, debits: Sequence[BankDebit]) -> None:
        values = asdict(batch) | {"content_sealed": content_sealed}
        await self._connection.execute(insert(t.bank_batches).values(**values))
        if not debits:
            return
        key = [(one.account_id, one.attempt_id) for one in debits]
        before = (tuple_(_CARRIED.account_id, _CARRIED.attempt_id).in_(key), ~_CARRIED.void)
        await self._connection.execute(update(t.bank_batch_debits).where(*before).values(void=True))
        carried = [
            {"account_id": one.account_id, "attempt_id": one.attempt_id, "amount_minor": one.amount_minor}
            for one in debits
        ]
        shared = {"batch_id": batch.batch_id, "void": False}
        await self._connection.execute(insert(t.bank_batch_debits), [{**one, **shared} for one in carried])

    async def batch(self, batch_id: str) -> BankBatch:
        return await self._batch(batch_id, select(*_SHOWN))

    async def lock_batch(self, batch_id: str) -> BankBatch:
        return await self._batch(batch_id, select(*_SHOWN).with_for_update())

    async def _batch(self, batch_id: str, query: Select[Any]) -> BankBatch:
        found = await fetch_one(self._connection, BankBatch, query.where(_BATCH.batch_id == batch_id))
        if found is None:
            raise NotFound(
                f"There is no batch {batch_id}.",
                field="batch_id",
                value=batch_id,
                remedy="GET /v1/bank-batches lists those there are.",
            )
        return found

    async def batch_of_message(self, message_id: str) -> BankBatch | None:
        query = select(*_SHOWN).where(_BATCH.message_id == message_id)
        return await fetch_one(self._connection, BankBatch, query)

    async def batches(
        self, brand: str = "", statuses: Collection[str] = (), after: str | None = None, limit: int = 100
    ) -> Sequence[BankBatch]:
        query = select(*_SHOWN).order_by(_BATCH.batch_id.desc()).limit(limit)
        if brand:
            query = query.where(_BATCH.brand == brand)
        if statuses:
            query = query.where(_BATCH.status.in_(statuses))
        if after is not None:
            query = query.where(_BATCH.batch_id < after)
        return await fetch_all(self._connection, BankBatch, query)

    async def content_of(self, batch_id: str) -> bytes:
        await self.batch(batch_id)
        query = select(_BATCH.content_sealed).where(_BATCH.batch_id == batch_id)
        return bytes((await self._connection.execute(query)).scalar_one())

    async def change_batch(self, batch_id: str, values: Mapping[str, Any]) -> None:
        await self._connection.execute(update(t.bank_batches).where(_BATCH.batch_id == batch_id).values(**values))


def _debit_of(account_id: str, attempt_id: str) -> Select[Any]:
    return select(t.bank_debits).where(_DEBIT.account_id == account_id, _DEBIT.attempt_id == attempt_id)


def _filtered(wanted: DebitFilter) -> Select[Any]:
    query = select(t.bank_debits)
    if wanted.brand:
        query = query.where(_DEBIT.brand == wanted.brand)
    if wanted.account_id:
        query = query.where(_DEBIT.account_id == wanted.account_id)
    if wanted.statuses:
        query = query.where(_DEBIT.status.in_(wanted.statuses))
    if wanted.due_until is not None:
        query = query.where(_DEBIT.due_on <= wanted.due_until)
    if wanted.batch_id:
        query = query.where(_DEBIT.batch_id == wanted.batch_id)
    return query
