"""Credit goes back the way it came: as refunds of the newest payments, once per command, never more than is held."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from billing.domain.errors import NotFound, UnableTo
from billing.messages.payments import PaymentStatus, RefundRequest
from billing.services.credit_refunds import CreditPart, CreditRefunds, UnableToRefundCredit
from tests.builders_payments import TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty, timeout_seconds=5.0) as world:
        await world.a_card()
        yield world


async def _credited(till: TillWorld, amount_minor: int) -> str:
    """A payment whose invoice was credited by hand afterwards, so that the money is the customer's credit."""
    invoice = await till.an_announced_invoice(amount_minor)
    request = till.a_request(invoice, amount_minor=amount_minor)
    assert (await till.service.collect(request)).status == PaymentStatus.SUCCEEDED
    async with till.engine.begin() as connection:
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await connection.exec_driver_sql(
            "UPDATE ledger_postings SET ledger_account = 'customer_credit', invoice_id = NULL "
            f"WHERE ledger_account = 'receivable' AND amount_minor = -{amount_minor}"
        )
    return request.attempt_id


async def _refund(till: TillWorld, amount_minor: int, command_id: str) -> list[CreditPart]:
    """What the door does with the plan."""
    parts = await CreditRefunds(till.work).plan(till.account_id, amount_minor, command_id)
    for one in parts:
        await till.service.refund(_asked(till, one))
    return list(parts)


def _asked(till: TillWorld, part: CreditPart) -> RefundRequest:
    return RefundRequest(till.account_id, part.attempt_id, part.amount_minor, "why", "sanne", part.command_id)


async def _leave_credit(till: TillWorld, amount_minor: int) -> None:
    """All credit but this went elsewhere."""
    async with till.engine.begin() as connection:
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await connection.exec_driver_sql(
            f"UPDATE ledger_postings SET amount_minor = -{amount_minor} WHERE ledger_account = 'customer_credit'"
        )


async def test_all_credit_goes_back_on_the_newest_payments_first(till: TillWorld) -> None:
    older, newer = await _credited(till, 700), await _credited(till, 300)
    assert await till.credit() == 1000
    command = f"c-{till.simulator.port}-{id(till)}"
    name = f"{command}/{till.account_id}"
    assert await _refund(till, 0, command) == [
        CreditPart(newer, 300, f"{name}/1"),
        CreditPart(older, 700, f"{name}/2"),
    ]
    assert (await till.credit(), (await till.kinds()).count("refund_paid")) == (0, 2)


async def test_a_part_goes_back_once_per_command(till: TillWorld) -> None:
    await _credited(till, 700)
    command = f"c-{till.simulator.port}-{id(till)}"
    first = await _refund(till, 200, command)
    assert await _refund(till, 200, command) == first
    assert await till.credit() == 500
    await _refund(till, 200, f"{command}-again")
    assert (await till.credit(), (await till.kinds()).count("refund_paid")) == (300, 2)


@pytest.mark.parametrize(("amount_minor", "remedy"), [(701, "Credit of 7.00 EUR is held"), (0, "Credit of 0.00 EUR")])
async def test_no_more_than_is_held(till: TillWorld, amount_minor: int, remedy: str) -> None:
    if amount_minor:
        await _credited(till, 700)
    with pytest.raises(UnableToRefundCredit) as refused:
        await CreditRefunds(till.work).plan(till.account_id, amount_minor, "c1")
    assert remedy in refused.value.remedy


async def test_credit_that_came_by_no_payment_is_paid_out_by_hand(till: TillWorld) -> None:
    await _credited(till, 700)
    async with till.engine.begin() as connection:
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await connection.exec_driver_sql("UPDATE payment_attempts SET received_minor = 400")
    with pytest.raises(UnableToRefundCredit) as refused:
        await CreditRefunds(till.work).plan(till.account_id, 0, "c1")
    assert "Only 4.00 EUR of it came by payments" in refused.value.remedy
    with pytest.raises(NotFound):
        await CreditRefunds(till.work).plan("acc_1", 0, "c1")


async def test_two_people_who_give_the_same_credit_back_give_it_once(till: TillWorld) -> None:
    attempt = await _credited(till, 3000)
    await _leave_credit(till, 1000)
    desk, commands = CreditRefunds(till.work), [f"c{one}-{till.simulator.port}-{id(till)}" for one in (1, 2)]
    (first,), (second,) = [await desk.plan(till.account_id, 1000, command) for command in commands]
    assert (first.attempt_id, second.attempt_id) == (attempt, attempt)
    await till.service.refund(_asked(till, first))
    with pytest.raises(UnableTo, match=r"10\.00 EUR of credit are not there any more"):
        await till.service.refund(_asked(till, second))
    assert await till.credit() == 0


async def test_credit_that_an_invoice_used_after_the_plan_is_not_given_back(till: TillWorld) -> None:
    await _credited(till, 1000)
    (part,) = await CreditRefunds(till.work).plan(till.account_id, 1000, f"c-{till.simulator.port}-{id(till)}")
    await _leave_credit(till, 400)
    with pytest.raises(UnableTo) as refused:
        await till.service.refund(_asked(till, part))
    assert "4.00 EUR of credit are left" in refused.value.remedy


async def test_credit_that_a_refund_was_asked_for_is_not_free_any_more(till: TillWorld) -> None:
    await _credited(till, 700)
    till.simulator.fault("too_many_requests", path="/stripe/v1/refunds", count=1)
    await _refund(till, 500, f"c1-{till.simulator.port}-{id(till)}")
    with pytest.raises(UnableToRefundCredit) as refused:
        await CreditRefunds(till.work).plan(till.account_id, 500, f"c2-{till.simulator.port}-{id(till)}")
    assert "Credit of 2.00 EUR is held" in refused.value.remedy
