"""A statement of account with its documents, and the renderer that draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from billing.domain.letterhead import NO_LETTERHEAD, Letterhead
from billing.domain.statement import CurrencyStatement
from billing.ports.accounts import Account, Brand
from billing.ports.dunning import Dispute
from billing.ports.invoicing import Invoice


@dataclass(frozen=True)
class OpenItem:
    """An invoice that is not zero at the statement's end; ``days_overdue`` counts from its due date to that end.

    ``disputed_minor`` is the part of what is open that was not accepted and not decided then, ``disputes`` which.
    """

    invoice_id: str
    number: str
    invoice_date: date
    due_on: date
    currency: str
    total_minor: int
    open_minor: int
    days_overdue: int
    age: str
    disputed_minor: int = 0
    disputes: Sequence[Dispute] = ()


@dataclass(frozen=True)
class AccountStatement:
    """One account and period [``period_from``, ``period_to``), local dates of the account; documents by id."""

    account: Account
    brand: Brand
    period_from: date
    period_to: date
    currencies: Sequence[CurrencyStatement]
    documents: Mapping[str, Invoice]
    open_items: Sequence[OpenItem]
    letterhead: Letterhead = NO_LETTERHEAD

    def number_of(self, invoice_id: str) -> str:
        """The number a customer knows a document by; its id where there is none."""
        known = self.documents.get(invoice_id)
        return known.number if known is not None and known.number else invoice_id

    def names(self, reference: str, invoice_ids: Sequence[str]) -> str:
        """What an event is known by: its own document's number, else those of the documents it touches."""
        if reference in self.documents:
            return self.number_of(reference)
        return ", ".join(self.number_of(each) for each in invoice_ids)


class StatementRenderer(Protocol):
    """Draws a statement in its customer's language."""

    def statement(self, statement: AccountStatement) -> bytes: ...
