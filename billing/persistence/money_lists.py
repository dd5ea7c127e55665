"""Lists of documents and payments over all accounts, each one statement that an index leads to its day or its state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Text, and_, cast, exists, func, literal, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.persistence.open_amounts import open_now
from billing.persistence.statements import fetch_all
from billing.persistence.tables import accounts as t
from billing.persistence.tables import console, dunning, invoicing, notices, payments
from billing.ports.money_lists import InvoiceFilter, InvoiceRow, PaymentFilter, PaymentRow

_accounts, _invoices, _attempts = t.accounts.c, invoicing.invoices.c, payments.payment_attempts.c
AGES = {
    "not due": (None, 0),
    "1-30 days": (1, 30),
    "31-60 days": (31, 60),
    "61-90 days": (61, 90),
    "over 90 days": (91, None),
}
READY = ("ready", "ready_to_pay", "nothing_to_pay")


class SqlMoneyLists:
    """Each call takes a connection of its own and writes nothing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def invoices(self, wanted: InvoiceFilter, now: datetime) -> Sequence[InvoiceRow]:
        """By date or by what is open; those of an age from what is open alone."""
        query = _open_ones(wanted, now) if wanted.age or wanted.debit_on else _documents(wanted)
        async with self._engine.connect() as connection:
            return await fetch_all(connection, InvoiceRow, query.offset(wanted.offset).limit(wanted.limit + 1))

    async def payments(self, wanted: PaymentFilter) -> Sequence[PaymentRow]:
        """By when they were tried."""
        async with self._engine.connect() as connection:
            return await fetch_all(connection, PaymentRow, _payments(wanted))


def _open_ones(wanted: InvoiceFilter, now: datetime) -> Select[Any]:
    owed = open_now(now)
    overdue_days = owed.c.today - owed.c.due_on
    conditions: list[ColumnElement[bool]] = []
    if wanted.age:
        least, most = AGES[wanted.age]
        conditions += [overdue_days >= least] if least is not None else []
        conditions += [overdue_days <= most] if most is not None else []
    if wanted.debit_on:
        conditions.append(owed.c.due_on == wanted.debit_on)
    if wanted.currency:
        conditions.append(owed.c.currency == wanted.currency)
    key = owed.c.open_minor if wanted.sort == "open" else owed.c.due_on
    order = (key.desc(), owed.c.invoice_id.desc()) if wanted.descending else (key, owed.c.invoice_id)
    return select(owed).where(*conditions).order_by(*order)


def _documents(wanted: InvoiceFilter) -> Select[Any]:
    opened = console.open_invoices.c
    open_minor = func.coalesce(opened.open_minor, 0)
    query = (
        select(
            *(_invoices[name] for name in ("account_id", "invoice_id", "number", "invoice_date", "due_on", "currency")),
            _invoices.total_minor,
            open_minor.label("open_minor"),
            _accounts.number.label("account_number"),
            _accounts.brand,
            _accounts.customer_name,
        )
        .join(t.accounts, _accounts.account_id == _invoices.account_id)
        .outerjoin(
            console.open_invoices,
            and_(opened.account_id == _invoices.account_id, opened.invoice_id == _invoices.invoice_id),
        )
        .where(_invoices.kind == "invoice", *_chosen(wanted, open_minor))
    )
    key: ColumnElement[Any] = open_minor if wanted.sort == "open" else _invoices.issued_at
    order = (key.desc(), _invoices.invoice_id.desc()) if wanted.descending else (key, _invoices.invoice_id)
    return query.order_by(*order)


def _chosen(wanted: InvoiceFilter, open_minor: ColumnElement[int]) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.currency:
        conditions.append(_invoices.currency == wanted.currency)
    if wanted.issued_on:
        conditions += _on_day(_invoices.issued_at, wanted.issued_on)
    if wanted.month:
        following = (wanted.month + timedelta(days=32)).replace(day=1)
        # A document is issued after its date, so its month bounds the index of issues from below.
        conditions += [_invoices.invoice_date >= wanted.month, _invoices.invoice_date < following]
        conditions.append(_invoices.issued_at >= _midnight(wanted.month) - timedelta(days=1))
    if wanted.stage:
        conditions += _of_stage(wanted.stage, open_minor)
    return conditions


def _of_stage(stage: str, open_minor: ColumnElement[int]) -> Sequence[ColumnElement[bool]]:
    sent, cases, entries, postings = (
        notices.notices.c,
        dunning.dunning_cases.c,
        invoicing.ledger_entries.c,
        invoicing.ledger_postings.c,
    )
    invoice_name = literal("inv_").concat(_number_of(_invoices.invoice_id))
    told = exists().where(
        sent.account_id == _invoices.account_id,
        sent.subject == invoice_name,
        sent.kind.in_(READY),
        sent.accepted_at.is_not(None),
    )
    in_case = exists().where(
        cases.account_id == _invoices.account_id,
        cases.closed_at.is_(None),
        func.jsonb_exists(cases.invoice_ids, invoice_name),
    )
    given_up = exists().where(
        postings.account_id == _invoices.account_id,
        postings.invoice_id == _invoices.invoice_id,
        entries.account_id == postings.account_id,
        entries.entry_id == postings.entry_id,
        entries.kind == "written_off",
    )
    conditions: dict[str, Sequence[ColumnElement[bool]]] = {
        "announced": [told],
        "not_announced": [~told],
        "dunning": [in_case, open_minor > 0],
        "open": [open_minor > 0],
        "written_off": [given_up],
    }
    return conditions[stage]


def _number_of(invoice_id: ColumnElement[str]) -> ColumnElement[str]:
    """The integer behind the identity, as text."""
    return cast(type_coerce(invoice_id, BigInteger), Text)


def _payments(wanted: PaymentFilter) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    for name in ("status", "purpose", "currency"):
        conditions += [_attempts[name] == getattr(wanted, name)] if getattr(wanted, name) else []
    if wanted.created_on:
        conditions += _on_day(_attempts.created_at, wanted.created_on)
    if wanted.settled_on:
        conditions += _on_day(_attempts.settled_at, wanted.settled_on)
    key = _attempts.settled_at if wanted.settled_on else _attempts.created_at
    order = (key.desc(), _attempts.attempt_id.desc()) if wanted.descending else (key, _attempts.attempt_id)
    return (
        select(
            payments.payment_attempts,
            _accounts.number.label("account_number"),
            _accounts.brand,
            _accounts.customer_name,
        )
        .join(t.accounts, _accounts.account_id == _attempts.account_id)
        .where(*conditions)
        .order_by(*order)
        .offset(wanted.offset)
        .limit(wanted.limit + 1)
    )


def _on_day(instant: ColumnElement[Any], day: date) -> list[ColumnElement[bool]]:
    """On that day where the account is; within two days of it, for the index."""
    return [
        instant > _midnight(day) - timedelta(days=2),
        instant < _midnight(day) + timedelta(days=3),
        func.date(func.timezone(_accounts.zone, instant)) == day,
    ]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
