"""What a customer reads about money: what is asked for and when, with a plan, a hold, several bills, another debit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from billing.messages.notices import NoticeKind
from billing.ports.notices import NewNotice, NoticeKey, NoticeStatus
from billing.services.customer_money import CustomerMoney, DuePart, MoneyNow
from tests.builders_payments import TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]
DAY = timedelta(days=1)


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty) as world:
        world.clock.at = datetime(2027, 2, 1, 12, tzinfo=UTC)
        yield world


async def now(till: TillWorld) -> MoneyNow:
    async with till.work() as work:
        account = await work.accounts.get(till.account_id)
        brand = await work.accounts.brand(account.brand)
    return await CustomerMoney(till.work, till.clock, till.sessions).now(account, brand)


async def a_plan(till: TillWorld, invoice_id: str, *instalments: tuple[date, int]) -> None:
    listed = [
        {"number": place, "due_on": on.isoformat(), "amount_minor": amount}
        for place, (on, amount) in enumerate(instalments, start=1)
    ]
    async with till.work() as work:
        await work.arrangements.add_plan(
            {
                "account_id": till.account_id,
                "command_id": "plan-1",
                "invoice_ids": [invoice_id],
                "total_minor": sum(amount for _, amount in instalments),
                "currency": "EUR",
                "paid_by": "paylink",
                "instalments": listed,
                "status": "running",
                "rests_case": True,
                "made_at": till.clock.now(),
                "author": "customer",
                "reason": "",
            }
        )
        await work.commit()


async def told_of_retry(till: TillWorld, invoice_id: str, on: date) -> None:
    async with till.work() as work:
        key = NoticeKey(till.account_id, invoice_id, NoticeKind.RETRY, str(on), "email")
        given = (NoticeStatus.ACCEPTED, "sanne@example.com", "en", till.clock.now(), 4210, "EUR", on, (invoice_id,))
        await work.notices.add(NewNotice(key, *given))
        await work.commit()


async def test_of_a_running_plan_the_next_instalment_is_asked_for_and_nothing_is_overdue(till: TillWorld) -> None:
    till.clock.at = till.clock.now() - 30 * DAY
    invoice = await till.an_invoice(4210)
    till.clock.at += 30 * DAY
    assert (await now(till)).is_overdue
    await a_plan(till, invoice, (date(2027, 2, 10), 2105), (date(2027, 3, 10), 2105))
    money = await now(till)
    assert money.instalment == DuePart(date(2027, 2, 10), 2105, is_instalment=True)
    assert (money.to_pay_minor, money.payable_minor, money.open_minor) == (2105, 2105, 4210)
    assert not money.is_overdue
    till.clock.at += 20 * DAY
    assert (await now(till)).is_overdue


async def test_each_date_has_its_own_amount(till: TillWorld) -> None:
    await till.an_invoice(4210)
    till.clock.at += 3 * DAY
    await till.an_invoice(1000)
    await till.an_invoice(500)
    money = await now(till)
    assert money.parts == [
        DuePart(date(2027, 2, 1), 4210, is_overdue=True),
        DuePart(date(2027, 2, 4), 1500),
    ]
    assert money.to_pay_minor == 5710


@pytest.mark.parametrize("change", [{"paused": True}, {"hold_until": datetime(2027, 3, 1, tzinfo=UTC)}])
async def test_a_pause_or_hold_is_said_for_no_debit_is_made(till: TillWorld, change: dict[str, object]) -> None:
    await till.an_invoice(4210)
    assert not (await now(till)).is_held
    async with till.work() as work:
        await work.accounts.change(till.account_id, change)
        await work.commit()
    assert (await now(till)).is_held
    till.clock.at = datetime(2027, 3, 2, tzinfo=UTC)
    assert (await now(till)).is_held == ("paused" in change)


async def test_the_announced_date_of_another_debit_is_said_until_it_has_passed(till: TillWorld) -> None:
    invoice = await till.an_invoice(4210)
    await told_of_retry(till, invoice, date(2027, 2, 6))
    till.clock.at += 2 * DAY
    assert (await now(till)).again_on == date(2027, 2, 6)
    till.clock.at += 5 * DAY
    assert (await now(till)).again_on is None
