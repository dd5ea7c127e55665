"""Statements of account at the door; amounts in minor units, positive where the customer owes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import Field

from api.schemas.base import Response
from billing.domain.statement import CurrencyStatement
from billing.ports.statements import AccountStatement


class StatementLineOut(Response):
    """One money event."""

    at: datetime
    kind: str = Field(description="As in the ledger: invoice_issued, payment_received, refund_paid, ...")
    reference: str = Field(description="What caused it: our document, or the provider's payment, refund or dispute.")
    provider: str = Field(description="Whose reference that is; `evenflow` for our own.")
    documents: str = Field(description="The numbers of the documents it is about.")
    amount_minor: int = Field(description="What the customer owes more (positive) or less for it.")
    balance_minor: int = Field(description="What is owed after it; negative: held for the customer.")
    reason: str


class CurrencyStatementOut(Response):
    """One currency: closing is opening and all amounts, and also what is open less the credit held."""

    currency: str
    opening_minor: int
    closing_minor: int
    open_minor: int = Field(description="Open on invoices at the period's end.")
    credit_minor: int = Field(description="Held for the customer at the period's end.")
    lines: Sequence[StatementLineOut]

    @classmethod
    def of(cls, made: AccountStatement, one: CurrencyStatement) -> CurrencyStatementOut:
        lines = [
            StatementLineOut(
                at=line.at,
                kind=line.kind.value,
                reference=line.reference,
                provider=line.provider,
                documents=made.names(line.reference, line.invoice_ids),
                amount_minor=line.amount_minor,
                balance_minor=line.balance_minor,
                reason=line.reason,
            )
            for line in one.lines
        ]
        return cls(
            currency=one.currency,
            opening_minor=one.opening_minor,
            closing_minor=one.closing_minor,
            open_minor=sum(one.open_minor.values()),
            credit_minor=one.credit_minor,
            lines=lines,
        )


class DisputedPartOut(Response):
    """What a customer does not accept of an open invoice, and nobody had decided at the period's end."""

    dispute_id: str
    line_id: str = Field(description="The line of the invoice it is about; empty: the invoice.")
    line_description: str
    amount_minor: int = Field(description="VAT included; 0: all that is open.")
    opened_at: datetime


class OpenItemOut(Response):
    """An invoice that is not zero at the period's end."""

    invoice_id: str
    number: str
    invoice_date: date
    due_on: date
    currency: str
    total_minor: int
    open_minor: int
    days_overdue: int = Field(description="From the due date to the period's last day.")
    age: str = Field(description="not due, 1-30 days, 31-60 days, 61-90 days or over 90 days.")
    disputed_minor: int = Field(description="The part of what is open that is not pressed for.")
    disputes: Sequence[DisputedPartOut]


class StatementOut(Response):
    """A statement of account."""

    account_id: str
    number: str
    period_from: date = Field(description="The first day, local to the account.")
    period_to: date = Field(description="The day after the last one.")
    currencies: Sequence[CurrencyStatementOut]
    open_items: Sequence[OpenItemOut]

    @classmethod
    def of(cls, made: AccountStatement) -> StatementOut:
        return cls(
            account_id=made.account.account_id,
            number=made.account.number,
            period_from=made.period_from,
            period_to=made.period_to,
            currencies=[CurrencyStatementOut.of(made, one) for one in made.currencies],
            open_items=[OpenItemOut.model_validate(one) for one in made.open_items],
        )
