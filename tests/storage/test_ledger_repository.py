"""The ledger: an entry counts once, nothing in it ever changes, and what is open follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from billing.domain import ledger as books
from tests.builders_invoicing import Office, an_office

AT = datetime(2027, 2, 16, tzinfo=UTC)


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


async def test_an_entry_is_read_back_as_it_was_posted(office: Office) -> None:
    entry = books.payment_received("acc_1001", "stripe", "pi_1", AT, 3000, "EUR", {"inv_1001": 2420})
    async with office.work() as work:
        assert await work.ledger.post(entry)
        assert await work.ledger.find("acc_1001", "stripe", "pi_1", "payment_received") == entry
        assert await work.ledger.find("acc_1001", "stripe", "pi_1", "refund_paid") is None
        assert list(await work.ledger.entries("acc_1001")) == [entry]
        assert await work.ledger.credit_minor("acc_1001", "EUR") == 580
        assert await work.ledger.open_of("acc_1001", "inv_1001") == -2420


async def test_the_same_cause_counts_once_even_at_the_same_moment(office: Office) -> None:
    entry = books.payment_received("acc_1001", "stripe", "pi_1", AT, 3000, "EUR", {"inv_1001": 2420})

    async def post() -> bool:
        async with office.work() as work:
            posted = await work.ledger.post(entry)
            await work.commit()
            return posted

    assert sorted(await asyncio.gather(*(post() for _ in range(4)))) == [False, False, False, True]
    async with office.work() as work:
        assert await work.ledger.credit_minor("acc_1001", "EUR") == 580


@pytest.mark.parametrize("table", ["ledger_entries", "ledger_postings"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET account_id = 1", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_the_database_refuses_to_change_the_books(office: Office, table: str, statement: str) -> None:
    async with office.work() as work:
        await work.ledger.post(books.payment_received("acc_1001", "stripe", "pi_1", AT, 3000, "EUR", {}))
        await work.commit()
    async with office.engine.connect() as connection:
        with pytest.raises(IntegrityError, match="append-only"):
            await connection.execute(text(statement.format(table)))


async def test_open_invoices_are_listed_oldest_first_with_what_is_open(office: Office) -> None:
    account, _ = await office.open_account()
    first = await office.issue(account.account_id)
    second = await office.issue(account.account_id, 2)
    async with office.work() as work:
        payment = books.payment_received(
            account.account_id, "stripe", "pi_1", AT, 1000, "EUR", {first.invoice_id: 1000}
        )
        await work.ledger.post(payment)
        opened = await work.ledger.open_invoices(account.account_id)
    assert [(each.invoice_id, each.open_minor, each.total_minor) for each in opened] == [
        (first.invoice_id, 1420, 2420),
        (second.invoice_id, 2420, 2420),
    ]
    assert [each.due_on for each in opened] == [first.plan.debit_on, second.plan.debit_on]
