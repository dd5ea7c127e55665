"""The lists behind the overview's numbers: documents and payments of all accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True)
class InvoiceFilter:
    """Which invoices; empty fields do not narrow. Days are local.

    ``age`` is a bucket of open debt; ``debit_on`` the day its cycle is debited; ``month`` the first of a month;
    ``stage`` what became of it: announced, not_announced, dunning, written_off or open.
    """

    issued_on: date | None = None
    month: date | None = None
    debit_on: date | None = None
    age: str = ""
    stage: str = ""
    currency: str = ""
    sort: str = "date"
    descending: bool = True
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True)
class InvoiceRow:
    """A document of any account; ``open_minor`` and ``due_on`` are as they are now."""

    account_id: str
    account_number: str
    brand: str
    customer_name: str
    invoice_id: str
    number: str
    invoice_date: date
    due_on: date
    currency: str
    total_minor: int
    open_minor: int


@dataclass(frozen=True)
class PaymentFilter:
    """Which payments; ``created_on``, ``settled_on`` and ``taken_back_on`` are local days."""

    created_on: date | None = None
    settled_on: date | None = None
    taken_back_on: date | None = None
    status: str = ""
    purpose: str = ""
    currency: str = ""
    descending: bool = True
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True)
class PaymentRow:
    """A try at a payment of any account, which lives in ``zone``."""

    account_id: str
    account_number: str
    brand: str
    customer_name: str
    attempt_id: str
    purpose: str
    status: str
    category: str
    code: str
    currency: str
    expected_minor: int
    received_minor: int
    created_at: datetime
    settled_at: datetime | None
    zone: str


class MoneyLists(Protocol):
    """A page has one row more, which tells that there is a further page; ``every_`` reads all rows, whatever the
    ``offset``, the ``limit`` and the order, while others change them."""

    async def invoices(self, wanted: InvoiceFilter, now: datetime) -> Sequence[InvoiceRow]: ...
    def every_invoice(self, wanted: InvoiceFilter, now: datetime) -> AsyncIterator[InvoiceRow]: ...
    async def payments(self, wanted: PaymentFilter) -> Sequence[PaymentRow]: ...
    def every_payment(self, wanted: PaymentFilter) -> AsyncIterator[PaymentRow]: ...
