"""What banks told us and was not carried out yet, on PostgreSQL; and what accounts' processes have still to hear."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.persistence.statements import as_record, fetch_all
from billing.persistence.tables import bank_statements as t
from billing.persistence.tables import invoicing
from billing.ports.bank_statements import FoundInvoice, KeptEntry, KeptPayment, KeptStatus, News

_ENTRY, _PAYMENT, _REPORT, _NEWS = (
    t.bank_entries.c,
    t.bank_entry_payments.c,
    t.bank_status_reports.c,
    t.bank_news.c,
)


class SqlBankEffects:
    """The part of the repository that carries payments and statuses out."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_statuses(self, file_id: str, statuses: Sequence[Any]) -> None:
        rows = [
            {
                "file_id": file_id,
                "position": position,
                "effect": "",
                "explanation": "",
                **{name: getattr(one, name) for name in _SAID},
            }
            for position, one in enumerate(statuses, start=1)
        ]
        if rows:
            await self._connection.execute(t.bank_status_reports.insert(), rows)

    async def waiting_payments(self, limit: int) -> Sequence[tuple[str, int]]:
        query = select(_PAYMENT.entry_id, _PAYMENT.position).where(_PAYMENT.effect == "")
        rows = await self._connection.execute(query.order_by(_PAYMENT.entry_id, _PAYMENT.position).limit(limit))
        return [(row.entry_id, row.position) for row in rows]

    async def waiting_statuses(self, limit: int) -> Sequence[tuple[str, int]]:
        query = select(_REPORT.file_id, _REPORT.position).where(_REPORT.effect == "")
        rows = await self._connection.execute(query.order_by(_REPORT.file_id, _REPORT.position).limit(limit))
        return [(row.file_id, row.position) for row in rows]

    async def lock_payment(self, entry_id: str, position: int) -> tuple[KeptEntry, KeptPayment]:
        kept = select(t.bank_entries).where(_ENTRY.entry_id == entry_id).with_for_update()
        entry = (await self._connection.execute(kept)).one()
        told = select(t.bank_entry_payments).where(_PAYMENT.entry_id == entry_id, _PAYMENT.position == position)
        payment = (await self._connection.execute(told)).one()
        return as_record(KeptEntry, entry), as_record(KeptPayment, payment)

    async def lock_status(self, file_id: str, position: int) -> KeptStatus:
        query = select(t.bank_status_reports).where(_REPORT.file_id == file_id, _REPORT.position == position)
        return as_record(KeptStatus, (await self._connection.execute(query.with_for_update())).one())

    async def finish_payment(self, entry_id: str, position: int, effect: str, explanation: str) -> None:
        same = (_PAYMENT.entry_id == entry_id, _PAYMENT.position == position)
        values = {"effect": effect, "explanation": explanation}
        await self._connection.execute(update(t.bank_entry_payments).where(*same).values(**values))

    async def finish_status(self, file_id: str, position: int, effect: str, explanation: str) -> None:
        same = (_REPORT.file_id == file_id, _REPORT.position == position)
        values = {"effect": effect, "explanation": explanation}
        await self._connection.execute(update(t.bank_status_reports).where(*same).values(**values))

    async def invoices_numbered(self, numbers: Sequence[str]) -> Sequence[FoundInvoice]:
        invoices = invoicing.invoices.c
        issued = invoicing.issued_numbers.c
        query = (
            select(invoices.account_id, invoices.invoice_id, invoices.number, invoices.brand)
            .join(
                invoicing.issued_numbers,
                (issued.account_id == invoices.account_id) & (issued.invoice_id == invoices.invoice_id),
            )
            .where(issued.number.in_(numbers), invoices.kind == "invoice")
            .order_by(invoices.account_id, invoices.invoice_id)
        )
        return await fetch_all(self._connection, FoundInvoice, query)

    async def add_news(self, news: News, at: datetime) -> None:
        values = {"account_id": news.account_id, "attempt_id": news.attempt_id, "reference": news.reference}
        statement = insert_new(t.bank_news).values(**values, created_at=at).on_conflict_do_nothing()
        await self._connection.execute(statement)

    async def news(self, limit: int) -> Sequence[News]:
        query = select(t.bank_news).order_by(_NEWS.created_at, _NEWS.account_id, _NEWS.attempt_id).limit(limit)
        return await fetch_all(self._connection, News, query)

    async def drop_news(self, news: News) -> None:
        same = (
            _NEWS.account_id == news.account_id,
            _NEWS.attempt_id == news.attempt_id,
            _NEWS.reference == news.reference,
        )
        await self._connection.execute(delete(t.bank_news).where(*same))


_SAID = ("status", "message_id", "payment_information_id", "end_to_end_id", "reason_code", "reason_text")
