"""Statements of account without a database."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta

from billing.domain import ledger as books
from billing.domain.statement import statements_of
from billing.ports.accounts import Account
from billing.ports.statements import AccountStatement, OpenItem
from tests.builders import a_brand, an_account

START = datetime(2027, 1, 1, tzinfo=UTC)
LATE = OpenItem("inv_1", "V15-2027-000001", date(2027, 1, 1), date(2027, 1, 15), "EUR", 1210, 1190, 16, "1-30 days")


def _account(locale: str) -> Account:
    nothing = {each.name: None for each in fields(Account)}
    return Account(**{**nothing, **an_account(locale=locale), "account_id": "acc_1001"})


def a_statement(locale: str, payments: int = 1) -> AccountStatement:
    entries = [books.invoice_issued("acc_1001", "inv_1", START, 1000, 210, "EUR")]
    entries += [
        books.payment_received("acc_1001", "stripe", f"pi_{each}", START + timedelta(hours=each), 10, "EUR", {})
        for each in range(payments)
    ]
    entries.append(
        books.written_off("acc_1001", "w", START + timedelta(days=20), {"inv_1": 10}, "EUR", "SECRET REASON")
    )
    made = statements_of(entries, START, START + timedelta(days=31))
    return AccountStatement(_account(locale), a_brand(), date(2027, 1, 1), date(2027, 2, 1), made, {}, [])
