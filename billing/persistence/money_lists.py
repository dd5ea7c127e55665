"""Lists of documents and payments over all accounts, each one statement that an index leads to its day or its state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
)
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
ROWS_AT_ONCE = 1000
READY = ("ready", "ready_to_pay", "nothing_to_pay")


class SqlMoneyLists:
    """Each call takes a connection of its own and writes nothing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def invoices(self, wanted: InvoiceFilter, now: datetime) -> Sequence[InvoiceRow]:
        """By date or by what is open; those of an age from what is open alone."""
        query, (_, _, *order) = _chosen_invoices(wanted, now)
        ordered = query.order_by(*order).offset(wanted.offset).limit(wanted.limit + 1)
        async with self._engine.connect() as connection:
            return await fetch_all(connection, InvoiceRow, ordered)

    async def every_invoice(self, wanted: InvoiceFilter, now: datetime) -> AsyncIterator[InvoiceRow]:
        """All of them, in order of account."""
        query, (account_id, invoice_id, *_) = _chosen_invoices(wanted, now)
        last: InvoiceRow | None = None
        while True:
            after = None if last is None else (last.account_id, last.invoice_id)
            async with self._engine.connect() as connection:
                found = await fetch_all(connection, InvoiceRow, _following(query, account_id, invoice_id, after))
            for last in found:
                yield last
            if len(found) < ROWS_AT_ONCE:
                return

    async def payments(self, wanted: PaymentFilter) -> Sequence[PaymentRow]:
        """By when they were tried."""
        key = _attempts.settled_at if wanted.settled_on else _attempts.created_at
        order = (key.desc(), _attempts.attempt_id.desc()) if wanted.descending else (key, _attempts.attempt_id)
        ordered = _payments(wanted).order_by(*order).offset(wanted.offset).limit(wanted.limit + 1)
        async with self._engine.connect() as connection:
            return await fetch_all(connection, PaymentRow, ordered)

    async def every_payment(self, wanted: PaymentFilter) -> AsyncIterator[PaymentRow]:
        """All of them, in order of account."""
        query = _payments(wanted)
        last: PaymentRow | None = None
        while True:
            after = None if last is None else (last.account_id, last.attempt_id)
            following = _following(query, _attempts.account_id, _attempts.attempt_id, after)
            async with self._engine.connect() as connection:
                found = await fetch_all(connection, PaymentRow, following)
            for last in found:
                yield last
            if len(found) < ROWS_AT_ONCE:
                return


def _following(
    query: Select[Any], account_id: ColumnElement[Any], own_id: ColumnElement[Any], after: tuple[str, str] | None
) -> Select[Any]:
    """The next rows by key, which nothing moves: no row comes twice or is missed while others come and go."""
    if after is not None:
        key = tuple_(literal(after[0], account_id.type), literal(after[1], own_id.type))
        query = query.where(tuple_(account_id, own_id) > key)
    return query.order_by(account_id, own_id).limit(ROWS_AT_ONCE)


def _chosen_invoices(wanted: InvoiceFilter, now: datetime) -> tuple[Select[Any], Sequence[ColumnElement[Any]]]:
    """The invoices; and their account, their identity, and what they are to be ordered by."""
    return _open_ones(wanted, now) if wanted.age or wanted.debit_on else _documents(wanted)


def _open_ones(wanted: InvoiceFilter, now: datetime) -> tuple[Select[Any], Sequence[ColumnElement[Any]]]:
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
    query = select(owed).where(*conditions)
    if wanted.issued_on or wanted.month or wanted.stage:
        own = and_(_invoices.account_id == owed.c.account_id, _invoices.invoice_id == owed.c.invoice_id)
        query = query.join(invoicing.invoices, own).join(t.accounts, _accounts.account_id == owed.c.account_id)
        query = query.where(*_chosen(wanted, owed.c.open_minor))
    key = owed.c.open_minor if wanted.sort == "open" else owed.c.due_on
    return query, (owed.c.account_id, owed.c.invoice_id, *_ordered(key, owed.c.invoice_id, wanted))


def _ordered(
    key: ColumnElement[Any], own_id: ColumnElement[Any], wanted: InvoiceFilter
) -> Sequence[ColumnElement[Any]]:
    """The identity decides between equals, so that pages never overlap."""
    return (key.desc(), own_id.desc()) if wanted.descending else (key, own_id)


def _documents(wanted: InvoiceFilter) -> tuple[Select[Any], Sequence[ColumnElement[Any]]]:
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
    return query, (_invoices.account_id, _invoices.invoice_id, *_ordered(key, _invoices.invoice_id, wanted))


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
    if wanted.taken_back_on:
        conditions += _on_day(_attempts.taken_back_at, wanted.taken_back_on)
    return (
        select(
            payments.payment_attempts,
            _accounts.number.label("account_number"),
            _accounts.brand,
            _accounts.customer_name,
            _accounts.zone,
        )
        .join(t.accounts, _accounts.account_id == _attempts.account_id)
        .where(*conditions)
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
