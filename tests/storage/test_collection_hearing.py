"""Webhooks as the simulator really signs and sends them, doubled, lost and late: what is true is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from billing.messages.payments import PaymentStatus
from billing.messages.upkeep import UpkeepState
from billing.ports.accounts import Account
from billing.ports.payments import InboxStatus, MethodStatus, PaymentMethod
from billing.services.accounts import AccountService
from billing.services.payment_methods import MethodService, UnableToUseMethod
from billing.services.payment_providers import PaymentProviders
from billing.services.upkeep import Repairs, UpkeepService
from billing.services.webhook_inbox import WebhookInbox
from tests.builders_collection import GOOD_CARD, CollectionWorld, a_collection
from tests.builders_payments import RecordedProcess
from tests.contracts.simulator_process import Callback, Listener, Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]
FIFTEEN_MINUTES = 900


@pytest.fixture
async def world(database_url: str, faulty: Simulator) -> AsyncIterator[CollectionWorld]:
    async with a_collection(database_url, faulty, timeout_seconds=2.0) as made:
        yield made


@pytest.fixture
def process() -> RecordedProcess:
    return RecordedProcess()


@pytest.fixture
def inbox(world: CollectionWorld, process: RecordedProcess) -> WebhookInbox:
    till, told = world.till, _as_any(process)
    methods = MethodService(till.work, till.clock, PaymentProviders(till.provider), told)
    return WebhookInbox(till.work, told, {"stripe": till.provider}, methods, till.outcomes(told))


def _as_any(made: Any) -> Any:
    return made


class NoAccountIsMissing:
    """Every account has its workflow."""

    async def accounts_without_workflow(self) -> list[Account]:
        return []


def _upkeep(world: CollectionWorld, inbox: WebhookInbox, process: RecordedProcess) -> UpkeepService:
    """Upkeep as it runs beside the accounts' processes."""

    async def deliver() -> int:
        return await inbox.read_missed(datetime.now(UTC)) + await inbox.deliver_undelivered()

    async def nothing() -> int:
        return 0

    till, told = world.till, _as_any(process)
    repairs = Repairs(deliver, nothing, nothing, world.notices.send_waiting)
    accounts = AccountService(till.work, till.clock, told)
    return UpkeepService(till.work, till.clock, told, accounts, NoAccountIsMissing(), repairs, till.outcomes(told))


async def _a_pending_debit(world: CollectionWorld) -> str:
    await world.till.a_bank_account()
    return (await world.debit(await world.till.an_announced_invoice(4210))).attempt_id


async def _the_bank_pays(world: CollectionWorld, attempt_id: str) -> str:
    payment = await world.till.provider_payment(attempt_id)
    await world.till.control("POST", "/settle", {"payment_intent": payment})
    return payment


def _asked_about(process: RecordedProcess, attempt_id: str) -> int:
    return sum(fact.attempt_id == attempt_id for _, signal, fact in process.signals if "outcome" in signal)


# Words that come twice, late, or never ------------------------------------------------------------------------------


async def test_scenario_1_a_webhook_sent_twice_and_taken_at_once_is_passed_on_and_booked_once(
    world: CollectionWorld, inbox: WebhookInbox, process: RecordedProcess, listener: Listener
) -> None:
    attempt_id = await _a_pending_debit(world)
    world.till.simulator.fault("webhook_duplicate", vendor="stripe", event_type="payment_intent.succeeded")
    payment = await _the_bank_pays(world, attempt_id)
    calls = await asyncio.to_thread(_wait_for_two, listener, payment)
    rows = await asyncio.gather(*[inbox.receive("stripe", call.body, call.headers) for call in calls * 2])
    new = [row for row in rows if row is not None]
    assert (len(calls), len(new)) == (2, 1)
    await inbox.pass_on(new[0])
    for _ in range(_asked_about(process, attempt_id) + 1):
        await world.till.settle(attempt_id)
    assert (_asked_about(process, attempt_id), await world.till.kinds()) == (1, ["payment_received"])


def _wait_for_two(listener: Listener, payment: str) -> list[Callback]:
    """Both sendings of the success, each signed for itself."""

    def is_it(call: Callback) -> bool:
        kind = b"payment_intent.succeeded"
        return call.path == "/stripe" and kind in call.body and call.json["data"]["object"]["id"] == payment

    first = listener.wait_for_call("/stripe", is_it)
    second = listener.wait_for_call("/stripe", lambda call: is_it(call) and call is not first)
    return [first, second]


