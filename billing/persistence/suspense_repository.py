"""Money that belongs to nobody yet, on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.domain.errors import NotFound
from billing.domain.ledger import LedgerAccount
from billing.persistence.statements import fetch_all, fetch_one, insert_returning
from billing.persistence.tables import accounts, invoicing
from billing.persistence.tables import bank_files as f
from billing.persistence.tables import bank_statements as t
from billing.ports.suspense import TRANSFER_PREFIX, UNDECIDED, Candidate, SuspenseFilter, SuspenseItem, SuspenseStatus

_ITEM, _HOUSE = t.suspense_items.c, t.house_accounts.c
_ACCOUNT, _INVOICE, _POSTING, _DEBIT = (
    accounts.accounts.c,
    invoicing.invoices.c,
    invoicing.ledger_postings.c,
    f.bank_debits.c,
)
_LOCK = text("SELECT pg_advisory_xact_lock(7042054)")
_TRANSFER = re.compile(rf"{TRANSFER_PREFIX}([1-9][0-9]{{0,17}})", re.ASCII)
MOST_CANDIDATES = 20


class SqlSuspenseRepository:
    """Reads and writes items, and looks for whose they may be."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def house_account(self, brand: str) -> str:
        query = select(_HOUSE.account_id).where(_HOUSE.brand == brand)
        known: str | None = await self._connection.scalar(query)
        if known is None:
            await self._connection.execute(_LOCK)
            last = await self._connection.scalar(select(_HOUSE.account_id).order_by(_HOUSE.account_id.desc()).limit(1))
            number = identity.parse(identity.ACCOUNT, last) + 1 if last else 1
            values = {"brand": brand, "account_id": identity.show(identity.ACCOUNT, number)}
            await self._connection.execute(insert_new(t.house_accounts).values(**values).on_conflict_do_nothing())
            known = await self._connection.scalar(query)
        assert known is not None
        return known

    async def add(self, values: Mapping[str, Any]) -> SuspenseItem:
        return await insert_returning(self._connection, SuspenseItem, t.suspense_items, values)

    async def get(self, suspense_id: str) -> SuspenseItem:
        return await self._one(suspense_id, select(t.suspense_items))

    async def lock(self, suspense_id: str) -> SuspenseItem:
        return await self._one(suspense_id, select(t.suspense_items).with_for_update())

    async def _one(self, suspense_id: str, query: Select[Any]) -> SuspenseItem:
        found = await fetch_one(self._connection, SuspenseItem, query.where(_ITEM.suspense_id == suspense_id))
        if found is None:
            message, remedy = (
                f"There is no suspense item {suspense_id}.",
                "GET /v1/suspense-items lists those there are.",
            )
            raise NotFound(message, field="suspense_id", value=suspense_id, remedy=remedy)
        return found

    async def items(self, wanted: SuspenseFilter) -> Sequence[SuspenseItem]:
        query = select(t.suspense_items).order_by(_ITEM.suspense_id.desc()).limit(wanted.limit)
        if wanted.status:
            query = query.where(_ITEM.status == wanted.status)
        if wanted.brand:
            query = query.where(_ITEM.brand == wanted.brand)
        if wanted.before:
            query = query.where(_ITEM.suspense_id < wanted.before)
        return await fetch_all(self._connection, SuspenseItem, query)

    async def of_entry(self, entry_id: str) -> Sequence[SuspenseItem]:
        query = select(t.suspense_items).where(_ITEM.entry_id == entry_id).order_by(_ITEM.suspense_id)
        return await fetch_all(self._connection, SuspenseItem, query.with_for_update())

    async def of_transfer(self, end_to_end_id: str) -> Sequence[SuspenseItem]:
        found = _TRANSFER.fullmatch(end_to_end_id)
        if found is None:
            return []
        meant = _ITEM.suspense_id == identity.show(identity.SUSPENSE, int(found[1]))
        query = select(t.suspense_items).where(meant, _ITEM.status == SuspenseStatus.SENDING_BACK)
        return await fetch_all(self._connection, SuspenseItem, query.with_for_update())

    async def change(self, item: SuspenseItem, values: Mapping[str, Any]) -> SuspenseItem:
        same = (_ITEM.account_id == item.account_id, _ITEM.suspense_id == item.suspense_id)
        await self._connection.execute(update(t.suspense_items).where(*same).values(**values))
        return replace(item, **values)

    async def count_open(self) -> tuple[int, datetime | None]:
        query = select(func.count(), func.min(_ITEM.opened_at)).where(_ITEM.status.in_(UNDECIDED))
        row = (await self._connection.execute(query)).one()
        return row[0], row[1]

    async def open_of_amount(self, brands: Sequence[str], amount_minor: int, currency: str) -> Sequence[Candidate]:
        query = _with_open_invoices(brands).where(_INVOICE.currency == currency)
        return await self._found(query.having(func.sum(_POSTING.amount_minor) == amount_minor), "this is open on it")

    async def with_invoice(self, brands: Sequence[str], numbers: Sequence[str]) -> Sequence[Candidate]:
        return await self._found(_with_open_invoices(brands).where(_INVOICE.number.in_(numbers)), "its number is named")

    async def with_number(self, brands: Sequence[str], numbers: Sequence[str]) -> Sequence[Candidate]:
        return await self._found(_people(brands).where(_ACCOUNT.number.in_(numbers)), "the account's number is named")

    async def with_name(self, brands: Sequence[str], name: str) -> Sequence[Candidate]:
        called = (func.lower(_ACCOUNT.customer_name) == name.lower()) | (func.lower(_ACCOUNT.company) == name.lower())
        return await self._found(_people(brands).where(called), "the customer is called so")

    async def debits_of_amount(self, brands: Sequence[str], amount_minor: int, currency: str) -> Sequence[Candidate]:
        query = (
            _people(brands)
            .add_columns(_DEBIT.attempt_id)
            .join(f.bank_debits, _DEBIT.account_id == _ACCOUNT.account_id)
            .where(_DEBIT.amount_minor == amount_minor, _DEBIT.currency == currency, _DEBIT.returned_at.is_(None))
            .where(_DEBIT.status.in_(("sent", "accepted", "settled")))
        )
        return await self._found(query, "a debit of this amount has not come back")

    async def _found(self, query: Select[Any], because: str) -> Sequence[Candidate]:
        return await fetch_all(self._connection, Candidate, query.add_columns(_said(because)).limit(MOST_CANDIDATES))


