"""Money back, the whole circle with the simulated bank: ordered, filed, carried out or not, and the books follow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billing.domain.ledger import EntryKind, payment_received
from billing.messages.payments import RefundRequest
from billing.ports.bank_payouts import Payout, PayoutFilter
from billing.ports.suspense import SuspenseFilter
from billing.services.bank_payouts import NewPayout
from tests.builders_bank_circle import Circle, a_circle
from tests.builders_bank_files import an_iban
from tests.builders_bank_till import MAKE_AT
from tests.contracts.simulator_process import Listener

pytest_plugins = ["tests.contracts.simulator_fixtures"]
DEBIT_EVENING = datetime(2027, 3, 22, 20, tzinfo=UTC)
# Two hours before the cut-off of the day on which the refund is asked for.
REFUND_FILED = datetime(2027, 3, 23, 11, tzinfo=UTC)


@pytest.fixture
async def circle(database_url: str, tmp_path: Path, listener: Listener) -> AsyncIterator[Circle]:
    async with a_circle(database_url, tmp_path, listener) as found:
        yield found


async def the_payout(circle: Circle) -> Payout:
    async with circle.bank.till.work() as work:
        (found,) = await work.bank_payouts.all(PayoutFilter())
    return found


async def credit_of(circle: Circle) -> int:
    async with circle.bank.till.work() as work:
        return await work.ledger.credit_minor(circle.bank.till.account_id, "EUR")


async def with_credit(circle: Circle, minor: int = 1500) -> None:
    account_id = circle.bank.till.account_id
    async with circle.bank.till.work() as work:
        at = circle.bank.till.clock.now()
        await work.ledger.post(payment_received(account_id, "stripe", "pi_1", at, minor, "EUR", {}))
        await work.commit()


async def pay_out(circle: Circle, code: str) -> Payout:
    """Credit that is on its way to the account with this behaviour."""
    wanted = NewPayout("cmd-1", "Kim", "left us", 1500, an_iban(code), "Sanne de Vries")
    payout = await circle.bank.payouts.order(circle.bank.till.account_id, wanted)
    circle.until(circle.bank.till.clock.now().replace(hour=11))
    assert (await circle.bank.round.look_after()).count == 1
    await circle.hear("pain002")  # before its time passes, the bank has taken the file
    return payout


async def test_a_refund_of_a_debit_goes_back_to_the_account_that_was_debited(circle: Circle) -> None:
    await circle.bank.store(iban=an_iban("99"))
    pending = await circle.bank.collect()
    circle.until(MAKE_AT)
    await circle.bank.round.look_after()
    await circle.hear("pain002")
    circle.until(DEBIT_EVENING)
    await circle.hear("camt054")
    circle.until(REFUND_FILED - timedelta(hours=3))
    request = RefundRequest(circle.bank.till.account_id, str(pending.attempt_id), 1000, "goodwill", "Kim", "cmd-1")
    assert "pending" in (await circle.bank.till.service.refund(request)).explanation
    assert (await the_payout(circle)).status == "waiting"
    circle.until(REFUND_FILED)
    assert (await circle.bank.round.look_after()).count == 1
    await circle.hear("pain002", 2)  # before its time passes, the bank has taken the file
    circle.until(REFUND_FILED + timedelta(hours=9))
    await circle.hear("camt053", 2)
    payout = await the_payout(circle)
    assert (payout.status, payout.last_four, payout.amount_minor) == ("paid", an_iban("99")[-4:], 1000)
    assert await circle.ledger(EntryKind.REFUND_PAID) == [-1000]
    async with circle.bank.till.work() as work:
        refund = await work.payments.refund(payout.account_id, "cmd-1")
    assert refund is not None
    assert refund.status == "succeeded"
    assert await circle.suspense.items(SuspenseFilter()) == []


async def test_credit_is_paid_out_to_an_account_that_the_customer_told(circle: Circle) -> None:
    await with_credit(circle)
    await pay_out(circle, "99")
    assert await credit_of(circle) == 0
    circle.until(circle.bank.till.clock.now().replace(hour=20))
    await circle.hear("camt053")
    assert ((await the_payout(circle)).status, await credit_of(circle)) == ("paid", 0)


async def test_a_payout_that_the_bank_refuses_is_credit_again(circle: Circle) -> None:
    await with_credit(circle)
    await pay_out(circle, "11")
    payout = await the_payout(circle)
    assert (payout.status, payout.reason_code, await credit_of(circle)) == ("rejected", "AC04", 1500)


async def test_a_payout_that_comes_back_is_credit_again(circle: Circle) -> None:
    await with_credit(circle)
    await pay_out(circle, "23")
    circle.until(circle.bank.till.clock.now().replace(hour=20))
    await circle.hear("camt053")
    assert (await the_payout(circle)).status == "paid"
    circle.until(circle.bank.till.clock.now() + timedelta(days=5))
    await circle.hear("camt053", 2)
    payout = await the_payout(circle)
    assert (payout.status, payout.reason_code, await credit_of(circle)) == ("returned", "AC06", 1500)
    assert await circle.suspense.items(SuspenseFilter()) == []
