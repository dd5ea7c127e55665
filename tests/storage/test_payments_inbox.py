"""Webhooks are hints: stored once, passed on, and never believed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import stripe

from billing.domain.errors import NotFound
from billing.messages.payments import PaymentStatus
from billing.ports.payment_provider import ProviderEvent, UntrustedWebhook
from billing.ports.payments import InboxRow, InboxStatus
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders
from billing.services.webhook_inbox import InboxIsFull, WebhookInbox
from tests.builders_payments import RecordedProcess, TillWorld, a_till
from tests.contracts.simulator_process import WEBHOOK_SECRET, Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty, timeout_seconds=2.0) as world:
        yield world


@pytest.fixture
def process() -> RecordedProcess:
    return RecordedProcess()


@pytest.fixture
def inbox(till: TillWorld, process: RecordedProcess) -> WebhookInbox:
    told: Any = process
    methods = MethodService(till.work, till.clock, PaymentProviders(till.provider), told)
    return WebhookInbox(till.work, told, {"stripe": till.provider}, methods, till.outcomes(told))


def _webhook(kind: str, subject: dict[str, Any], event_id: str = "") -> tuple[bytes, dict[str, str]]:
    event = {"id": event_id or f"evt_{uuid4()}", "type": kind, "created": int(time.time()), "data": {"object": subject}}
    body = json.dumps(event).encode()
    return body, {"Stripe-Signature": stripe.WebhookSignature.generate_signature_header(body.decode(), WEBHOOK_SECRET)}


async def _hear(inbox: WebhookInbox, kind: str, subject: dict[str, Any], event_id: str = "") -> InboxRow | None:
    return await inbox.receive("stripe", *_webhook(kind, subject, event_id))


def _intent(till: TillWorld, attempt_id: str, payment: str = "pi_unheard") -> dict[str, Any]:
    metadata = {"account_id": till.account_id, "attempt_id": attempt_id}
    return {"id": payment, "object": "payment_intent", "metadata": metadata}


async def _pending(till: TillWorld) -> str:
    await till.a_bank_account()
    request = till.a_request(await till.an_announced_invoice(4210, lead_days=5), lead_days=5)
    await till.service.collect(request)
    return request.attempt_id


async def test_scenario_1_the_same_webhook_twice_and_at_once_is_one_row_and_one_signal(
    till: TillWorld, inbox: WebhookInbox, process: RecordedProcess
) -> None:
    attempt_id = await _pending(till)
    intent = _intent(till, attempt_id)
    rows = await asyncio.gather(*[_hear(inbox, "payment_intent.succeeded", intent, "evt_same") for _ in range(4)])
    new = [row for row in rows if row is not None]
    assert len(new) == 1
    assert await inbox.dispatch(new[0]) == InboxStatus.DELIVERED
    workflow, signal, fact = process.signals[0]
    assert (workflow, signal) == ("account/vonk/A100001", "payment_outcome_received")
    assert (fact.message_id, fact.attempt_id, len(process.signals)) == ("evt_same", attempt_id, 1)


async def test_scenario_2_webhooks_out_of_order_never_move_a_payment_back(
    till: TillWorld, inbox: WebhookInbox, process: RecordedProcess
) -> None:
    attempt_id = await _pending(till)
    payment = await till.provider_payment(attempt_id)
    await till.control("POST", "/settle", {"payment_intent": payment})
    await till.settle(attempt_id)
    row = await _hear(inbox, "payment_intent.processing", _intent(till, attempt_id, payment))
    assert row is not None
    assert await inbox.dispatch(row) == InboxStatus.HANDLED
    assert process.signals == []
    assert (await till.settle(attempt_id)).status == PaymentStatus.SUCCEEDED


async def test_scenario_3_a_webhook_lost_for_ever_is_found_by_asking(
    till: TillWorld, inbox: WebhookInbox, process: RecordedProcess
) -> None:
    attempt_id = await _pending(till)
    await till.control("POST", "/settle", {"payment_intent": await till.provider_payment(attempt_id)})
    assert await inbox.read_missed(datetime.now(UTC)) > 0
    assert await inbox.read_missed(datetime.now(UTC)) == 0
    assert await inbox.deliver_undelivered() > 0
    assert attempt_id in {fact.attempt_id for _, signal, fact in process.signals if "outcome" in signal}


@dataclass
class Listing:
    """A provider that only has a list of events, and may break off while it is read."""

    events: list[ProviderEvent] = field(default_factory=list)
    breaks_after: int = 1000

    async def list_events(self, since: datetime) -> AsyncIterator[ProviderEvent]:
        for place, event in enumerate(one for one in self.events if one.created_at >= since):
            if place >= self.breaks_after:
                raise TimeoutError("the provider is away")
            yield event


async def test_scenario_3_what_was_lost_long_before_the_newest_webhook_is_found(
    till: TillWorld, process: RecordedProcess
) -> None:
    """Upkeep is away for hours; a webhook is lost at their beginning, and a newer one arrives."""
    began = datetime.now(UTC)
    listing: Any = Listing()
    methods: Any = None
    told: Any = process
    inbox = WebhookInbox(till.work, told, {"listing": listing}, methods, till.outcomes(told))
    assert await inbox.read_missed(began) == 0
    lost = ProviderEvent("evt_lost", "charge.dispute.created", "dp_1", began + timedelta(minutes=10))
    heard = ProviderEvent("evt_heard", "charge.succeeded", "ch_1", began + timedelta(hours=3))
    listing.events = [heard, lost]
    assert await inbox.take_in("listing", heard) is not None
    listing.breaks_after = 1
    with pytest.raises(TimeoutError):
        await inbox.read_missed(began + timedelta(hours=3))
    listing.breaks_after = 1000
    events = await inbox.take_in_missed(began + timedelta(hours=4))
    assert [one.event_id for one in events] == ["evt_lost"]
    async with till.work() as work:
        assert await work.payments.events_read_until("listing") == began + timedelta(hours=4)
        await work.payments.note_events_read("listing", began)
        assert await work.payments.events_read_until("listing") == began + timedelta(hours=4)


async def test_scenario_3_a_pending_payment_past_its_date_is_asked_about(till: TillWorld) -> None:
    attempt_id = await _pending(till)
    assert await _to_ask(till) == []
    till.clock.at = datetime.now(UTC) + timedelta(days=40)
    assert await _to_ask(till) == [attempt_id]
    await till.settle(attempt_id)
    assert await _to_ask(till) == []


async def _to_ask(till: TillWorld) -> list[str]:
    async with till.work() as work:
        return [one.attempt_id for one in await work.payments.attempts_to_ask(till.clock.now())]


async def test_scenario_4_a_webhook_before_our_call_returned_finds_its_attempt(
    till: TillWorld, inbox: WebhookInbox, process: RecordedProcess
) -> None:
    await till.a_card()
    request = till.a_request(await till.an_announced_invoice(4210))
    till.simulator.fault("hang_after_commit", path="/stripe/v1/payment_intents", method="POST", count=1, seconds=4)
    calling = asyncio.create_task(till.service.collect(request))
    await asyncio.sleep(1)
    row = await _hear(inbox, "payment_intent.succeeded", _intent(till, request.attempt_id))
    assert row is not None
    assert await inbox.dispatch(row) == InboxStatus.DELIVERED
    heard = await till.settle(process.signals[0][2].attempt_id)
    late = await calling
    assert (heard.status, late.status) == (PaymentStatus.SUCCEEDED, PaymentStatus.SUCCEEDED)
    assert (len(await till.charges()), await till.kinds()) == (1, ["payment_received"])


@pytest.mark.parametrize(
    "metadata", [{}, {"account_id": "acc_999999", "attempt_id": "x"}, {"account_id": "somebody", "attempt_id": "x"}]
)
async def test_scenario_5_a_webhook_about_an_unknown_object_is_parked_and_counted(
    till: TillWorld, inbox: WebhookInbox, process: RecordedProcess, metadata: dict[str, str]
) -> None:
    subject = {"id": "pi_foreign", "object": "payment_intent", "metadata": metadata}
    row = await _hear(inbox, "payment_intent.succeeded", subject)
    assert row is not None
    assert await inbox.dispatch(row) == InboxStatus.PARKED
    assert (await inbox.counts(), process.signals, await till.kinds()) == ({"parked": 1}, [], [])


async def test_scenario_6_nothing_is_stored_of_a_webhook_without_proof(till: TillWorld, inbox: WebhookInbox) -> None:
    body, _ = _webhook("payment_intent.succeeded", _intent(till, "x"))
    with pytest.raises(UntrustedWebhook):
        await inbox.receive("stripe", body, {"Stripe-Signature": "t=1,v1=0"})
    assert await inbox.counts() == {}


async def test_scenario_20_a_revoked_mandate_is_told_to_the_process(
    till: TillWorld, inbox: WebhookInbox, process: RecordedProcess
) -> None:
    method = await till.a_bank_account()
    mandates = await till.control("POST", "/mandates/revoke", {"payment_method": method.provider_method})
    row = await _hear(inbox, "mandate.updated", mandates["mandates"][0])
    assert row is not None
    assert await inbox.dispatch(row) == InboxStatus.DELIVERED
    stored = (await till.methods.methods(till.account_id))[0]
    assert (process.signals[0][1], stored.mandate_status) == ("mandate_changed", "inactive")


async def test_a_new_expiry_date_from_the_bank_is_read(
    till: TillWorld, inbox: WebhookInbox, process: RecordedProcess
) -> None:
    card = await till.a_card()
    changed = {"exp_month": 1, "exp_year": 2031}
    body = await till.control("POST", f"/payment-methods/{card.provider_method}/update", changed)
    row = await _hear(inbox, "payment_method.automatically_updated", body)
    assert row is not None
    await inbox.dispatch(row)
    stored = (await till.methods.methods(till.account_id))[0]
    assert (str(stored.expires_on), process.signals[0][1]) == ("2031-01-31", "payment_method_changed")


async def test_a_dispute_names_its_attempt_by_the_payment_we_remember(
    till: TillWorld, inbox: WebhookInbox, process: RecordedProcess
) -> None:
    attempt_id = await _pending(till)
    dispute = {"id": "du_1", "object": "dispute", "payment_intent": await till.provider_payment(attempt_id)}
    row = await _hear(inbox, "charge.dispute.created", dispute)
    assert row is not None
    assert await inbox.dispatch(row) == InboxStatus.DELIVERED
    assert process.signals[0][2].attempt_id == attempt_id


async def test_a_webhook_waits_for_upkeep_while_the_process_is_away(
    till: TillWorld, inbox: WebhookInbox, process: RecordedProcess
) -> None:
    row = await _hear(inbox, "payment_intent.succeeded", _intent(till, await _pending(till)))
    assert row is not None
    process.failure = ConnectionError("away")
    await inbox.pass_on(row)
    assert [waiting.event_id for waiting in await inbox.undelivered()] == [row.event_id]
    process.failure = NotFound("no such workflow")
    assert await inbox.deliver_undelivered() == 0
    process.failure = None
    assert (await inbox.deliver_undelivered(), await inbox.undelivered()) == (1, [])


async def test_what_a_customer_left_on_a_setup_page_is_stored_from_the_webhook(
    till: TillWorld, inbox: WebhookInbox
) -> None:
    customer = await till.methods.ensure_customer(till.account_id)
    client = till.simulator.stripe()
    params: Any = {
        "customer": customer,
        "payment_method": "pm_card_visa",
        "payment_method_types": ["card"],
        "usage": "off_session",
        "confirm": True,
        "metadata": {"account_id": till.account_id},
    }
    intent = await asyncio.to_thread(client.v1.setup_intents.create, params)
    for _ in range(2):
        row = await _hear(inbox, "setup_intent.succeeded", intent.to_dict())
        assert row is not None
        assert await inbox.dispatch(row) == InboxStatus.HANDLED
    stored = await till.methods.methods(till.account_id)
    assert [(method.last_four, method.is_default) for method in stored] == [("4242", True)]


async def test_scenario_42_a_flood_is_bounded_and_loses_nothing(till: TillWorld, inbox: WebhookInbox) -> None:
    subject = {"id": "pi_foreign", "object": "payment_intent"}
    webhooks = [_webhook("payment_intent.succeeded", subject, f"evt_{number}") for number in range(40)]
    inbox._most_waiting = 15
    answers = await asyncio.gather(*[inbox.receive("stripe", *one) for one in webhooks], return_exceptions=True)
    refused = [one for one, answer in zip(webhooks, answers, strict=True) if isinstance(answer, InboxIsFull)]
    stored = (await inbox.counts())["received"]
    assert (len(refused) > 0, stored) == (True, 40 - len(refused))
    for one in refused:
        await inbox.receive("stripe", *one)
    assert (await inbox.counts())["received"] == 40
