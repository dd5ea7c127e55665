"""Collecting by card and by debit: one charge, one entry, whatever is repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.messages.payments import PaymentStatus
from tests.builders_payments import TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty) as world:
        yield world


async def test_a_card_is_charged_and_the_invoice_is_paid(till: TillWorld) -> None:
    await till.a_card()
    invoice = await till.an_announced_invoice(4210)
    result = await till.service.collect(till.a_request(invoice))
    assert (result.status, result.received_minor, result.settled_invoice_ids) == ("succeeded", 4210, (invoice,))
    assert (await till.open_of(invoice), result.open_minor, await till.kinds()) == (0, 0, ["payment_received"])


async def test_the_same_request_again_charges_nothing_more(till: TillWorld) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    first = await till.service.collect(request)
    again = await till.service.collect(request)
    assert (first.status, again.status) == (PaymentStatus.SUCCEEDED, PaymentStatus.SUCCEEDED)
    assert (len(await till.charges()), await till.kinds()) == (1, ["payment_received"])
