"""Money that a customer sends for what was given up counts, as far as it goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from billing.domain import ledger as books
from billing.services.suspense import Assignment
from tests.builders_bank_statements import Account, camt054, incoming
from tests.builders_bank_world import BankWorld, a_bank_world

GIVEN_UP_AT = datetime(2027, 2, 20, tzinfo=UTC)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[BankWorld]:
    async with a_bank_world(database_url) as world:
        yield world
        assert await world.broken() == []


@pytest.mark.parametrize(("named", "came", "left"), [(True, 1999, 0), (True, 500, 1499), (False, 1999, 0)])
async def test_a_transfer_pays_what_was_written_off(world: BankWorld, named: bool, came: int, left: int) -> None:
    invoice = await world.an_invoice(1999)
    shares = {invoice.invoice_id: 1999}
    async with world.work() as work:
        entry = books.written_off(world.account_id, "cmd-1", GIVEN_UP_AT, shares, "EUR", "no hope")
        assert await work.ledger.post(entry)
        await work.commit()
    text = invoice.number if named else "thank you"
    await world.take(camt054(Account((incoming(came, text, "R1"),))))
    if not named:
        (item,) = await world.items()
        await world.suspense.assign(Assignment(item.suspense_id, world.account_id, "Fenna", "she called"))
    async with world.work() as work:
        given_up = books.still_written_off(await work.ledger.entries(world.account_id))
        credit_minor = await work.ledger.credit_minor(world.account_id, "EUR")
    assert (sum(given_up.values()), await world.open_of(invoice), credit_minor) == (left, 0, 0)