async def test_scenario_3_upkeep_finds_within_fifteen_minutes_what_no_webhook_told(
    world: CollectionWorld, inbox: WebhookInbox, process: RecordedProcess, listener: Listener
) -> None:
    world.till.simulator.fault("webhook_drop", vendor="stripe")
    attempt_id = await _a_pending_debit(world)
    payment = await _the_bank_pays(world, attempt_id)
    await _upkeep(world, inbox, process).mend()
    assert (_asked_about(process, attempt_id) > 0, listener.events(payment)) == (True, [])
    assert UpkeepState().interval_seconds <= FIFTEEN_MINUTES
    paid = await world.till.settle(attempt_id)
    assert (paid.status, await world.till.kinds()) == (PaymentStatus.SUCCEEDED, ["payment_received"])


async def test_scenario_3_a_debit_past_its_date_is_asked_about_though_no_event_names_it(
    world: CollectionWorld, process: RecordedProcess
) -> None:
    attempt_id = await _a_pending_debit(world)
    deaf = _as_any(DeafInbox())
    await _upkeep(world, deaf, process).mend()
    assert process.signals == []
    world.pass_days(40)
    await _upkeep(world, deaf, process).mend()
    assert _asked_about(process, attempt_id) == 1
    await _the_bank_pays(world, attempt_id)
    assert (await world.till.settle(attempt_id)).status == PaymentStatus.SUCCEEDED
    process.signals.clear()
    await _upkeep(world, deaf, process).mend()
    assert process.signals == []


class DeafInbox:
    """The provider's list of events shows nothing either."""

    async def read_missed(self, now: datetime) -> int:
        return 0

    async def deliver_undelivered(self) -> int:
        return 0


async def _a_card_from_the_setup_page(world: CollectionWorld, listener: Listener) -> tuple[PaymentMethod, Callback]:
    """A card stored when the customer came back from the page, and the webhook about it, not yet taken."""
    till, address = world.till, "https://pay.vonk.example/done"
    page = await till.methods.start_setup(world.account_id, address, address)
    async with httpx.AsyncClient(trust_env=False) as browser:
        await browser.post(page.url, data={**GOOD_CARD, "name": "Sanne de Vries", "action": "pay"}, timeout=20)
    card = await till.methods.complete_setup(world.account_id, page.reference, "customer")
    assert card is not None

    def is_it(call: Callback) -> bool:
        return call.json["type"] == "setup_intent.succeeded" and card.provider_method.encode() in call.body

    return card, await asyncio.to_thread(listener.wait_for_call, "/stripe", is_it)


async def _hear(inbox: WebhookInbox, call: Callback) -> InboxStatus:
    row = await inbox.receive("stripe", call.body, call.headers)
    assert row is not None
    return await inbox.dispatch(row)


async def test_scenario_13_a_late_webhook_brings_no_blocked_card_back(
    world: CollectionWorld, inbox: WebhookInbox, listener: Listener
) -> None:
    card, late = await _a_card_from_the_setup_page(world, listener)
    await world.script(card, "stolen_card")
    invoice = await world.till.an_announced_invoice(4210)
    assert (await world.debit(invoice)).category == "hard_stop"
    assert await _hear(inbox, late) == InboxStatus.HANDLED
    (stored,) = await world.till.methods.methods(world.account_id)
    assert (stored.status, stored.method_id) == (MethodStatus.BLOCKED, card.method_id)
    assert (await world.debit(invoice)).status == PaymentStatus.METHOD_MISSING


async def test_scenario_13_a_blocked_card_cannot_be_put_in_use_by_storing_it_again(world: CollectionWorld) -> None:
    card = await world.till.a_card()
    await world.script(card, "lost_card")
    await world.debit(await world.till.an_announced_invoice(4210))
    with pytest.raises(UnableToUseMethod, match="blocked"):
        await world.till.a_card(card.provider_method)


async def test_a_stored_card_that_is_named_again_is_in_use_again(world: CollectionWorld) -> None:
    first, second = await world.till.a_card(), await world.till.a_card("pm_card_mastercard")
    again = await world.till.a_card(first.provider_method)
    assert (again.method_id, again.is_default, second.is_default) == (first.method_id, True, True)
    in_use = [one.method_id for one in await world.till.methods.methods(world.account_id) if one.is_default]
    assert in_use == [first.method_id]


async def test_a_late_webhook_about_an_older_card_does_not_put_it_in_use_again(
    world: CollectionWorld, inbox: WebhookInbox, listener: Listener
) -> None:
    _, late = await _a_card_from_the_setup_page(world, listener)
    newer = await world.till.a_card("pm_card_mastercard")
    await _hear(inbox, late)
    in_use = [one.method_id for one in await world.till.methods.methods(world.account_id) if one.is_default]
    assert in_use == [newer.method_id]


async def test_a_late_webhook_brings_no_removed_card_back(
    world: CollectionWorld, inbox: WebhookInbox, listener: Listener
) -> None:
    card, late = await _a_card_from_the_setup_page(world, listener)
    await world.till.methods.remove(world.account_id, card.method_id, "customer")
    await _hear(inbox, late)
    assert await world.till.methods.methods(world.account_id) == []
