"""A statement on paper: in every language, over pages, the same bytes every time, and without reasons of staff."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from billing.adapters.pdf import StatementPdf
from billing.adapters.pdf.statement_words import LANGUAGES
from billing.domain import ledger as books
from billing.domain.ledger import EntryKind
from billing.domain.statement import statements_of
from billing.ports.accounts import Account
from billing.ports.statements import AccountStatement
from tests.builders import a_brand, an_account

START = datetime(2027, 1, 1, tzinfo=UTC)


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


@pytest.mark.parametrize("locale", ["nl_NL", "en", "fr_BE", "de", "es", "xx"])
def test_it_is_drawn_in_the_customers_language_and_always_the_same(locale: str) -> None:
    made = a_statement(locale)
    drawn = StatementPdf().statement(made)
    assert drawn.startswith(b"%PDF-")
    assert drawn == StatementPdf().statement(made)
    assert b"SECRET" not in drawn


def test_a_long_one_breaks_into_pages_and_an_empty_one_says_so() -> None:
    long, short = (StatementPdf().statement(a_statement("en", count)) for count in (200, 1))
    assert long.count(b"/Type /Page\n") > short.count(b"/Type /Page\n")
    assert StatementPdf().statement(replace(a_statement("en"), currencies=())).startswith(b"%PDF-")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_word(language: str) -> None:
    assert set(LANGUAGES[language]) == set(LANGUAGES["en"])
    assert {each.value for each in EntryKind} <= set(LANGUAGES[language])
