"""Cards through the real Stripe client: paid, declined, authenticated, refunded, disputed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import stripe

from tests.contracts.simulator_process import WEBHOOK_SECRET, Listener, Simulator, a_card, a_customer, collect

pytest_plugins = ["tests.contracts.simulator_fixtures"]


def test_a_card_on_file_is_charged_and_the_charge_says_by_what(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    payment = collect(client, customer, a_card(client, customer), metadata={"attempt_id": "inv-1-1"})
    assert payment.status == "succeeded"
    assert payment.amount_received == 4210
    assert payment.latest_charge.payment_method_details.card.last4 == "4242"
    assert payment.latest_charge.metadata["attempt_id"] == "inv-1-1"


@pytest.mark.parametrize(
    ("test_id", "code", "decline_code", "advice"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline", "try_again_later"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", "try_again_later"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card", "do_not_try_again"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", "do_not_try_again"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", "confirm_card_data"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error", "try_again_later"),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required", None),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline", "try_again_later"),
    ],
)
def test_a_refused_card_raises_a_card_error_that_carries_the_payment(
    simulator: Simulator, test_id: str, code: str, decline_code: str, advice: str | None
) -> None:
    client = simulator.stripe()
    with pytest.raises(stripe.CardError) as caught:
        collect(client, a_customer(client), test_id)
    error = caught.value.error
    assert (caught.value.http_status, error.code, error.decline_code) == (402, code, decline_code)
    assert getattr(error, "advice_code", None) == advice
    assert error.payment_intent.status == "requires_payment_method"
    kept = client.v1.payment_intents.retrieve(error.payment_intent.id, {"expand": ["latest_charge"]})
    assert kept.last_payment_error.decline_code == decline_code
    assert kept.latest_charge.status == "failed"


def test_a_card_set_up_with_authentication_pays_off_session_afterwards(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    setup = client.v1.setup_intents.create(
        {
            "customer": customer,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "payment_method_types": ["card"],
            "confirm": True,
        }
    )
    assert setup.status == "requires_action"
    with pytest.raises(stripe.CardError):
        collect(client, customer, "pm_card_authenticationRequiredOnSetup")


def test_a_payment_on_session_asks_for_authentication_and_goes_on_when_confirmed(simulator: Simulator) -> None:
    client = simulator.stripe()
    payment = client.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "eur",
            "customer": a_customer(client),
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "return_url": "https://shop.example/back",
        }
    )
    assert payment.status == "requires_action"
    page = payment.next_action.redirect_to_url.url
    assert "5.00 EUR" in httpx.get(page).text
    answer = httpx.post(page, data={"answer": "approve"})
    assert answer.headers["location"] == "https://shop.example/back"
    assert client.v1.payment_intents.retrieve(payment.id).status == "succeeded"


def test_a_script_gives_a_card_its_coming_outcomes_in_order(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    card = a_card(client, customer)
    simulator.control(
        "POST", "/scripts", {"subject": f"payment_method:{card}", "outcomes": ["insufficient_funds", "succeed"]}
    )
    with pytest.raises(stripe.CardError, match="insufficient funds"):
        collect(client, customer, card)
    assert collect(client, customer, card).status == "succeeded"


def test_a_script_may_belong_to_metadata_so_a_story_needs_no_provider_ids(simulator: Simulator) -> None:
    client = simulator.stripe()
    simulator.control("POST", "/scripts", {"subject": "metadata.account_id:A-77", "outcomes": ["stolen_card"]})
    customer = a_customer(client, metadata={"account_id": "A-77"})
    with pytest.raises(stripe.CardError) as caught:
        collect(client, customer, "pm_card_visa")
    assert caught.value.error.decline_code == "stolen_card"


def test_a_refund_in_two_parts_ends_at_the_whole_and_no_further(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    payment = collect(client, customer, a_card(client, customer))
    first = client.v1.refunds.create({"payment_intent": payment.id, "amount": 1000})
    assert (first.status, first.amount) == ("succeeded", 1000)
    client.v1.refunds.create({"payment_intent": payment.id})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": payment.id})
    assert caught.value.code == "charge_already_refunded"
    assert len(client.v1.refunds.list({"payment_intent": payment.id}).data) == 2
    listener.wait_for_event("charge.refunded", payment.id)


def test_a_dispute_takes_the_money_and_a_won_one_brings_it_back(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    payment = collect(client, customer, a_card(client, customer), metadata={"case": "won-1"})
    dispute = simulator.control("POST", "/disputes", {"payment_intent": payment.id, "reason": "fraudulent"})
    listener.wait_for_event("charge.dispute.funds_withdrawn", payment.id)
    assert client.v1.disputes.retrieve(dispute["id"]).status == "needs_response"
    group = simulator.control("GET", "/totals?by=case")["groups"]["won-1"]["eur"]
    assert (group["charged"], group["disputed"], group["net"]) == (4210, 4210, 0)
    simulator.control("POST", f"/disputes/{dispute['id']}/close", {"outcome": "won"})
    listener.wait_for_event("charge.dispute.closed", payment.id)
    assert simulator.control("GET", "/totals?by=case")["groups"]["won-1"]["eur"]["net"] == 4210


def test_events_are_signed_as_the_real_client_verifies_them(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    payment = collect(client, a_customer(client), "pm_card_visa")
    callback = listener.wait_for_call("/stripe", lambda one: payment.id in one.body.decode())
    event = stripe.Webhook.construct_event(callback.body, callback.headers["stripe-signature"], WEBHOOK_SECRET)
    assert event.id.startswith("evt_")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(callback.body, callback.headers["stripe-signature"], "whsec_other")


def test_payments_are_listed_by_customer_newest_first_over_pages(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    card = a_card(client, customer)
    made = [collect(client, customer, card).id for _ in range(5)]
    listed = client.v1.payment_intents.list({"customer": customer, "limit": 2})
    assert [one.id for one in listed.auto_paging_iter()] == made[::-1]


def test_a_detached_card_is_not_charged_again(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    card = a_card(client, customer)
    assert [one.id for one in client.v1.payment_methods.list({"customer": customer, "type": "card"}).data] == [card]
    client.v1.payment_methods.detach(card)
    with pytest.raises(stripe.InvalidRequestError, match="detached"):
        collect(client, customer, card)


def test_a_card_that_expires_is_refused_and_the_issuers_update_helps(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    card = a_card(client, customer)
    client.v1.payment_methods.update(card, {"card": {"exp_month": 1, "exp_year": 2020}})
    with pytest.raises(stripe.CardError, match="expired"):
        collect(client, customer, card)
    simulator.control("POST", f"/payment-methods/{card}/update", {"exp_year": 2099})
    listener.wait_for_event("payment_method.automatically_updated", card)
    assert collect(client, customer, card).status == "succeeded"


def test_only_simulator_keys_are_taken_and_a_live_key_is_refused(simulator: Simulator) -> None:
    for key in ("sk_live_abcdefghijkl", "sk_test_abcdefghijkl"):
        client = stripe.StripeClient(key, base_addresses={"api": f"{simulator.url}/stripe"}, max_network_retries=0)
        with pytest.raises(stripe.AuthenticationError):
            client.v1.customers.create({})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": 0}, "parameter_invalid_integer"),
        ({"amount": 10}, "amount_too_small"),
        ({"customer": "cus_nobody"}, "resource_missing"),
        ({"payment_method": "pm_nothing"}, "resource_missing"),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_with_the_vendors_code(
    simulator: Simulator, change: dict[str, Any], code: str
) -> None:
    client = simulator.stripe()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        collect(client, **{"customer": a_customer(client), "method": "pm_card_visa", **change})
    assert caught.value.code == code
