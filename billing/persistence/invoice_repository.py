"""Invoices, their lines and numbers, pending adjustments and corrections on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, exists, func, insert, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain import identity
from billing.domain.errors import NotFound
from billing.domain.invoice import InvoiceLine, Section
from billing.domain.money import Money
from billing.persistence.statements import fetch_all, fetch_one, insert_returning
from billing.persistence.tables import arrangements, dunning
from billing.persistence.tables import invoicing as t
from billing.persistence.tables.console import open_invoices
from billing.ports.invoicing import Invoice, InvoiceTax, PendingAdjustment

_invoices, _lines, _taxes = t.invoices.c, t.invoice_lines.c, t.invoice_taxes.c


class SqlDocumentRepository:
    """Issued documents: written once with their number, then only read."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def next_invoice_id(self) -> str:
        """An identity for a document that is being put together."""
        query = text("SELECT nextval(pg_get_serial_sequence('invoices', 'invoice_id'))")
        return identity.show(identity.INVOICE, (await self._connection.execute(query)).scalar_one())

    async def add(
        self, invoice: Invoice, series: str, lines: Sequence[InvoiceLine], taxes: Sequence[InvoiceTax]
    ) -> Invoice:
        """Take the next number of the series and store the document with it; the series stays locked until commit."""
        keys = {"account_id": invoice.account_id, "invoice_id": invoice.invoice_id}
        if lines:
            rows = [keys | _line_row(line, place) for place, line in enumerate(lines, start=1)]
            await self._connection.execute(insert(t.invoice_lines), rows)
        if taxes:
            rows = [keys | asdict(tax) | {"position": place} for place, tax in enumerate(taxes, start=1)]
            await self._connection.execute(insert(t.invoice_taxes), rows)
        numbered = await self._number(invoice, series)
        await self._connection.execute(insert(t.invoices).values(**_invoice_row(numbered)))
        return numbered

    async def _number(self, invoice: Invoice, series: str) -> Invoice:
        taken = (
            upsert(t.number_series)
            .values(series=series, last_number=1)
            .on_conflict_do_update(index_elements=["series"], set_={"last_number": t.number_series.c.last_number + 1})
            .returning(t.number_series.c.last_number)
        )
        sequence_number = (await self._connection.execute(taken)).scalar_one()
        numbered = replace(invoice, number=f"{series}-{sequence_number:04d}")
        await self._connection.execute(
            insert(t.issued_numbers).values(
                series=series,
                sequence_number=sequence_number,
                number=numbered.number,
                account_id=invoice.account_id,
                invoice_id=invoice.invoice_id,
            )
        )
        return numbered

    async def get(self, account_id: str, invoice_id: str) -> Invoice:
        """Raises NotFound."""
        found = await fetch_one(self._connection, Invoice, _of(account_id).where(_invoices.invoice_id == invoice_id))
        if found is None:
            raise NotFound(
                f"Account {account_id} has no invoice {invoice_id}.",
                field="invoice_id",
                value=invoice_id,
                remedy=f"GET /v1/accounts/{account_id}/invoices lists its documents.",
            )
        return found

    async def of_cycle(self, account_id: str, cycle_number: int) -> Invoice | None:
        query = _of(account_id).where(_invoices.cycle_number == cycle_number, _invoices.kind == "invoice")
        return await fetch_one(self._connection, Invoice, query)

    async def of_account(self, account_id: str) -> Sequence[Invoice]:
        """All documents, oldest first."""
        return await fetch_all(self._connection, Invoice, _of(account_id).order_by(_invoices.invoice_id))

    async def issued_between(self, brand: str, since: date, until: date) -> Sequence[tuple[str, str, str]]:
        query = (
            select(_invoices.account_id, _invoices.invoice_id, _invoices.number)
            .where(_invoices.brand == brand, _invoices.invoice_date.between(since, until))
            .order_by(_invoices.invoice_date, _invoices.number)
        )
        return [(row.account_id, row.invoice_id, row.number) for row in await self._connection.execute(query)]

    async def lines(self, account_id: str, invoice_id: str) -> Sequence[InvoiceLine]:
        query = (
            select(t.invoice_lines, _invoices.currency)
            .join(t.invoices, (_invoices.account_id == _lines.account_id) & (_invoices.invoice_id == _lines.invoice_id))
            .where(_lines.account_id == account_id, _lines.invoice_id == invoice_id)
            .order_by(_lines.position)
        )
        return [_line(row) for row in await self._connection.execute(query)]

    async def taxes(self, account_id: str, invoice_id: str) -> Sequence[InvoiceTax]:
        query = select(t.invoice_taxes).where(_taxes.account_id == account_id, _taxes.invoice_id == invoice_id)
        return await fetch_all(self._connection, InvoiceTax, query.order_by(_taxes.position))

    async def credited_taxes(self, account_id: str, invoice_id: str) -> Sequence[InvoiceTax]:
        """The taxes of all credit notes on an invoice."""
        notes = select(_invoices.invoice_id).where(
            _invoices.account_id == account_id, _invoices.corrects_invoice_id == invoice_id
        )
        query = select(t.invoice_taxes).where(_taxes.account_id == account_id, _taxes.invoice_id.in_(notes))
        return await fetch_all(self._connection, InvoiceTax, query)


