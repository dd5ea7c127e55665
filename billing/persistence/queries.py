"""Read models on PostgreSQL: lists and overviews, each a fixed number of statements whatever the number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, Numeric, Select, Subquery, case, column, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB, distinct_on
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain import identity
from billing.domain.ledger import LedgerAccount
from billing.domain.money import Money
from billing.persistence.queries_account import read_picture
from billing.persistence.queries_overview import read_overview
from billing.persistence.statements import fetch_all
from billing.persistence.tables import accounts as t
from billing.persistence.tables import dunning, invoicing
from billing.ports.queries import AccountFilter, AccountPage, AccountPicture, AccountSummary, DayLoad, Overview

_accounts, _services, _brands = t.accounts.c, t.services.c, t.brands.c


class SqlQueries:
    """Each call takes a connection of its own and writes nothing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def accounts(self, wanted: AccountFilter, now: datetime) -> AccountPage:
        """One page in order of account_id."""
        async with self._engine.connect() as connection:
            found = await fetch_all(connection, AccountSummary, _summaries(_page(wanted), now))
        shown = found[: wanted.limit]
        return AccountPage(shown, shown[-1].account_id if len(found) > wanted.limit else None)

    async def day_loads(self) -> Sequence[DayLoad]:
        """Accounts and expected net revenue per cycle day and currency, closed accounts left out."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(_loads())
            return [
                DayLoad(
                    row.cycle_day,
                    row.currency,
                    row.accounts,
                    int(row.invoiced_minor) + Money.from_decimal(Decimal(row.fees), row.currency).amount_minor,
                )
                for row in rows
            ]

    async def overview(self, now: datetime) -> Overview:
        async with self._engine.connect() as connection:
            return await read_overview(connection, now)

    async def picture(self, account_id: str, limit: int = 100) -> AccountPicture:
        """The newest documents, payments, notices and cases of one account, at most ``limit`` of each."""
        async with self._engine.connect() as connection:
            return await read_picture(connection, account_id, limit)

    async def is_ready(self) -> bool:
        """True when the database answers."""
        try:
            async with self._engine.connect() as connection:
                await connection.execute(select(1))
        except (DBAPIError, OSError):
            return False
        return True


def _page(wanted: AccountFilter) -> Subquery:
    """The accounts of one page and one more, which tells whether there is a further page."""
    query = select(t.accounts).order_by(_accounts.account_id).limit(wanted.limit + 1)
    for condition in _conditions(wanted):
        query = query.where(condition)
    return query.subquery("page")


def _conditions(wanted: AccountFilter) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.after:
        conditions.append(_accounts.account_id > literal(wanted.after, _accounts.account_id.type))
    if wanted.brand:
        conditions.append(_accounts.brand == wanted.brand)
    if wanted.status:
        conditions.append(_accounts.status == wanted.status)
    if wanted.cycle_day is not None:
        conditions.append(_accounts.cycle_day == wanted.cycle_day)
    if wanted.text:
        conditions.append(_mentions(wanted.text))
    if wanted.in_dunning:
        conditions.append(_has_case())
    return conditions


def _mentions(text: str) -> ColumnElement[bool]:
    """The text, taken literally, in the number, the name or a line's identifier; an account_id in full."""
    of_account = (_services.account_id == _accounts.account_id) & _services.identifier.contains(text, autoescape=True)
    found = [
        _accounts.number.icontains(text, autoescape=True),
        _accounts.customer_name.icontains(text, autoescape=True),
        exists().where(of_account),
    ]
    if text.startswith(f"{identity.ACCOUNT}_") and text.partition("_")[2].isdigit():
        found.append(_accounts.account_id == text)
    return or_(*found)


def _has_case() -> ColumnElement[bool]:
    cases = dunning.dunning_cases.c
    return exists().where((cases.account_id == _accounts.account_id) & cases.closed_at.is_(None))


