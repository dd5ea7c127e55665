"""What the page of one account shows besides the account itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.ledger import LedgerAccount
from billing.persistence.statements import Record, as_record, fetch_all
from billing.persistence.tables import accounts as t
from billing.persistence.tables import dunning, invoicing, notices, payments
from billing.ports.accounts import TimelineEntry
from billing.ports.queries import (
    DunningLine,
    EvidenceLine,
    InvoiceLine,
    NoticeLine,
    PartFilter,
    PartPage,
    PaymentLine,
    TimelinePage,
)


async def read_timeline(
    connection: AsyncConnection, account_id: str, kind: str, offset: int, limit: int
) -> TimelinePage:
    """Two statements; ``kind`` empty: all of them."""
    entries = t.timeline.c
    of_account = entries.account_id == account_id
    counts = select(entries.kind, func.count().label("number")).where(of_account).group_by(entries.kind)
    query = select(t.timeline).where(of_account, entries.kind == kind if kind else true())
    newest = query.order_by(entries.at.desc(), entries.entry_id.desc()).offset(offset).limit(limit)
    return TimelinePage(
        await fetch_all(connection, TimelineEntry, newest),
        {row.kind: row.number for row in await connection.execute(counts.order_by(entries.kind))},
    )


async def read_documents(connection: AsyncConnection, account_id: str, wanted: PartFilter) -> PartPage[InvoiceLine]:
    """Two statements over the documents of one account."""
    invoices, postings = invoicing.invoices.c, invoicing.ledger_postings.c
    owed = (
        select(postings.invoice_id, func.sum(postings.amount_minor).label("open_minor"))
        .where(postings.account_id == account_id, postings.ledger_account == LedgerAccount.RECEIVABLE.value)
        .group_by(postings.invoice_id)
        .subquery("owed")
    )
    open_minor = func.coalesce(owed.c.open_minor, 0)
    query = (
        select(invoicing.invoices, open_minor.label("open_minor"))
        .outerjoin(owed, owed.c.invoice_id == invoices.invoice_id)
        .where(invoices.account_id == account_id)
    )
    if wanted.kind:
        query = query.where(invoices.kind == wanted.kind)
    if wanted.state:
        query = query.where(open_minor > 0 if wanted.state == "open" else open_minor <= 0)
    keys = {"date": invoices.invoice_id, "due": invoices.due_on, "total": invoices.total_minor, "open": open_minor}
    return await _page(connection, InvoiceLine, query, wanted, keys, invoices.invoice_id)


async def read_payments(connection: AsyncConnection, account_id: str, wanted: PartFilter) -> PartPage[PaymentLine]:
    """Two statements over the tries of one account."""
    attempts, methods = payments.payment_attempts.c, payments.payment_methods.c
    query = (
        select(payments.payment_attempts, func.coalesce(methods.label, "").label("method_label"))
        .outerjoin(
            payments.payment_methods,
            (methods.account_id == attempts.account_id) & (methods.method_id == attempts.method_id),
        )
        .where(attempts.account_id == account_id, *_is(attempts.purpose, wanted.kind))
        .where(*_is(attempts.status, wanted.state))
    )
    keys = {"date": attempts.created_at, "asked": attempts.expected_minor, "received": attempts.received_minor}
    return await _page(connection, PaymentLine, query, wanted, keys, attempts.attempt_id)


async def read_notices(connection: AsyncConnection, account_id: str, wanted: PartFilter) -> PartPage[NoticeLine]:
    """Three statements: the notices of one account, how many, and the evidence of those."""
    sent, seen = notices.notices.c, notices.notice_evidence.c
    query = (
        select(notices.notices)
        .where(sent.account_id == account_id, *_is(sent.kind, wanted.kind))
        .where(*_is(sent.status, wanted.state))
    )
    keys = {"date": sent.notice_id, "kind": sent.kind, "amount": sent.amount_minor}
    page = await _page(connection, NoticeLine, query, wanted, keys, sent.notice_id)
    if not page.rows:
        return page
    shown = _ordered(query, wanted, keys, sent.notice_id).with_only_columns(sent.notice_id)
    proofs = select(notices.notice_evidence).where(seen.account_id == account_id, seen.notice_id.in_(shown))
    evidence: dict[str, list[EvidenceLine]] = defaultdict(list)
    for row in await connection.execute(proofs.order_by(seen.evidence_id)):
        evidence[row.notice_id].append(as_record(EvidenceLine, row))
    return PartPage([replace(one, evidence=tuple(evidence[one.notice_id])) for one in page.rows], page.total)


async def read_cases(connection: AsyncConnection, account_id: str) -> Sequence[DunningLine]:
    """The newest first."""
    cases = dunning.dunning_cases.c
    query = select(dunning.dunning_cases).where(cases.account_id == account_id)
    return await fetch_all(connection, DunningLine, query.order_by(cases.case_id.desc()))


def _is(column: ColumnElement[Any], value: str) -> Sequence[ColumnElement[bool]]:
    return [column == value] if value else []


async def _page(
    connection: AsyncConnection,
    kind: type[Record],
    query: Select[Any],
    wanted: PartFilter,
    keys: Mapping[str, ColumnElement[Any]],
    own_id: ColumnElement[Any],
) -> PartPage[Record]:
    total = await connection.scalar(select(func.count()).select_from(query.with_only_columns(own_id).subquery()))
    return PartPage(await fetch_all(connection, kind, _ordered(query, wanted, keys, own_id)), total or 0)


def _ordered(
    query: Select[Any], wanted: PartFilter, keys: Mapping[str, ColumnElement[Any]], own_id: ColumnElement[Any]
) -> Select[Any]:
    """The identity decides between equals, so that pages never overlap."""
    key = keys[wanted.order.removeprefix("-")]
    order = (key.desc(), own_id.desc()) if wanted.order.startswith("-") else (key, own_id)
    return query.order_by(*order).offset(wanted.offset).limit(wanted.limit)