def _said(because: str) -> ColumnElement[str]:
    return literal(because).label("because")


def _people(brands: Sequence[str]) -> Select[Any]:
    return (
        select(_ACCOUNT.account_id, _ACCOUNT.number, _ACCOUNT.customer_name)
        .where(_ACCOUNT.brand.in_(brands))
        .order_by(_ACCOUNT.account_id)
    )


def _with_open_invoices(brands: Sequence[str]) -> Select[Any]:
    """Accounts with each of their invoices and what is open on it."""
    return (
        _people(brands)
        .add_columns(
            _INVOICE.invoice_id,
            _INVOICE.number.label("invoice_number"),
            func.sum(_POSTING.amount_minor).cast(_POSTING.amount_minor.type).label("open_minor"),
        )
        .join(invoicing.invoices, _INVOICE.account_id == _ACCOUNT.account_id)
        .join(
            invoicing.ledger_postings,
            (_POSTING.account_id == _INVOICE.account_id) & (_POSTING.invoice_id == _INVOICE.invoice_id),
        )
        .where(_POSTING.ledger_account == LedgerAccount.RECEIVABLE.value, _INVOICE.kind == "invoice")
        .group_by(_ACCOUNT.account_id, _ACCOUNT.number, _ACCOUNT.customer_name, _INVOICE.invoice_id, _INVOICE.number)
    )
