"""Numbers are gapless per series, whatever runs at once and whatever is rolled back; documents never change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import IntegrityError

from billing.persistence.tables import invoicing as t
from tests.builders import a_brand
from tests.builders_invoicing import Office, an_office


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


async def numbers(office: Office) -> list[str]:
    async with office.engine.connect() as connection:
        return list((await connection.execute(select(t.invoices.c.number).order_by(t.invoices.c.number))).scalars())


async def test_accounts_billed_at_once_get_numbers_without_holes(office: Office) -> None:
    accounts = [(await office.open_account(number=f"A10000{place}"))[0].account_id for place in range(6)]
    await asyncio.gather(*(office.issue(account_id) for account_id in accounts))
    assert await numbers(office) == [f"VONK-20270215-{place:04d}" for place in range(1, 7)]


async def test_an_issue_that_is_rolled_back_leaves_no_hole(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [(await office.open_account(number=f"A10000{place}"))[0].account_id for place in range(2)]
    async with office.work() as work:
        timeline = type(work.timeline)

    async def fail(*_: object) -> None:
        raise ConnectionError("the database went away")

    with monkeypatch.context() as broken:
        broken.setattr(timeline, "add", fail)  # runs after the number was taken
        with pytest.raises(ConnectionError):
            await office.issue(accounts[0])
    for account_id in accounts:
        await office.issue(account_id)
    assert await numbers(office) == ["VONK-20270215-0001", "VONK-20270215-0002"]


async def test_another_brand_counts_by_itself(office: Office) -> None:
    async with office.work() as work:
        await work.accounts.add_brand(a_brand(brand="ember-be", name="Ember"))
        await work.commit()
    first, _ = await office.open_account()
    second, _ = await office.open_account(brand="ember-be", number="A100002")
    await office.issue(first.account_id)
    await office.issue(second.account_id)
    assert await numbers(office) == ["EMBERBE-20270215-0001", "VONK-20270215-0001"]


@pytest.mark.parametrize("statement", ["UPDATE invoices SET total_minor = 1", "DELETE FROM invoices"])
async def test_an_issued_document_cannot_be_changed(office: Office, statement: str) -> None:
    account, _ = await office.open_account()
    await office.issue(account.account_id)
    async with office.engine.connect() as connection:
        with pytest.raises(IntegrityError, match="never changes"):
            await connection.execute(text(statement))


async def test_lines_cannot_be_changed_but_the_printed_name_can_be_erased(office: Office) -> None:
    account, _ = await office.open_account()
    await office.issue(account.account_id)
    async with office.engine.connect() as connection:
        with pytest.raises(IntegrityError, match="append-only"):
            await connection.execute(update(t.invoice_lines).values(amount_minor=1))
    async with office.engine.connect() as connection:
        with pytest.raises(IntegrityError, match="append-only"):
            await connection.execute(delete(t.issued_numbers))
    async with office.engine.begin() as connection:
        await connection.execute(update(t.invoices).values(customer={}))
