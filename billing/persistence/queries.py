"""Read models on PostgreSQL: lists and overviews, each a fixed number of statements whatever the number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Numeric, Select, Subquery, column, func, select
from sqlalchemy.dialects.postgresql import JSONB, distinct_on
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain.money import Money
from billing.persistence.account_list import number_of, summaries
from billing.persistence.queries_account import (
    read_cases,
    read_documents,
    read_notices,
    read_payments,
    read_timeline,
)
from billing.persistence.queries_overview import read_overview
from billing.persistence.statements import fetch_all
from billing.persistence.tables import accounts as t
from billing.persistence.tables import invoicing
from billing.ports.queries import (
    AccountFilter,
    AccountPage,
    AccountSummary,
    DayLoad,
    DunningLine,
    InvoiceLine,
    NoticeLine,
    Overview,
    PartFilter,
    PartPage,
    PaymentLine,
    TimelinePage,
)

_accounts, _services, _brands = t.accounts.c, t.services.c, t.brands.c


class SqlQueries:
    """Each call takes a connection of its own and writes nothing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def accounts(self, wanted: AccountFilter, now: datetime) -> AccountPage:
        """One page, in the order that is wanted."""
        async with self._engine.connect() as connection:
            found = await fetch_all(connection, AccountSummary, summaries(wanted, now))
        shown = found[: wanted.limit]
        return AccountPage(shown, shown[-1].account_id if len(found) > wanted.limit else None)

    async def count_accounts(self, wanted: AccountFilter, now: datetime) -> int:
        """How many accounts all pages have together."""
        async with self._engine.connect() as connection:
            number: int = (await connection.execute(number_of(wanted, now))).scalar_one()
        return number

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

    async def documents(self, account_id: str, wanted: PartFilter) -> PartPage[InvoiceLine]:
        """Invoices and credit notes of an account; in order of date, due, total or open."""
        async with self._engine.connect() as connection:
            return await read_documents(connection, account_id, wanted)

    async def payments(self, account_id: str, wanted: PartFilter) -> PartPage[PaymentLine]:
        """Every try at a payment; in order of date, asked or received."""
        async with self._engine.connect() as connection:
            return await read_payments(connection, account_id, wanted)

    async def notices(self, account_id: str, wanted: PartFilter) -> PartPage[NoticeLine]:
        """What the customer was told, with the evidence; in order of date, kind or amount."""
        async with self._engine.connect() as connection:
            return await read_notices(connection, account_id, wanted)

    async def dunning_cases(self, account_id: str) -> Sequence[DunningLine]:
        """Every dunning case of an account, the newest first."""
        async with self._engine.connect() as connection:
            return await read_cases(connection, account_id)

    async def timeline(self, account_id: str, kind: str, offset: int, limit: int) -> TimelinePage:
        """What happened on an account, the newest first."""
        async with self._engine.connect() as connection:
            return await read_timeline(connection, account_id, kind, offset, limit)

    async def is_ready(self) -> bool:
        """True when the database answers."""
        try:
            async with self._engine.connect() as connection:
                await connection.execute(select(1))
        except (DBAPIError, OSError):
            return False
        return True


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