def _summaries(page: Subquery, now: datetime) -> Select[tuple[object, ...]]:
    owed, lines = _owed(page, now), _lines(page)
    cases = dunning.dunning_cases.c
    return (
        select(
            *page.c,
            _brands.currency,
            func.coalesce(owed.c.open_minor, 0).label("open_minor"),
            func.coalesce(owed.c.overdue_minor, 0).label("overdue_minor"),
            func.coalesce(lines.c.services, 0).label("services"),
            func.coalesce(lines.c.barred_services, 0).label("barred_services"),
            func.coalesce(cases.stage, "").label("dunning_stage"),
        )
        .join(t.brands, _brands.brand == page.c.brand)
        .outerjoin(owed, owed.c.account_id == page.c.account_id)
        .outerjoin(lines, lines.c.account_id == page.c.account_id)
        .outerjoin(dunning.dunning_cases, (cases.account_id == page.c.account_id) & cases.closed_at.is_(None))
        .order_by(page.c.account_id)
    )


def _owed(page: Subquery, now: datetime) -> Subquery:
    """What the ledger says is open on the invoices of a page's accounts, and the part past its due date."""
    postings, invoices = invoicing.ledger_postings.c, invoicing.invoices.c
    today = func.date(func.timezone(page.c.zone, now))
    return (
        select(
            page.c.account_id,
            func.sum(postings.amount_minor).label("open_minor"),
            func.sum(case((invoices.due_on < today, postings.amount_minor), else_=0)).label("overdue_minor"),
        )
        .join(invoicing.ledger_postings, postings.account_id == page.c.account_id)
        .join(
            invoicing.invoices,
            (invoices.account_id == postings.account_id) & (invoices.invoice_id == postings.invoice_id),
        )
        .where(postings.ledger_account == LedgerAccount.RECEIVABLE.value)
        .group_by(page.c.account_id)
        .subquery("owed")
    )


def _lines(page: Subquery) -> Subquery:
    return (
        select(
            page.c.account_id,
            func.count().label("services"),
            func.count().filter(_services.barring_level != "none").label("barred_services"),
        )
        .join(t.services, _services.account_id == page.c.account_id)
        .where(_services.active_to.is_(None))
        .group_by(page.c.account_id)
        .subquery("lines")
    )


def _loads() -> Select[tuple[object, ...]]:
    """Per account the net of its last invoice; before there is one, the recurring fees of its lines."""
    last, fees = _last_invoices(), _recurring_fees()
    return (
        select(
            _accounts.cycle_day,
            _brands.currency,
            func.count().label("accounts"),
            func.coalesce(func.sum(last.c.net_minor), 0).label("invoiced_minor"),
            func.coalesce(func.sum(fees.c.fees).filter(last.c.net_minor.is_(None)), 0).label("fees"),
        )
        .join(t.brands, _brands.brand == _accounts.brand)
        .outerjoin(last, last.c.account_id == _accounts.account_id)
        .outerjoin(fees, fees.c.account_id == _accounts.account_id)
        .where(_accounts.status != "closed")
        .group_by(_accounts.cycle_day, _brands.currency)
        .order_by(_accounts.cycle_day, _brands.currency)
    )


def _last_invoices() -> Subquery:
    invoices = invoicing.invoices.c
    return (
        select(invoices.account_id, invoices.net_minor)
        .where(invoices.kind == "invoice")
        .ext(distinct_on(invoices.account_id))
        .order_by(invoices.account_id, invoices.invoice_id.desc())
        .subquery("last_invoices")
    )


def _recurring_fees() -> Subquery:
    """The sum of recurring fees of each account's active lines, in whole units of the currency."""
    price = func.jsonb_array_elements(t.plans.c.definition["prices"]).table_valued(column("value", JSONB), name="price")
    value = price.c.value
    return (
        select(
            _services.account_id,
            func.sum(value["fee"].astext.cast(Numeric)).label("fees"),
        )
        .join(
            t.plans,
            (t.plans.c.plan_code == _services.plan_code) & (t.plans.c.plan_version == _services.plan_version),
        )
        .join(price, value["model"].astext == "recurring")
        .where(_services.active_to.is_(None))
        .group_by(_services.account_id)
        .subquery("fees")
    )
