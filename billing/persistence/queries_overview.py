"""The installation in numbers: counts over all accounts, for the console's first page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Integer, Select, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.open_amounts import open_now
from billing.persistence.statements import fetch_all
from billing.persistence.tables import accounts as t
from billing.persistence.tables import dunning, invoicing
from billing.ports.queries import CurrencyTotals, Overview

_accounts, _services = t.accounts.c, t.services.c


async def read_overview(connection: AsyncConnection, now: datetime) -> Overview:
    """Six statements; days are counted in each account's own zone."""
    active_barred = (_services.active_to.is_(None), _services.barring_level != "none")
    open_case = dunning.dunning_cases.c.closed_at.is_(None)
    invoices, cycles = invoicing.invoices.c, t.cycles.c
    return Overview(
        accounts=await _counts(connection, t.accounts, _accounts.status),
        paused_accounts=await _number(connection, select(func.count()).select_from(t.accounts).where(_accounts.paused)),
        totals=await _totals(connection, now),
        barred_services=await _counts(connection, t.services, _services.barring_level, *active_barred),
        dunning_stages=await _counts(connection, dunning.dunning_cases, dunning.dunning_cases.c.stage, open_case),
        invoices_issued_today=await _number(
            connection, _of_today(invoicing.invoices, func.timezone(_accounts.zone, invoices.issued_at), now)
        ),
        debits_due_today=await _number(connection, _of_today(t.cycles, cycles.debit_on, now)),
    )


async def _counts(
    connection: AsyncConnection, table: Table, by: ColumnElement[str], *conditions: ColumnElement[bool]
) -> dict[str, int]:
    query = select(by.label("word"), func.count().label("number")).select_from(table).where(*conditions)
    return {row.word: row.number for row in await connection.execute(query.group_by(by).order_by(by))}


async def _number(connection: AsyncConnection, query: Select[int]) -> int:
    number: int = (await connection.execute(query)).scalar_one()
    return number


def _of_today(table: Table, day: ColumnElement[datetime], now: datetime) -> Select[int]:
    """How many rows of a table that an account owns carry the account's local date."""
    today = func.date(func.timezone(_accounts.zone, now))
    return (
        select(func.count(type_=Integer))
        .select_from(table)
        .join(t.accounts, _accounts.account_id == table.c.account_id)
        .where(func.date(day) == today)
    )


async def _totals(connection: AsyncConnection, now: datetime) -> Sequence[CurrencyTotals]:
    owed = open_now(now)
    overdue = owed.c.is_overdue
    query = (
        select(
            owed.c.currency,
            func.count().label("open_invoices"),
            func.sum(owed.c.open_minor).label("open_minor"),
            func.count().filter(overdue).label("overdue_invoices"),
            func.coalesce(func.sum(owed.c.open_minor).filter(overdue), 0).label("overdue_minor"),
        )
        .group_by(owed.c.currency)
        .order_by(owed.c.currency)
    )
    return await fetch_all(connection, CurrencyTotals, query)
