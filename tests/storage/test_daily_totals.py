"""A provider's day beside the books: charged, refunded, charged back, and every movement that is booked otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from billing.adapters.stripe.reading import movement
from billing.domain import staff_cases as kinds
from billing.domain.errors import InvalidValue
from billing.messages.payments import PaymentStatus, RefundRequest
from billing.ports.payment_provider import CollectCommand, Movement, MovementKind
from billing.ports.provider_totals import ProviderTotals
from billing.services.daily_look import DailyLook
from billing.services.daily_totals import DailyTotals
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders
from billing.services.reconcile import Reconciler
from billing.services.webhook_inbox import WebhookInbox
from tests.builders_payments import RecordedProcess, TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    faulty.control("POST", "/reset")
    async with a_till(database_url, faulty, timeout_seconds=5.0) as world:
        await world.a_card()
        yield world


def totals_of(till: TillWorld, later: timedelta = timedelta(0)) -> DailyTotals:
    return DailyTotals(till.work, till.clock, {"stripe": till.provider}, lambda: datetime.now(UTC) + later)


async def today(till: TillWorld) -> ProviderTotals:
    (one,) = await totals_of(till).compare(datetime.now(UTC).date())
    return one


async def paid(till: TillWorld, amount_minor: int = 4210) -> str:
    request = till.a_request(await till.an_announced_invoice(amount_minor), amount_minor=amount_minor)
    assert (await till.service.collect(request)).status == PaymentStatus.SUCCEEDED
    return request.attempt_id


async def taken_unknown_to_us(till: TillWorld, amount_minor: int, account_id: str = "") -> str:
    """A payment that the provider made and the books never heard of."""
    (method,) = await till.methods.methods(till.account_id)
    attempt_id = f"inv_1-{uuid4()}"
    command = CollectCommand(
        account_id=account_id or till.account_id,
        attempt_id=attempt_id,
        idempotency_key=attempt_id,
        amount_minor=amount_minor,
        currency="EUR",
        kind=method.kind,
        provider_customer=method.provider_customer,
        provider_method=method.provider_method,
        submitted_on=till.today,
        due_date=till.today,
    )
    return (await till.provider.collect(command)).reference


async def lasting(till: TillWorld, kind: str) -> list[str]:
    async with till.work() as work:
        return [one.subject for one in await work.staff_cases.lasting(kind)]


async def test_a_day_that_was_booked_as_it_happened_agrees(till: TillWorld) -> None:
    attempt_id = await paid(till)
    await paid(till, 995)
    await till.service.refund(
        RefundRequest(till.account_id, attempt_id, amount_minor=210, reason="why", author="sanne")
    )
    one = await today(till)
    assert (one.charged_count, one.charged_minor, one.refunded_minor, one.disputed_minor) == (2, 5205, 210, 0)
    assert (one.booked_charged_minor, one.booked_refunded_minor, one.agrees) == (5205, 210, True)
    kept = replace(one, differences=[])
    assert await totals_of(till).totals(one.day) == [kept]
    assert await totals_of(till).totals() == [kept]


async def test_a_chargeback_counts_until_it_is_won(till: TillWorld) -> None:
    attempt_id = await paid(till)
    payment = await till.provider_payment(attempt_id)
    dispute = await till.control("POST", "/disputes", {"payment_intent": payment})
    await till.settle(attempt_id)
    one = await today(till)
    assert (one.disputed_minor, one.booked_disputed_minor, one.agrees) == (4210, 4210, True)
    await till.control("POST", f"/disputes/{dispute['id']}/close", {"outcome": "won"})
    await till.settle(attempt_id)
    one = await today(till)
    assert (one.disputed_minor, one.booked_disputed_minor, one.agrees) == (0, 0, True)


async def test_what_the_books_never_heard_of_is_a_case_until_it_is_booked(till: TillWorld) -> None:
    attempt_id = await paid(till)
    payment = await till.provider_payment(attempt_id)
    await till.control("POST", "/disputes", {"payment_intent": payment})
    one = await today(till)
    assert (one.disputed_minor, one.booked_disputed_minor, len(one.differences)) == (4210, 0, 1)
    assert (one.differences[0]["kind"], one.differences[0]["booked_minor"]) == ("dispute", None)
    assert await lasting(till, kinds.DAILY_TOTALS_DIFFER) == [f"stripe/{one.day}/EUR"]
    (subject,) = await lasting(till, kinds.PROVIDER_DIFFERENCE)
    assert subject.startswith("stripe/dispute/du_")
    await till.settle(attempt_id)
    assert (await today(till)).agrees
    assert await lasting(till, kinds.DAILY_TOTALS_DIFFER) == await lasting(till, kinds.PROVIDER_DIFFERENCE) == []


async def test_what_another_system_took_is_counted_apart(till: TillWorld) -> None:
    await paid(till)
    await taken_unknown_to_us(till, 700, account_id="somebody")
    one = await today(till)
    assert (one.charged_minor, one.foreign_minor, one.agrees) == (4210, 700, True)


async def test_what_only_the_books_have_is_found_too(till: TillWorld) -> None:
    payment = await till.provider_payment(await paid(till))
    async with till.engine.begin() as connection:
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await connection.exec_driver_sql("UPDATE ledger_entries SET reference = 'pi_never' WHERE provider = 'stripe'")
    one = await today(till)
    assert (one.charged_minor, one.booked_charged_minor, one.only_in_books_minor) == (4210, 0, 4210)
    assert {each["reference"]: (each["provider_minor"], each["booked_minor"]) for each in one.differences} == {
        payment: (4210, None),
        "pi_never": (None, 4210),
    }


async def test_a_difference_seen_within_the_day_closes_when_it_is_booked(till: TillWorld) -> None:
    told: Any = RecordedProcess()
    inbox = WebhookInbox(
        till.work,
        told,
        {"stripe": till.provider},
        MethodService(till.work, till.clock, PaymentProviders(till.provider)),
        till.outcomes(told),
    )
    reconciler = Reconciler(
        till.work, inbox, {"stripe": till.provider}, lambda: datetime.now(UTC) + timedelta(hours=1, seconds=2)
    )
    unheard = await taken_unknown_to_us(till, 995)
    assert len((await reconciler.compare()).alarms) == 1
    assert await lasting(till, kinds.PROVIDER_DIFFERENCE) == [f"stripe/charge/{unheard}"]
    assert await reconciler.recheck() == 0
    async with till.engine.begin() as connection:
        await connection.exec_driver_sql(
            f"WITH e AS (INSERT INTO ledger_entries (account_id, kind, at, provider, reference, reason) VALUES "
            f"({till.account_id[4:]}, 'payment_received', now(), 'stripe', '{unheard}', '') RETURNING *) "
            "INSERT INTO ledger_postings SELECT account_id, entry_id, p, a, m, 'EUR' FROM e, "
            "(VALUES (1, 'cash', 995), (2, 'customer_credit', -995)) AS v(p, a, m)"
        )
    assert await reconciler.recheck() == 1
    assert await lasting(till, kinds.PROVIDER_DIFFERENCE) == []


async def test_upkeep_compares_yesterday_once_it_is_over(till: TillWorld) -> None:
    await paid(till)
    at = datetime.now(UTC).replace(hour=1)
    look = DailyLook(till.work, totals_of(till, timedelta(days=1)), lambda: at + timedelta(days=1))
    assert await look.look_after() == 0
    at = at.replace(hour=3)
    assert (await look.look_after(), await look.look_after()) == (1, 0)
    (one,) = await totals_of(till).totals()
    assert (one.day, one.charged_minor) == (datetime.now(UTC).date(), 4210)


async def test_a_day_to_come_and_a_provider_there_is_not_are_refused(till: TillWorld) -> None:
    with pytest.raises(InvalidValue, match="cannot be compared"):
        await totals_of(till).compare(datetime.now(UTC).date() + timedelta(days=1))
    with pytest.raises(InvalidValue, match="No such payment provider"):
        await totals_of(till).compare(datetime.now(UTC).date(), "nobody")


AT = 1_800_000_000
CHARGE = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "amount_captured": 4210, "currency": "eur",
          "metadata": {"account_id": "acc_1001"}}  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "read"),
    [
        (
            {"id": "txn_1", "type": "charge", "amount": 4210, "fee": 84, "currency": "eur", "source": CHARGE},
            (MovementKind.CHARGE, "pi_1", "pi_1", 4210, "EUR", 84, "EUR"),
        ),
        (
            {"id": "txn_2", "type": "refund_failure", "amount": 210, "fee": 0, "currency": "eur",
             "source": {"id": "re_1", "object": "refund", "amount": 210, "currency": "eur", "payment_intent": "pi_1"}},
            (MovementKind.REFUND_FAILED, "re_1", "pi_1", 210, "EUR", 0, "EUR"),
        ),
        (
            {"id": "txn_3", "type": "adjustment", "amount": -4210, "fee": 2000, "currency": "eur",
             "source": {"id": "du_1", "object": "dispute", "amount": 4210, "currency": "eur", "charge": "pi_1"}},
            (MovementKind.DISPUTE, "du_1", "pi_1", 4210, "EUR", 2000, "EUR"),
        ),
        (
            {"id": "txn_4", "type": "stripe_fee", "amount": -150, "fee": 0, "currency": "eur", "source": None},
            (MovementKind.FEE, "txn_4", "", 150, "EUR", 0, ""),
        ),
        ({"id": "txn_5", "type": "adjustment", "amount": 5, "currency": "eur", "source": {"object": "transfer",
          "id": "tr_1", "currency": "eur"}}, None),
    ],
)  # fmt: skip
def test_a_movement_of_the_balance_is_read_with_its_fee(entry: dict[str, Any], read: tuple[Any, ...] | None) -> None:
    moved = movement(entry | {"created": AT})
    if read is None or moved is None:
        assert moved is read
        return
    assert isinstance(moved, Movement)
    assert (
        moved.kind, moved.reference, moved.payment, moved.amount_minor, moved.currency, moved.fee_minor,
        moved.fee_currency,
    ) == read  # fmt: skip
