"""What the page of one account shows besides the account itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.ledger import LedgerAccount
from billing.persistence.statements import as_record, fetch_all
from billing.persistence.tables import accounts as t
from billing.persistence.tables import dunning, invoicing, notices, payments
from billing.ports.accounts import TimelineEntry
from billing.ports.queries import (
    AccountPicture,
    DunningLine,
    EvidenceLine,
    InvoiceLine,
    NoticeLine,
    PaymentLine,
    TimelinePage,
)


async def read_picture(connection: AsyncConnection, account_id: str, limit: int) -> AccountPicture:
    """Five statements, each over the rows of one account, the newest first."""
    return AccountPicture(
        invoices=await _invoices(connection, account_id, limit),
        payments=await _payments(connection, account_id, limit),
        notices=await _notices(connection, account_id, limit),
        dunning_cases=await _cases(connection, account_id, limit),
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


async def _invoices(connection: AsyncConnection, account_id: str, limit: int) -> Sequence[InvoiceLine]:
    invoices, postings = invoicing.invoices.c, invoicing.ledger_postings.c
    owed = (
        select(postings.invoice_id, func.sum(postings.amount_minor).label("open_minor"))
        .where(postings.account_id == account_id, postings.ledger_account == LedgerAccount.RECEIVABLE.value)
        .group_by(postings.invoice_id)
        .subquery("owed")
    )
    query = (
        select(invoicing.invoices, func.coalesce(owed.c.open_minor, 0).label("open_minor"))
        .outerjoin(owed, owed.c.invoice_id == invoices.invoice_id)
        .where(invoices.account_id == account_id)
        .order_by(invoices.invoice_id.desc())
        .limit(limit)
    )
    return await fetch_all(connection, InvoiceLine, query)


async def _payments(connection: AsyncConnection, account_id: str, limit: int) -> Sequence[PaymentLine]:
    attempts, methods = payments.payment_attempts.c, payments.payment_methods.c
    query = (
        select(payments.payment_attempts, func.coalesce(methods.label, "").label("method_label"))
        .outerjoin(
            payments.payment_methods,
            (methods.account_id == attempts.account_id) & (methods.method_id == attempts.method_id),
        )
        .where(attempts.account_id == account_id)
        .order_by(attempts.created_at.desc(), attempts.attempt_id.desc())
        .limit(limit)
    )
    return await fetch_all(connection, PaymentLine, query)


async def _notices(connection: AsyncConnection, account_id: str, limit: int) -> Sequence[NoticeLine]:
    sent, seen = notices.notices.c, notices.notice_evidence.c
    found = await fetch_all(
        connection,
        NoticeLine,
        select(notices.notices).where(sent.account_id == account_id).order_by(sent.notice_id.desc()).limit(limit),
    )
    if not found:
        return found
    query = select(notices.notice_evidence).where(
        seen.account_id == account_id, seen.notice_id.in_([notice.notice_id for notice in found])
    )
    evidence: dict[str, list[EvidenceLine]] = defaultdict(list)
    for row in await connection.execute(query.order_by(seen.evidence_id)):
        evidence[row.notice_id].append(as_record(EvidenceLine, row))
    return [replace(notice, evidence=tuple(evidence[notice.notice_id])) for notice in found]


async def _cases(connection: AsyncConnection, account_id: str, limit: int) -> Sequence[DunningLine]:
    cases = dunning.dunning_cases.c
    query = select(dunning.dunning_cases).where(cases.account_id == account_id)
    return await fetch_all(connection, DunningLine, query.order_by(cases.case_id.desc()).limit(limit))
