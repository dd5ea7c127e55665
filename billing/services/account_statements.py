"""Statements of account: read from the ledger, with the documents' numbers and what is open by age."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from billing.domain.cycle_calendar import local_midnight
from billing.domain.errors import InvalidValue
from billing.domain.statement import CurrencyStatement, bucket_of, days_overdue, statements_of
from billing.ports.clock import BusinessClock
from billing.ports.dunning import Dispute
from billing.ports.invoicing import Invoice
from billing.ports.statements import AccountStatement, OpenItem, StatementRenderer
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.letterheads import letterhead_at

COLUMNS = ("at", "kind", "reference", "documents", "amount_minor", "balance_minor", "currency", "reason")


class StatementService:
    """Makes statements; nothing is stored."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, renderer: StatementRenderer) -> None:
        self._make_work = make_work
        self._clock = clock
        self._renderer = renderer

    async def statement(
        self, account_id: str, period_from: date | None = None, period_to: date | None = None
    ) -> AccountStatement:
        """The half-open period of local dates; by default from the account's first day to the end of today.

        Raises NotFound, InvalidValue for a period that ends before it begins.
        """
        async with self._make_work() as work:
            account = await work.accounts.get(account_id)
            brand = await work.accounts.brand(account.brand)
            letterhead = await letterhead_at(work, brand, self._clock.now())
            zone = ZoneInfo(account.zone)
            first = period_from or account.activated_at.astimezone(zone).date()
            end = period_to or self._clock.now().astimezone(zone).date() + timedelta(days=1)
            if end <= first:
                remedy = f"Use a day after {first}: the period ends before that day."
                raise InvalidValue("The period is empty.", field="to", value=end.isoformat(), remedy=remedy)
            entries = await work.ledger.entries(account_id)
            documents = {one.invoice_id: one for one in await work.invoices.of_account(account_id)}
            due = {one.invoice_id: one.due_on for one in await work.ledger.open_invoices(account_id)}
            disputes = await work.dunning.disputes(account_id)
        since, until = (local_midnight(day, account.zone) for day in (first, end))
        currencies = statements_of(entries, since, until)
        last_day = end - timedelta(days=1)
        items = [item for one in currencies for item in _open_items(one, documents, due, last_day)]
        items = [_with_disputes(item, disputes, until) for item in items]
        return AccountStatement(account, brand, first, end, currencies, documents, items, letterhead)

    async def pdf(
        self, account_id: str, period_from: date | None = None, period_to: date | None = None
    ) -> tuple[str, bytes]:
        """File name and content."""
        made = await self.statement(account_id, period_from, period_to)
        return _name(made, "pdf"), await asyncio.to_thread(self._renderer.statement, made)

    async def csv(
        self, account_id: str, period_from: date | None = None, period_to: date | None = None
    ) -> tuple[str, str]:
        """File name and content: opening balance, one row per event, closing balance, for each currency."""
        made = await self.statement(account_id, period_from, period_to)
        written = io.StringIO()
        rows = csv.writer(written, lineterminator="\r\n")
        rows.writerow(COLUMNS)
        for one in made.currencies:
            rows.writerows(_rows(made, one))
        return _name(made, "csv"), written.getvalue()


def _rows(made: AccountStatement, one: CurrencyStatement) -> list[tuple[object, ...]]:
    opening = (made.period_from.isoformat(), "opening_balance", "", "", "", one.opening_minor, one.currency, "")
    closing = (made.period_to.isoformat(), "closing_balance", "", "", "", one.closing_minor, one.currency, "")
    lines = [
        (
            line.at.isoformat(),
            line.kind.value,
            _safe(line.reference),
            _safe(made.names(line.reference, line.invoice_ids)),
            line.amount_minor,
            line.balance_minor,
            one.currency,
            _safe(line.reason),
        )
        for line in one.lines
    ]
    return [opening, *lines, closing]


def _safe(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _open_items(
    one: CurrencyStatement, documents: Mapping[str, Invoice], due: Mapping[str, date], on: date
) -> Sequence[OpenItem]:
    """A due date that moved counts as it stands now (``due``), else as the document has it."""
    items = []
    for invoice_id, open_minor in one.open_minor.items():
        known = documents.get(invoice_id)
        if known is None:
            continue
        due_on = due.get(invoice_id, known.due_on)
        days = days_overdue(due_on, on) if open_minor > 0 else 0
        items.append(
            OpenItem(
                invoice_id,
                known.number,
                known.invoice_date,
                due_on,
                one.currency,
                known.total_minor,
                open_minor,
                days,
                bucket_of(days),
            )
        )
    return sorted(items, key=lambda item: (item.invoice_date, item.invoice_id))


def _with_disputes(item: OpenItem, disputes: Sequence[Dispute], until: datetime) -> OpenItem:
    """As they stood at an instant; a dispute of zero is of all that is open."""
    own = [one for one in disputes if one.invoice_id == item.invoice_id and _stands(one, until)]
    disputed = sum(one.amount_minor or item.open_minor for one in own)
    return replace(item, disputed_minor=max(0, min(item.open_minor, disputed)), disputes=own)


def _stands(one: Dispute, at: datetime) -> bool:
    return one.opened_at < at and (one.closed_at is None or one.closed_at >= at)


def _name(made: AccountStatement, ending: str) -> str:
    return f"statement-{made.account.number}-{made.period_from}-{made.period_to}.{ending}"
