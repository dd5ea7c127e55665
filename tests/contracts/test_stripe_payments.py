"""The Stripe adapter, by the real SDK: every answer of the provider as an outcome or a fault of the port."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import stripe

from billing.adapters.stripe import StripePayments
from billing.adapters.stripe.failures import failed
from billing.adapters.stripe.methods import UnableToStoreMethod
from billing.domain.retry import FailureCategory
from billing.messages.payments import MethodKind
from billing.ports.payment_provider import (
    ActionRequired,
    CollectCommand,
    Failed,
    MerchantFault,
    MethodFacts,
    Pending,
    ProviderAway,
    ProviderBusy,
    Succeeded,
    Unknown,
    UntrustedWebhook,
)
from tests.builders_payments import a_provider
from tests.contracts.simulator_process import WEBHOOK_SECRET, Listener, Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


@pytest.fixture
async def provider(faulty: Simulator) -> AsyncIterator[StripePayments]:
    made = a_provider(faulty, timeout_seconds=1.5)
    yield made
    await made.close()


async def _stored(provider: StripePayments, test_id: str = "pm_card_visa") -> MethodFacts:
    customer = await provider.ensure_customer("acc_1", "vonk", "Sanne de Vries", "sanne@example.com")
    return await provider.attach_method(customer, test_id, "")


def _command(method: MethodFacts, **changes: Any) -> CollectCommand:
    attempt_id = f"inv_1-{uuid4()}"
    today = datetime.now(UTC).date()
    values: dict[str, Any] = {
        "account_id": "acc_1",
        "attempt_id": attempt_id,
        "idempotency_key": attempt_id,
        "amount_minor": 4210,
        "currency": "EUR",
        "kind": method.kind,
        "provider_customer": method.provider_customer,
        "provider_method": method.provider_method,
        "submitted_on": today,
        "due_date": today,
        "mandate": method.provider_mandate,
        "invoice_numbers": ("V27-000001",),
    }
    return CollectCommand(**(values | changes))


async def test_a_card_succeeds_at_once(provider: StripePayments) -> None:
    payment = await provider.collect(_command(await _stored(provider)))
    assert payment.outcome == Succeeded(4210, "EUR")
    assert (await provider.get(payment.reference)).outcome == Succeeded(4210, "EUR")


async def test_what_we_wrote_on_a_payment_can_be_read_there(provider: StripePayments, simulator: Simulator) -> None:
    command = _command(await _stored(provider))
    payment = await provider.collect(command)
    seen = await asyncio.to_thread(simulator.stripe().v1.payment_intents.retrieve, payment.reference)
    assert seen.to_dict()["metadata"] == {
        "account_id": "acc_1",
        "attempt_id": command.attempt_id,
        "invoices": "V27-000001",
    }


async def test_a_debit_carries_mandate_and_date_and_is_pending(provider: StripePayments, simulator: Simulator) -> None:
    method = await _stored(provider, "pm_sepaDebit_success_de")
    due = datetime.now(UTC).date() + timedelta(days=5)
    payment = await provider.collect(_command(method, due_date=due))
    seen = await asyncio.to_thread(simulator.stripe().v1.payment_intents.retrieve, payment.reference)
    options = seen.to_dict()["payment_method_options"]
    assert (method.kind, method.mandate_status, method.last_four) == (MethodKind.SEPA_DEBIT, "active", "3000")
    assert (payment.outcome, options["sepa_debit"]["target_date"]) == (Pending(), due.isoformat())


@pytest.mark.parametrize("days_ahead", [0, 2, 16])
async def test_a_date_out_of_the_window_is_left_to_the_provider(provider: StripePayments, days_ahead: int) -> None:
    method = await _stored(provider, "pm_sepaDebit_success_de")
    due = datetime.now(UTC).date() + timedelta(days=days_ahead)
    assert (await provider.collect(_command(method, due_date=due))).outcome == Pending()


async def test_a_date_that_has_become_too_near_spends_the_key_and_blames_nobody(provider: StripePayments) -> None:
    method = await _stored(provider, "pm_sepaDebit_success_de")
    today = datetime.now(UTC).date()
    late = _command(method, submitted_on=today - timedelta(days=4), due_date=today)
    outcome = (await provider.collect(late)).outcome
    assert isinstance(outcome, Unknown)
    assert outcome.key_is_spent


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("insufficient_funds", FailureCategory.FUNDS),
        ("lost_card", FailureCategory.HARD_STOP),
        ("do_not_try_again", FailureCategory.HARD_STOP),
        ("expired_card", FailureCategory.METHOD_DEAD),
        ("do_not_honor", FailureCategory.TECHNICAL),
        ("call_issuer", FailureCategory.NEEDS_CUSTOMER),
        ("stop_payment_order", FailureCategory.CUSTOMER_REFUSED),
    ],
)
async def test_a_decline_has_a_category(
    provider: StripePayments, simulator: Simulator, code: str, category: FailureCategory
) -> None:
    method = await _stored(provider)
    script = {"subject": f"payment_method:{method.provider_method}", "outcomes": [code]}
    await asyncio.to_thread(simulator.control, "POST", "/scripts", script)
    payment = await provider.collect(_command(method))
    assert isinstance(payment.outcome, Failed)
    assert (payment.outcome.category, payment.outcome.code) == (category, code)
    assert (await provider.get(payment.reference)).outcome == payment.outcome


@pytest.mark.parametrize(
    ("error", "category"),
    [
        ({"code": "debit_not_authorized"}, FailureCategory.MANDATE_DEAD),
        ({"code": "account_closed"}, FailureCategory.METHOD_DEAD),
        ({"code": "recipient_deceased"}, FailureCategory.HARD_STOP),
        ({"code": "refer_to_customer"}, FailureCategory.CUSTOMER_REFUSED),
        ({"code": "invalid_creditor"}, FailureCategory.MERCHANT_ERROR),
        ({"code": "duplicate"}, FailureCategory.DUPLICATE),
        ({"code": "never_seen_before"}, FailureCategory.TECHNICAL),
        (
            {"code": "card_declined", "decline_code": "generic_decline", "advice_code": "do_not_try_again"},
            FailureCategory.HARD_STOP,
        ),
    ],
)
def test_codes_and_advice_decide_the_category(error: dict[str, str], category: FailureCategory) -> None:
    outcome = failed(error)
    assert isinstance(outcome, Failed)
    assert outcome.category == category


async def test_authentication_is_asked_of_the_customer(provider: StripePayments, simulator: Simulator) -> None:
    method = await _stored(provider)
    script = {"subject": f"payment_method:{method.provider_method}", "outcomes": ["authentication_required"]}
    await asyncio.to_thread(simulator.control, "POST", "/scripts", script)
    payment = await provider.collect(_command(method))
    assert payment.outcome == ActionRequired("authentication_required")


async def test_a_revoked_mandate_is_a_dead_mandate(provider: StripePayments, simulator: Simulator) -> None:
    method = await _stored(provider, "pm_sepaDebit_success_de")
    body = {"mandate": method.provider_mandate}
    await asyncio.to_thread(simulator.control, "POST", "/mandates/revoke", body)
    outcome = (await provider.collect(_command(method))).outcome
    assert isinstance(outcome, Failed)
    assert outcome.category == FailureCategory.MANDATE_DEAD
    assert (await provider.get_mandate(method.provider_mandate)).mandate_status == "inactive"


async def test_no_answer_and_a_server_error_are_unknown(provider: StripePayments, simulator: Simulator) -> None:
    method = await _stored(provider)
    where = {"path": "/stripe/v1/payment_intents", "method": "POST", "count": 1}
    simulator.fault("hang_after_commit", seconds=2.5, **where)
    silent = (await provider.collect(_command(method))).outcome
    simulator.fault("error_500_after", **where)
    broken = (await provider.collect(_command(method))).outcome
    assert isinstance(silent, Unknown)
    assert isinstance(broken, Unknown)
    assert (silent.key_is_spent, broken.key_is_spent) == (False, True)


async def test_slow_down_is_a_fault_when_collecting_and_when_looking(
    provider: StripePayments, simulator: Simulator
) -> None:
    method = await _stored(provider)
    simulator.fault("too_many_requests", count=2)
    with pytest.raises(ProviderBusy):
        await provider.collect(_command(method))
    with pytest.raises(ProviderBusy):
        await provider.find_by_attempt(method.provider_customer, "none")


async def test_a_key_used_for_another_debit_is_our_fault_and_charges_nothing(provider: StripePayments) -> None:
    method = await _stored(provider)
    key = f"inv_1-{uuid4()}"
    await provider.collect(_command(method, idempotency_key=key))
    with pytest.raises(MerchantFault):
        await provider.collect(_command(method, idempotency_key=key, attempt_id="inv_2-1", amount_minor=999))
    assert await provider.find_by_attempt(method.provider_customer, "inv_2-1") is None


async def test_our_own_mistakes_are_merchant_faults(provider: StripePayments, simulator: Simulator) -> None:
    method = await _stored(provider)
    stranger = StripePayments("sk_live_not_for_a_simulator", ("whsec",), f"{simulator.url}/stripe")
    with pytest.raises(MerchantFault):
        await stranger.collect(_command(method))
    await stranger.close()
    with pytest.raises(MerchantFault):
        await provider.collect(_command(method, currency="XXXX", amount_minor=0))


async def test_a_provider_that_is_away_is_a_fault_when_looking_and_unknown_when_collecting() -> None:
    away = StripePayments("sk_test_sim_away", ("whsec",), "http://127.0.0.1:9/stripe", 1.0)
    method = MethodFacts("pm_1", MethodKind.CARD, "visa", "4242", provider_customer="cus_1")
    with pytest.raises(ProviderAway):
        await away.get("pi_1")
    assert isinstance((await away.collect(_command(method))).outcome, Unknown)
    await away.close()


async def test_a_payment_is_found_by_its_attempt(provider: StripePayments) -> None:
    method = await _stored(provider)
    commands = [_command(method) for _ in range(3)]
    made = [await provider.collect(command) for command in commands]
    found = await provider.find_by_attempt(method.provider_customer, commands[1].attempt_id)
    assert found is not None
    assert found.reference == made[1].reference
    assert await provider.find_by_attempt(method.provider_customer, "inv_1-never") is None


async def test_a_refund_is_made_once_per_id(provider: StripePayments) -> None:
    payment = await provider.collect(_command(await _stored(provider)))
    first = await provider.refund(payment.reference, 1000, "refund-1")
    again = await provider.refund(payment.reference, 1000, "refund-1")
    rest = (await provider.get(payment.reference)).refunds
    assert (first.reference, first.status, len(rest)) == (again.reference, "succeeded", 1)
    await provider.refund(payment.reference, 3210, "refund-2")
    assert (await provider.refund(payment.reference, 1, "refund-3")).status == "failed"


async def test_a_disputed_payment_names_its_dispute(provider: StripePayments, simulator: Simulator) -> None:
    payment = await provider.collect(_command(await _stored(provider)))
    await asyncio.to_thread(simulator.control, "POST", "/disputes", {"payment_intent": payment.reference})
    dispute = (await provider.get(payment.reference)).disputes[0]
    assert (dispute.amount_minor, dispute.currency, dispute.standing, dispute.category) == (4210, "EUR", "open", None)


async def test_a_card_that_needs_its_owner_cannot_be_stored_silently(provider: StripePayments) -> None:
    with pytest.raises(UnableToStoreMethod, match="hosted setup page"):
        await _stored(provider, "pm_card_authenticationRequired")
    with pytest.raises(UnableToStoreMethod):
        await _stored(provider, "pm_card_chargeDeclinedStolenCard")
    with pytest.raises(UnableToStoreMethod):
        await _stored(provider, "pm_card_unheard_of")


async def test_a_method_says_when_it_expires_and_no_more_than_four_digits(provider: StripePayments) -> None:
    method = await _stored(provider)
    assert (method.label, method.last_four) == ("visa", "4242")
    assert isinstance(method.expires_on, date)
    await provider.detach_method(method.provider_method)
    await provider.detach_method(method.provider_method)
    assert (await provider.get_method(method.provider_method)).provider_customer == ""


def _event(**changes: Any) -> bytes:
    subject = {"id": "pi_1", "object": "payment_intent", "metadata": {"account_id": "acc_1", "attempt_id": "inv_1-1"}}
    body = {"id": "evt_1", "type": "payment_intent.succeeded", "created": 1_800_000_000, "data": {"object": subject}}
    return json.dumps(body | changes).encode()


def _signed(body: bytes, secret: str = WEBHOOK_SECRET, age_seconds: int = 0) -> dict[str, str]:
    moment = int(time.time()) - age_seconds
    return {"Stripe-Signature": stripe.WebhookSignature.generate_signature_header(body.decode(), secret, moment)}


def test_a_signed_webhook_names_account_attempt_and_objects(provider: StripePayments) -> None:
    body = _event()
    event = provider.parse_webhook(body, _signed(body))
    assert (event.event_id, event.kind, event.account_id) == ("evt_1", "payment_intent.succeeded", "acc_1")
    assert (event.attempt_id, event.references) == ("inv_1-1", ("pi_1",))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Stripe-Signature": "nonsense"},
        _signed(_event(), secret="whsec_of_somebody_else"),
        _signed(_event(), age_seconds=3600),
        _signed(_event(), age_seconds=-3600),
        _signed(_event(id="evt_2")),
    ],
    ids=["none", "nonsense", "another secret", "old", "from the future", "another body"],
)
def test_scenario_6_a_webhook_without_proof_is_refused(provider: StripePayments, headers: dict[str, str]) -> None:
    with pytest.raises(UntrustedWebhook):
        provider.parse_webhook(_event(), headers)


async def test_scenario_6_both_secrets_are_good_while_one_is_rotated() -> None:
    rotating = StripePayments("sk_test_sim", ("whsec_new", WEBHOOK_SECRET), "http://127.0.0.1:9")
    body = _event()
    for secret in ("whsec_new", WEBHOOK_SECRET):
        assert rotating.parse_webhook(body, _signed(body, secret)).event_id == "evt_1"
    await rotating.close()


async def test_real_webhooks_and_the_list_of_events_say_the_same(provider: StripePayments, listener: Listener) -> None:
    command = _command(await _stored(provider))
    before = datetime.now(UTC) - timedelta(seconds=2)
    payment = await provider.collect(command)
    heard = await asyncio.to_thread(listener.wait_for_event, "payment_intent.succeeded", payment.reference)
    call = next(one for one in listener.received if one.path == "/stripe" and one.json["id"] == heard["id"])
    event = provider.parse_webhook(call.body, call.headers)
    listed = [one async for one in provider.list_events(before)]
    assert event in listed
    assert (event.attempt_id, event.account_id) == (command.attempt_id, "acc_1")
