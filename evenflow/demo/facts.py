"""What is known of every account at one moment, read from the books in a few statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from billing.domain.ledger import LedgerAccount
from billing.persistence.tables import accounts, barring, dunning, invoicing, notices, payments

# A chargeback takes cash away and its outcome brings it back.
CASH = (LedgerAccount.CASH.value,)


@dataclass(frozen=True, slots=True)
class Facts:
    """One account: rows of its documents, notices, payments, cases, network orders and disputes, oldest first."""

    account_id: str
    brand: str
    number: str
    customer_name: str
    documents: Sequence[Row[Any]] = ()
    notices: Sequence[Row[Any]] = ()
    attempts: Sequence[Row[Any]] = ()
    cases: Sequence[Row[Any]] = ()
    orders: Sequence[Row[Any]] = ()
    disputes: Sequence[Row[Any]] = ()
    methods: Sequence[Row[Any]] = ()
    levels: Sequence[str] = ()

    @property
    def invoices(self) -> list[Row[Any]]:
        """The bills, without credit notes."""
        return [one for one in self.documents if one.kind == "invoice"]

    @property
    def first(self) -> Row[Any] | None:
        """The first bill, about which the stories are."""
        return self.invoices[0] if self.invoices else None

    @property
    def open_minor(self) -> int:
        """What is owed now."""
        return sum(max(0, one.open_minor) for one in self.invoices)

    def sent(self, kind: str, channel: str = "") -> list[Row[Any]]:
        """The notices of a kind that left."""
        return [one for one in self.notices if one.kind == kind and one.accepted_at and channel in ("", one.channel)]

    def tries(self, purpose: str = "", status: str = "") -> list[Row[Any]]:
        """The attempts at payments of a purpose and in a status."""
        return [one for one in self.attempts if purpose in ("", one.purpose) and status in ("", one.status)]

    def reached(self, level: str) -> bool:
        """True when the network confirmed this level at some time."""
        return any(one.level == level and one.outcome == "confirmed" for one in self.orders)

    @property
    def state(self) -> str:
        """Where the account stands, in a word or two."""
        if "full" in self.levels:
            return "barred fully"
        if "outgoing" in self.levels:
            return "barred outgoing"
        if any(one.closed_at is None for one in self.cases):
            return "in dunning"
        if any(one.settled_at is None and one.purpose == "debit" for one in self.attempts):
            return "debit under way"
        if self.open_minor:
            return "announced"
        return "paid" if self.invoices else "first cycle open"


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the timeline."""

    entry_id: str
    account_id: str
    at: datetime
    kind: str
    summary: str
    reason: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""


async def read_facts(engine: AsyncEngine) -> dict[str, Facts]:
    """By account number."""
    async with engine.connect() as connection:
        found = (await connection.execute(select(accounts.accounts))).all()
        rows = {name: await _by_account(connection, query) for name, query in _QUERIES.items()}
        levels = await _by_account(
            connection, select(accounts.services.c.account_id, accounts.services.c.barring_level)
        )
    return {
        row.number: Facts(
            row.account_id,
            row.brand,
            row.number,
            row.company or row.customer_name,
            **{name: grouped.get(row.account_id, []) for name, grouped in rows.items()},
            levels=[one.barring_level for one in levels.get(row.account_id, [])],
        )
        for row in found
    }


async def read_events(engine: AsyncEngine, *, newest: int | None = None, account_id: str = "") -> list[Event]:
    """Entries of the timeline, oldest first: the newest ones of all accounts, or all of one."""
    table = accounts.timeline.c
    query = select(accounts.timeline).order_by(table.at.desc(), table.entry_id.desc())
    if account_id:
        query = query.where(table.account_id == account_id)
    if newest is not None:
        query = query.limit(newest)
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).all()
    return [
        Event(row.entry_id, row.account_id, row.at, row.kind, row.summary, row.reason, row.actor)
        for row in reversed(rows)
    ]


async def read_cash(engine: AsyncEngine) -> dict[str, int]:
    """Minor units at the provider by currency, as the ledger has them."""
    table = invoicing.ledger_postings.c
    query = (
        select(table.currency, func.sum(table.amount_minor).label("minor"))
        .where(table.ledger_account.in_(CASH))
        .group_by(table.currency)
    )
    async with engine.connect() as connection:
        return {row.currency: int(row.minor) for row in await connection.execute(query)}


def _documents() -> Select[Any]:
    table, postings = invoicing.invoices, invoicing.ledger_postings.c
    is_open = case((postings.ledger_account == LedgerAccount.RECEIVABLE.value, postings.amount_minor), else_=0)
    return (
        select(table, func.coalesce(func.sum(is_open), 0).label("open_minor"))
        .outerjoin(
            invoicing.ledger_postings,
            (postings.account_id == table.c.account_id) & (postings.invoice_id == table.c.invoice_id),
        )
        .group_by(table.c.account_id, table.c.invoice_id)
        .order_by(table.c.invoice_id)
    )


def _methods() -> Select[Any]:
    table, mandates = payments.payment_methods, payments.payment_mandates
    return (
        select(table, mandates.c.status.label("mandate_status"))
        .outerjoin(
            mandates, (mandates.c.account_id == table.c.account_id) & (mandates.c.method_id == table.c.method_id)
        )
        .order_by(table.c.method_id)
    )


_QUERIES: dict[str, Select[Any]] = {
    "documents": _documents(),
    "notices": select(notices.notices).order_by(notices.notices.c.notice_id),
    "attempts": select(payments.payment_attempts).order_by(payments.payment_attempts.c.created_at),
    "cases": select(dunning.dunning_cases).order_by(dunning.dunning_cases.c.case_id),
    "orders": select(barring.barring_orders).order_by(barring.barring_orders.c.placed_at),
    "disputes": select(dunning.disputes).order_by(dunning.disputes.c.dispute_id),
    "methods": _methods(),
}


async def _by_account(connection: AsyncConnection, query: Select[Any]) -> dict[str, list[Row[Any]]]:
    return _grouped(await connection.execute(query))


def _grouped(rows: Iterable[Row[Any]]) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.account_id, []).append(row)
    return found
