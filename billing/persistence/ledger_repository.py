"""The ledger on PostgreSQL: entries are appended once and only ever read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.ledger import Entry, EntryKind, LedgerAccount, Posting
from billing.domain.money import Money
from billing.persistence.statements import fetch_all
from billing.persistence.tables import accounts, dunning
from billing.persistence.tables import invoicing as t
from billing.ports.ledger import OpenInvoice

_entries, _postings = t.ledger_entries.c, t.ledger_postings.c


class SqlLedger:
    """Append-only; unique by (account, provider, reference, kind)."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def post(self, entry: Entry) -> bool:
        """Append; False when an entry of this provider, reference and kind is there already."""
        statement = (
            insert_or_skip(t.ledger_entries)
            .values(
                account_id=entry.account_id,
                kind=entry.kind.value,
                at=entry.at,
                provider=entry.provider,
                reference=entry.reference,
                reason=entry.reason,
            )
            .on_conflict_do_nothing(index_elements=["account_id", "provider", "reference", "kind"])
            .returning(_entries.entry_id)
        )
        entry_id = (await self._connection.execute(statement)).scalar_one_or_none()
        if entry_id is None:
            return False
        rows = [_posting_row(entry, entry_id, place, posting) for place, posting in enumerate(entry.postings, start=1)]
        await self._connection.execute(insert(t.ledger_postings), rows)
        return True

    async def find(self, account_id: str, provider: str, reference: str, kind: str) -> Entry | None:
        query = _with_postings().where(
            _entries.account_id == account_id,
            _entries.provider == provider,
            _entries.reference == reference,
            _entries.kind == str(kind),
        )
        found = _as_entries(await self._connection.execute(query))
        return found[0] if found else None

    async def receipts(self, provider: str, owners: Mapping[str, str]) -> Mapping[str, Money]:
        """What is booked as received of a provider's payments, by their references; ``owners`` are their accounts."""
        return await self.booked(provider, EntryKind.PAYMENT_RECEIVED.value, owners)

    async def booked(self, provider: str, kind: str, owners: Mapping[str, str]) -> Mapping[str, Money]:
        """What entries of a kind moved of our cash, by reference, positive for money in; ``owners`` as above."""
        query = (
            select(_entries.account_id, _entries.reference, _postings.currency, func.sum(_postings.amount_minor))
            .join(t.ledger_postings, _postings_of_entries())
            .where(
                _entries.account_id.in_(set(owners.values())),
                _entries.provider == provider,
                _entries.reference.in_(owners),
                _entries.kind == kind,
                _postings.ledger_account == LedgerAccount.CASH.value,
            )
            .group_by(_entries.account_id, _entries.reference, _postings.currency)
        )
        found = {}
        for account_id, reference, currency, amount_minor in await self._connection.execute(query):
            if owners[reference] == account_id:
                found[reference] = Money(int(amount_minor), currency)
        return found

    async def recorded(self, provider: str, kind: str, since: datetime, until: datetime) -> Mapping[str, str]:
        """Over all accounts: references of a provider's entries written down between two real instants, and whose."""
        query = select(_entries.reference, _entries.account_id).where(
            _entries.recorded_at >= since,
            _entries.recorded_at < until,
            _entries.provider == provider,
            _entries.kind == kind,
        )
        return {row.reference: row.account_id for row in await self._connection.execute(query)}

    async def entries(self, account_id: str) -> Sequence[Entry]:
        """All entries of an account in the order they were booked."""
        return _as_entries(await self._connection.execute(_with_postings().where(_entries.account_id == account_id)))

    async def open_invoices(self, account_id: str) -> Sequence[OpenInvoice]:
        """Invoices that are not zero, oldest first."""
        return await fetch_all(self._connection, OpenInvoice, open_invoices_query(account_id))

    async def open_of(self, account_id: str, invoice_id: str) -> int:
        """Minor units open on one invoice."""
        return await self._sum(account_id, LedgerAccount.RECEIVABLE, _postings.invoice_id == invoice_id)

    async def accounts_with_write_offs(self, brands: Sequence[str]) -> Sequence[str]:
        """Accounts of these brands that something was given up on."""
        owners = accounts.accounts.c
        query = (
            select(_entries.account_id)
            .join(accounts.accounts, owners.account_id == _entries.account_id)
            .where(_entries.kind == EntryKind.WRITTEN_OFF.value, owners.brand.in_(brands))
            .distinct()
            .order_by(_entries.account_id)
        )
        return list((await self._connection.execute(query)).scalars())

    async def credit_minor(self, account_id: str, currency: str) -> int:
        """Credit of one currency held for the customer, minor units, positive when the customer has money with us."""
        return -await self._sum(account_id, LedgerAccount.CUSTOMER_CREDIT, _postings.currency == currency)

    async def _sum(self, account_id: str, kind: LedgerAccount, *conditions: ColumnElement[bool]) -> int:
        query = select(func.coalesce(func.sum(_postings.amount_minor), 0)).where(
            _postings.account_id == account_id, _postings.ledger_account == kind.value, *conditions
        )
        return int((await self._connection.execute(query)).scalar_one())


