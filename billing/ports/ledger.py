"""The ledger as services see it: append an entry once, read what is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from billing.domain.ledger import Entry
from billing.domain.money import Money


@dataclass(frozen=True)
class OpenInvoice:
    """An invoice with money open on it; ``open_minor`` and ``disputed_minor`` are derived from the books."""

    account_id: str
    invoice_id: str
    number: str
    invoice_date: date
    due_on: date
    currency: str
    total_minor: int
    open_minor: int
    disputed_minor: int = 0


class Ledger(Protocol):
    """Append-only; unique by (account, provider, reference, kind)."""

    async def post(self, entry: Entry) -> bool:
        """Append; False when an entry of this provider, reference and kind is there already."""
        ...

    async def find(self, account_id: str, provider: str, reference: str, kind: str) -> Entry | None: ...
    async def receipts(self, provider: str, owners: Mapping[str, str]) -> Mapping[str, Money]:
        """What is booked as received of a provider's payments, by their references; ``owners`` are their accounts."""
        ...

    async def booked(self, provider: str, kind: str, owners: Mapping[str, str]) -> Mapping[str, Money]:
        """What entries of a kind moved of our cash, by reference, positive for money in; ``owners`` as above."""
        ...

    async def recorded(self, provider: str, kind: str, since: datetime, until: datetime) -> Mapping[str, str]:
        """Over all accounts: references of a provider's entries written down between two real instants, and whose."""
        ...

    async def entries(self, account_id: str) -> Sequence[Entry]: ...
    async def open_invoices(self, account_id: str) -> Sequence[OpenInvoice]:
        """Invoices that are not zero, oldest first."""
        ...

    async def open_of(self, account_id: str, invoice_id: str) -> int:
        """Minor units open on one invoice."""
        ...

    async def accounts_with_write_offs(self, brands: Sequence[str]) -> Sequence[str]:
        """Accounts of these brands that something was given up on, in their order."""
        ...

    async def credit_minor(self, account_id: str, currency: str) -> int:
        """Credit of one currency held for the customer, minor units, positive when the customer has money with us."""
        ...
