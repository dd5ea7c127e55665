"""A process that was lost begins again with all that the books say is open, and repeats nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from billing.domain.clock import NORMAL_TIME
from billing.domain.ledger import payment_received
from billing.messages.account import AccountState, CollectionStage
from billing.messages.dunning import CaseCommand, CloseCaseRequest, OpenCaseRequest
from billing.messages.invoicing import CloseAccountRequest
from billing.messages.payments import MethodKind, PaymentStatus
from billing.ports.barring import Order, OrderedService
from billing.ports.payments import Allocation, Attempt, AttemptPurpose
from billing.services.account_recovery import state_from_books
from billing.services.dunning import DunningService
from billing.services.dunning_policies import ensure_default
from tests.builders_invoicing import Office, an_office


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with an_office(database_url) as built:
        yield built


async def restored(office: Office, account_id: str) -> AccountState | None:
    async with office.work() as work:
        account = await work.accounts.get(account_id)
        return await state_from_books(work, account, NORMAL_TIME, 0, office.clock.now())


async def billed(office: Office) -> tuple[str, str]:
    """An account with a card and one issued invoice."""
    account, _ = await office.open_account()
    await office.a_method(account.account_id, MethodKind.CARD)
    issued = await office.issue(account.account_id)
    return account.account_id, issued.invoice_id


async def a_debit(office: Office, account_id: str, invoice_id: str, status: PaymentStatus, number: int) -> str:
    now = office.clock.now()
    attempt_id = f"{invoice_id}-{number}"
    is_live = status in (PaymentStatus.PENDING, PaymentStatus.UNKNOWN)
    attempt = Attempt(
        account_id,
        attempt_id,
        AttemptPurpose.DEBIT,
        "stripe",
        2420,
        "EUR",
        status,
        now,
        settled_at=None if is_live else now,
    )
    shares = [Allocation(account_id, attempt_id, invoice_id, 2420)] if is_live else []
    async with office.work() as work:
        await work.payments.add_attempt(attempt, shares)
        await work.commit()
    return attempt_id


async def test_a_new_account_begins_with_its_first_cycle_and_nothing_open(office: Office) -> None:
    account, _ = await office.open_account()
    state = await restored(office, account.account_id)
    assert state is not None
    assert (state.plan.cycle_number, state.collections, state.inbox) == (1, (), ())


async def test_an_announced_amount_is_taken_up_with_its_dates(office: Office) -> None:
    account_id, invoice_id = await billed(office)
    state = await restored(office, account_id)
    assert state is not None
    (collection,) = state.collections
    plan = await office.plan_of(account_id)
    assert (collection.invoice_ids, collection.amount_minor, collection.debits) == ((invoice_id,), 2420, True)
    assert (collection.stage, collection.debit_on) == (CollectionStage.ISSUED, plan.debit_on)
    assert state.plan.cycle_number == 2, "the next cycle is billed on its day, whatever is open"


async def test_money_under_way_is_asked_for_and_never_asked_twice(office: Office) -> None:
    account_id, invoice_id = await billed(office)
    attempt_id = await a_debit(office, account_id, invoice_id, PaymentStatus.PENDING, 7)
    state = await restored(office, account_id)
    assert state is not None
    assert [(one.stage, one.attempt_id) for one in state.collections] == [(CollectionStage.SUBMITTED, attempt_id)]
    assert state.attempts_made == 7, "no attempt's name is used again"


async def test_what_failed_is_with_dunning_which_is_looked_for(office: Office) -> None:
    account_id, invoice_id = await billed(office)
    await a_debit(office, account_id, invoice_id, PaymentStatus.FAILED, 1)
    state = await restored(office, account_id)
    assert state is not None
    assert [one.stage for one in state.collections] == [CollectionStage.OVERDUE]
    assert [(one.kind, one.subject) for one in state.inbox] == [("dunning_lost", "")]


async def test_an_open_case_is_looked_for_by_its_name(office: Office) -> None:
    account_id, invoice_id = await billed(office)
    case = await a_case(office, account_id, invoice_id)
    state = await restored(office, account_id)
    assert state is not None
    assert state.dunning_running
    assert [(one.kind, one.subject) for one in state.inbox] == [("dunning_lost", case)]


async def test_what_was_handed_over_is_not_pressed_for_again(office: Office) -> None:
    account_id, invoice_id = await billed(office)
    case = await a_case(office, account_id, invoice_id)
    dunning = DunningService(office.work, office.clock)
    await dunning.close_case(CloseCaseRequest(account_id, case, "handed_over"))
    state = await restored(office, account_id)
    assert state is not None
    assert (state.handed_over_case, state.dunning_running, state.inbox) == (case, False, ())


async def a_case(office: Office, account_id: str, invoice_id: str) -> str:
    await ensure_default(office.work, office.clock)
    return (
        await DunningService(office.work, office.clock).open_case(OpenCaseRequest(account_id, (invoice_id,)))
    ).case_id


async def test_paid_invoices_are_left_alone_and_orders_by_hand_are_counted_on(office: Office) -> None:
    account_id, invoice_id = await billed(office)
    now = office.clock.now()
    async with office.work() as work:
        shares = {invoice_id: 2420}
        await work.ledger.post(payment_received(account_id, "bank", "tx-1", now, 2420, "EUR", shares))
        await work.barring.add_order(Order(account_id, "hand-3", "outgoing", "fraud", "Robin", now), ())
        await work.commit()
    state = await restored(office, account_id)
    assert state is not None
    assert (state.collections, state.orders_placed) == ((), 3)


async def test_a_closing_account_whose_last_bill_is_out_only_waits_for_its_money(office: Office) -> None:
    account, _ = await office.open_account()
    account_id = account.account_id
    office.clock.at += timedelta(days=3)
    await office.service.close_account(CloseAccountRequest(account_id, "moves away", "Robin", "close-1"))
    closing = await restored(office, account_id)
    assert closing is not None
    assert (closing.closing, closing.last_bill_is_out) == (True, False)
    await office.issue(account_id)
    state = await restored(office, account_id)
    assert state is not None
    assert (state.closing, state.last_bill_is_out, len(state.collections)) == (True, True, 1)
    async with office.work() as work:
        await work.accounts.change(account_id, {"status": "closed"})
        await work.commit()
    assert await restored(office, account_id) is None


async def test_what_a_cap_stopped_is_looked_at_at_once(office: Office) -> None:
    account, service_id = await office.open_account()
    now = office.clock.now()
    async with office.work() as work:
        for number, level in enumerate(("stop:data", "stop:", "stop:sms"), 1):
            order = Order(account.account_id, f"limit-{number}", level, "a cap", "limits", now + timedelta(number))
            ordered = OrderedService(account.account_id, order.order_id, service_id, "+31612345678", "ordered")
            await work.barring.add_order(order, [ordered])
        await work.commit()
    state = await restored(office, account.account_id)
    assert state is not None
    assert (state.stops_review_at, state.orders_placed) == (now, 3)


async def _pay(office: Office, account_id: str, invoice_id: str, amount_minor: int) -> None:
    async with office.work() as work:
        now, shares = office.clock.now(), {invoice_id: amount_minor}
        await work.ledger.post(payment_received(account_id, "bank", "tx-1", now, amount_minor, "EUR", shares))
        await work.commit()


async def test_a_rest_that_is_carried_over_is_collected_with_the_next_invoice_only(office: Office) -> None:
    account_id, first = await billed(office)
    await a_debit(office, account_id, first, PaymentStatus.FAILED, 1)
    await _pay(office, account_id, first, 2400)
    alone = await restored(office, account_id)
    assert alone is not None
    assert (alone.collections, alone.inbox) == ((), ())
    second = (await office.issue(account_id, 2)).invoice_id
    state = await restored(office, account_id)
    assert state is not None
    (collection,) = state.collections
    assert (collection.invoice_ids, collection.amount_minor) == ((first, second), 2440)
    assert (collection.stage, state.inbox) == (CollectionStage.ISSUED, ())


async def test_what_was_promised_before_its_debit_waits_for_the_promise(office: Office) -> None:
    account_id, _ = await billed(office)
    await ensure_default(office.work, office.clock)
    pay_by = (office.clock.now() + timedelta(days=14)).date()
    command = CaseCommand(account_id, "promise_to_pay", "p-1", "Robin", "asked for", pay_by=pay_by)
    made = await DunningService(office.work, office.clock).change_case(command)
    state = await restored(office, account_id)
    assert state is not None
    assert [(one.stage, one.wake_at) for one in state.collections] == [(CollectionStage.ISSUED, made.until)]
