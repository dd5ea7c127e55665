"""A customer pays a part of what is open: the oldest invoices first, on one page at a time, never more than is open."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.messages.payments import PaySession, PaySessionRequest
from tests.builders_payments import TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty) as world:
        yield world


async def opens(till: TillWorld, attempt_id: str, amount_minor: int) -> PaySession:
    """A page for a part."""
    request = PaySessionRequest(till.account_id, f"{attempt_id}-{id(till)}", amount_minor=amount_minor)
    return await till.service.open_pay_session(request)


async def held(till: TillWorld, session: PaySession) -> list[tuple[str, int]]:
    async with till.work() as work:
        allocated = await work.payments.allocations(till.account_id, session.attempt_id)
    return [(one.invoice_id, one.amount_minor) for one in allocated]


async def test_the_oldest_invoices_are_paid_first(till: TillWorld) -> None:
    old, new = await till.an_invoice(1000), await till.an_invoice(2000)
    session = await opens(till, "part", 1500)
    assert (session.amount_minor, bool(session.url)) == (1500, True)
    assert sorted(await held(till, session)) == sorted([(old, 1000), (new, 500)])


async def test_the_same_part_again_is_the_same_page_and_another_part_another(till: TillWorld) -> None:
    await till.an_invoice(4210)
    first = await opens(till, "first", 1500)
    again = await opens(till, "again", 1500)
    other = await opens(till, "other", 2000)
    everything = await opens(till, "everything", 0)
    assert again == first
    assert len({first.url, other.url, everything.url}) == 3
    assert (other.amount_minor, everything.amount_minor) == (2000, 4210)


@pytest.mark.parametrize(("amount_minor", "said"), [(4211, "more than is open"), (49, "too small")])
async def test_more_than_is_open_and_too_little_open_no_page(till: TillWorld, amount_minor: int, said: str) -> None:
    await till.an_invoice(4210)
    session = await opens(till, "wrong", amount_minor)
    assert (session.url, said in session.reason) == ("", True)


@pytest.mark.parametrize(("amount_minor", "is_opened"), [(4190, False), (4161, False), (4160, True), (4210, True)])
async def test_a_part_leaves_nothing_or_enough_to_be_paid(till: TillWorld, amount_minor: int, is_opened: bool) -> None:
    await till.an_invoice(4210)
    session = await opens(till, "part", amount_minor)
    assert (bool(session.url), "too little" in session.reason) == (is_opened, not is_opened)