def open_invoices_query(account_id: str) -> Select[Any]:
    """What is open per invoice, from the receivable postings that name it."""
    sums = _open_sums().where(_postings.account_id == account_id).subquery()
    invoices = t.invoices.c
    return (
        select(
            invoices.account_id,
            invoices.invoice_id,
            invoices.number,
            invoices.invoice_date,
            _due_on().label("due_on"),
            invoices.currency,
            invoices.total_minor,
            sums.c.open_minor,
            _disputed_minor(sums.c.open_minor).label("disputed_minor"),
        )
        .join(sums, (sums.c.account_id == invoices.account_id) & (sums.c.invoice_id == invoices.invoice_id))
        .where(sums.c.open_minor != 0)
        .order_by(invoices.invoice_date, invoices.invoice_id)
    )


def _due_on() -> ColumnElement[date]:
    """The debit date of the cycle whose invoice it is collected with: a date may move with a late notice.

    An amount carried over, not yet collected with any, falls due with the open cycle's debit.
    """
    invoices, collections, cycles = t.invoices.c, t.invoice_collections.c, accounts.cycles.c
    collected = (
        select(cycles.debit_on)
        .join(
            t.invoice_collections,
            (collections.account_id == cycles.account_id)
            & (collections.collected_with_invoice_id == cycles.invoice_id),
        )
        .where(collections.account_id == invoices.account_id, collections.invoice_id == invoices.invoice_id)
        .correlate(t.invoices)
        .scalar_subquery()
    )
    next_debit = (
        select(func.min(cycles.debit_on))
        .where(cycles.account_id == invoices.account_id, cycles.status == "open", invoices.total_minor > 0)
        .correlate(t.invoices)
        .scalar_subquery()
    )
    return func.coalesce(collected, next_debit, invoices.due_on)


def _disputed_minor(open_minor: ColumnElement[int]) -> ColumnElement[int]:
    """What the customer does not accept of an invoice, never more than is open; a dispute of zero is of all of it."""
    disputes, invoices = dunning.disputes.c, t.invoices.c
    amount = case((disputes.amount_minor == 0, open_minor), else_=disputes.amount_minor)
    disputed = (
        select(func.coalesce(func.sum(amount), 0).cast(disputes.amount_minor.type))
        .where(
            disputes.account_id == invoices.account_id,
            disputes.invoice_id == invoices.invoice_id,
            disputes.status == "open",
        )
        .correlate_except(dunning.disputes)
        .scalar_subquery()
    )
    return func.greatest(0, func.least(open_minor, disputed))


def _open_sums() -> Select[Any]:
    open_minor = func.sum(_postings.amount_minor)
    return (
        select(
            _postings.account_id, _postings.invoice_id, open_minor.cast(_postings.amount_minor.type).label("open_minor")
        )
        .where(_postings.ledger_account == LedgerAccount.RECEIVABLE.value, _postings.invoice_id.is_not(None))
        .group_by(_postings.account_id, _postings.invoice_id)
    )


def _posting_row(entry: Entry, entry_id: str, position: int, posting: Posting) -> dict[str, Any]:
    return {
        "account_id": entry.account_id,
        "entry_id": entry_id,
        "position": position,
        "ledger_account": posting.ledger_account.value,
        "amount_minor": posting.amount_minor,
        "currency": posting.currency,
        "invoice_id": posting.invoice_id,
    }


def _with_postings() -> Select[Any]:
    return (
        select(
            t.ledger_entries,
            _postings.ledger_account,
            _postings.amount_minor,
            _postings.currency,
            _postings.invoice_id,
        )
        .join(t.ledger_postings, _postings_of_entries())
        .order_by(_entries.entry_id, _postings.position)
    )


def _postings_of_entries() -> ColumnElement[bool]:
    return (_postings.account_id == _entries.account_id) & (_postings.entry_id == _entries.entry_id)


def _as_entries(rows: Iterable[Row[Any]]) -> list[Entry]:
    heads: dict[str, Row[Any]] = {}
    postings: dict[str, list[Posting]] = {}
    for row in rows:
        heads.setdefault(row.entry_id, row)
        account = LedgerAccount(row.ledger_account)
        postings.setdefault(row.entry_id, []).append(Posting(account, row.amount_minor, row.currency, row.invoice_id))
    return [
        Entry(
            row.account_id,
            EntryKind(row.kind),
            row.at,
            row.provider,
            row.reference,
            tuple(postings[entry_id]),
            row.reason,
        )
        for entry_id, row in heads.items()
    ]
