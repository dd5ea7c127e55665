"""The lists behind the overview's numbers: documents and payments of all accounts."""

from __future__ import annotations

from collections.abc import Sequence
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
    """Which payments; ``created_on`` and ``settled_on`` are local days."""

    created_on: date | None = None
    settled_on: date | None = None
    status: str = ""
    purpose: str = ""
    currency: str = ""
    descending: bool = True
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True)
class PaymentRow:
    """A try at a payment of any account."""

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


class MoneyLists(Protocol):
    """One page and one row more, which tells that there is a further page."""

    async def invoices(self, wanted: InvoiceFilter, now: datetime) -> Sequence[InvoiceRow]: ...
    async def payments(self, wanted: PaymentFilter) -> Sequence[PaymentRow]: ...