class SqlInvoiceRepository(SqlDocumentRepository):
    """Documents, with what waits for the next one and what corrections answered."""

    async def carried_over(self, account_id: str, least_minor: int) -> Sequence[str]:
        """Invoices that the next debit takes along, oldest first.

        No debit was announced for them yet; or less than ``least_minor``, what can be paid by itself, was left open.
        """
        collections, opened = t.invoice_collections.c, open_invoices.c
        announced = select(collections.invoice_id).where(collections.account_id == account_id)
        # Where more is left of a debit, it is still to come or dunning has it: what it covers stays together.
        small = (
            select(collections.collected_with_invoice_id)
            .join(
                open_invoices,
                (opened.account_id == collections.account_id) & (opened.invoice_id == collections.invoice_id),
            )
            .where(collections.account_id == account_id)
            .group_by(collections.collected_with_invoice_id)
            .having(func.max(opened.open_minor) < least_minor)
        )
        rests = announced.where(collections.collected_with_invoice_id.in_(small))
        query = select(_invoices.invoice_id).where(
            _invoices.account_id == account_id,
            _invoices.kind == "invoice",
            _invoices.total_minor > 0,
            or_(
                _invoices.invoice_id.not_in(announced), and_(_invoices.invoice_id.in_(rests), ~_pressed_for(account_id))
            ),
        )
        return list((await self._connection.execute(query.order_by(_invoices.invoice_id))).scalars())

    async def collect_with(self, account_id: str, invoice_ids: Sequence[str], invoice_id: str) -> None:
        """Say with which invoice's debit these are collected; a rest that is carried over gets another one."""
        rows = [
            {"account_id": account_id, "invoice_id": collected, "collected_with_invoice_id": invoice_id}
            for collected in invoice_ids
        ]
        if rows:
            added = upsert(t.invoice_collections)
            await self._connection.execute(
                added.on_conflict_do_update(
                    index_elements=["account_id", "invoice_id"],
                    set_={"collected_with_invoice_id": added.excluded.collected_with_invoice_id},
                ),
                rows,
            )

    async def add_adjustment(self, values: Mapping[str, Any]) -> PendingAdjustment:
        return await insert_returning(self._connection, PendingAdjustment, t.pending_adjustments, values)

    async def pending_adjustments(self, account_id: str) -> Sequence[PendingAdjustment]:
        columns = t.pending_adjustments.c
        query = select(t.pending_adjustments).where(columns.account_id == account_id, columns.invoice_id.is_(None))
        return await fetch_all(self._connection, PendingAdjustment, query.order_by(columns.adjustment_id))

    async def bill_adjustments(self, account_id: str, adjustment_ids: Sequence[str], invoice_id: str) -> None:
        columns = t.pending_adjustments.c
        await self._connection.execute(
            update(t.pending_adjustments)
            .where(columns.account_id == account_id, columns.adjustment_id.in_(adjustment_ids))
            .values(invoice_id=invoice_id)
        )

    async def command_result(self, account_id: str, command_id: str) -> tuple[str, Mapping[str, Any]] | None:
        """Kind and result of a correction already carried out."""
        columns = t.correction_commands.c
        query = select(columns.kind, columns.result).where(
            columns.account_id == account_id, columns.command_id == command_id
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else (row.kind, row.result)

    async def remember_command(
        self, account_id: str, command_id: str, kind: str, result: Mapping[str, Any], at: datetime
    ) -> None:
        await self._connection.execute(
            insert(t.correction_commands).values(
                account_id=account_id, command_id=command_id, kind=kind, result=result, at=at
            )
        )


def _pressed_for(account_id: str) -> ColumnElement[bool]:
    """True for invoices of the open case, and of cases that an agency has."""
    cases, given = dunning.dunning_cases.c, arrangements.hand_overs.c
    name = literal(f"{identity.INVOICE}_") + _invoices.invoice_id.cast(Text)
    in_case = (cases.account_id == account_id) & cases.closed_at.is_(None) & func.jsonb_exists(cases.invoice_ids, name)
    with_agency = (given.account_id == account_id) & given.taken_back_at.is_(None)
    return or_(exists().where(in_case), exists().where(with_agency, func.jsonb_exists(given.invoice_ids, name)))


def _of(account_id: str) -> Select[Any]:
    return select(t.invoices).where(_invoices.account_id == account_id)


def _invoice_row(invoice: Invoice) -> dict[str, Any]:
    return asdict(invoice) | {"collect_invoice_ids": list(invoice.collect_invoice_ids)}


def _line_row(line: InvoiceLine, position: int) -> dict[str, Any]:
    row = {field.name: getattr(line, field.name) for field in fields(line) if field.name != "amount"}
    return row | {
        "position": position,
        "section": line.section.value,
        "amount_minor": line.amount.amount_minor,
        "explanation": list(line.explanation),
    }


def _line(row: Row[Any]) -> InvoiceLine:
    values = {field.name: row._mapping[field.name] for field in fields(InvoiceLine) if field.name != "amount"}
    return InvoiceLine(
        **values
        | {
            "section": Section(row.section),
            "amount": Money(row.amount_minor, row.currency),
            "explanation": tuple(row.explanation),
        }
    )
