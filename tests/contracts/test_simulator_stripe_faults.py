"""When things go wrong between us and the payment provider: keys, storms, silence, and webhooks in disorder."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import stripe

from tests.contracts.simulator_process import Listener, Simulator, a_card, a_customer, collect, wait_for

pytest_plugins = ["tests.contracts.simulator_fixtures"]
PAYMENTS = "/stripe/v1/payment_intents"


def payments_of(client: stripe.StripeClient, customer: str) -> list[Any]:
    """What the provider knows of a customer's payments."""
    return client.v1.payment_intents.list({"customer": customer}).data


def test_the_same_key_gives_the_same_payment_and_says_that_it_is_a_replay(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    first = collect(client, customer, "pm_card_visa", key=f"{customer}-1")
    second = collect(client, customer, "pm_card_visa", key=f"{customer}-1")
    assert first.id == second.id
    assert second.last_response.headers["idempotent-replayed"] == "true"
    assert len(payments_of(client, customer)) == 1


def test_a_declined_payment_is_replayed_as_declined(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            collect(client, customer, "pm_card_visa_chargeDeclined", key=f"{customer}-declined")
    assert len(payments_of(client, customer)) == 1


def test_other_parameters_under_the_same_key_are_refused(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    collect(client, customer, "pm_card_visa", key=f"{customer}-2")
    with pytest.raises(stripe.IdempotencyError):
        collect(client, customer, "pm_card_visa", key=f"{customer}-2", amount=9999)


def test_a_request_refused_before_it_ran_leaves_its_key_free(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    with pytest.raises(stripe.InvalidRequestError):
        collect(client, customer, "pm_card_visa", key=f"{customer}-3", amount=1)
    assert collect(client, customer, "pm_card_visa", key=f"{customer}-3").status == "succeeded"


def test_a_key_whose_request_still_runs_is_answered_409(faulty: Simulator) -> None:
    client = faulty.stripe()
    customer = a_customer(client)
    faulty.fault("slow", path=PAYMENTS, count=1, seconds=1.5)
    first = threading.Thread(target=collect, args=(client, customer, "pm_card_visa", f"{customer}-4"))
    first.start()
    try:
        wait_for(lambda: faulty.control("GET", "/faults")["faults"][0]["strikes"] == 1)
        with pytest.raises(stripe.APIError) as caught:
            collect(faulty.stripe(), customer, "pm_card_visa", key=f"{customer}-4")
        assert caught.value.http_status == 409
    finally:
        first.join()
    assert len(payments_of(client, customer)) == 1


def test_a_hang_after_commit_charged_once_and_the_key_finds_it(faulty: Simulator) -> None:
    client = faulty.stripe(http_client=stripe.RequestsClient(timeout=1))
    customer = a_customer(client)
    faulty.fault("hang_after_commit", path=PAYMENTS, count=1, seconds=5)
    with pytest.raises(stripe.APIConnectionError):
        collect(client, customer, "pm_card_visa", key=f"{customer}-5")
    found = collect(client, customer, "pm_card_visa", key=f"{customer}-5")
    assert [one.id for one in payments_of(client, customer)] == [found.id]


@pytest.mark.parametrize(
    ("kind", "stored", "again", "payments"),
    [
        ("error_500_before", True, 500, 0),
        ("error_500_before", False, 200, 1),
        ("error_500_after", True, 500, 1),
        ("error_500_after", False, 200, 1),
    ],
)
def test_a_500_is_before_or_after_the_money_and_the_key_remembers_it_or_not(
    faulty: Simulator, kind: str, stored: bool, again: int, payments: int
) -> None:
    client = faulty.stripe()
    customer = a_customer(client)
    faulty.fault(kind, path=PAYMENTS, method="POST", count=1, stored=stored)
    with pytest.raises(stripe.APIError):
        collect(client, customer, "pm_card_visa", key=f"{customer}-6")
    if again == 500:
        with pytest.raises(stripe.APIError):
            collect(client, customer, "pm_card_visa", key=f"{customer}-6")
    else:
        assert collect(client, customer, "pm_card_visa", key=f"{customer}-6").status == "succeeded"
    assert len(payments_of(client, customer)) == payments


def test_a_429_storm_charges_nothing(faulty: Simulator) -> None:
    client = faulty.stripe()
    customer = a_customer(client)
    faulty.fault("too_many_requests", path=PAYMENTS, method="POST", count=2)
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            collect(client, customer, "pm_card_visa", key=f"{customer}-7")
    assert collect(client, customer, "pm_card_visa", key=f"{customer}-7").status == "succeeded"


def test_a_fault_by_chance_strikes_the_same_way_with_the_same_seed(faulty: Simulator) -> None:
    def run() -> list[bool]:
        faulty.control("DELETE", "/faults")
        faulty.fault("too_many_requests", path="/stripe/v1/customers", probability=0.5, seed=7)
        struck = []
        for _ in range(12):
            try:
                a_customer(faulty.stripe())
                struck.append(False)
            except stripe.RateLimitError:
                struck.append(True)
        return struck

    first = run()
    assert first == run()
    assert True in first
    assert False in first


def test_a_webhook_that_is_not_taken_is_sent_again(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    card = a_card(client, customer)
    listener.wait_for_event("payment_method.attached", card)
    listener.answers[:] = [500, 503, 500]
    payment = collect(client, customer, card)
    wait_for(lambda: not listener.answers)
    wait_for(lambda: len(listener.events(payment.id)) >= 6)
    assert len(set(listener.events(payment.id))) == 3


def test_a_webhook_can_come_twice(faulty: Simulator, listener: Listener) -> None:
    client = faulty.stripe()
    faulty.fault("webhook_duplicate", event_type="payment_intent.succeeded", count=1)
    payment = collect(client, a_customer(client), "pm_card_visa")
    wait_for(lambda: listener.events(payment.id).count("payment_intent.succeeded") == 2)
    ids = {one["id"] for one in listener.payment_events() if one["data"]["object"]["id"] == payment.id}
    assert len(ids) == 2


def test_a_dropped_webhook_never_comes_but_the_event_is_listed(faulty: Simulator, listener: Listener) -> None:
    client = faulty.stripe()
    faulty.fault("webhook_drop", event_type="payment_intent.succeeded", count=1)
    payment = collect(client, a_customer(client), "pm_card_visa")
    listener.wait_for_event("charge.succeeded", payment.id)
    newest = faulty.control("GET", "/deliveries?event_type=payment_intent.succeeded&limit=1")["deliveries"][0]
    assert newest["state"] == "dropped"
    kinds = [one.type for one in client.v1.events.list({"type": "payment_intent.succeeded", "limit": 1}).data]
    assert kinds == ["payment_intent.succeeded"]
    assert "payment_intent.succeeded" not in listener.events(payment.id)


def test_webhooks_can_overtake_each_other(faulty: Simulator, listener: Listener) -> None:
    client = faulty.stripe()
    faulty.fault("webhook_reorder", event_type="payment_intent.created", count=1)
    payment = collect(client, a_customer(client), "pm_card_visa")
    wait_for(lambda: len(listener.events(payment.id)) == 3)
    assert listener.events(payment.id)[0] != "payment_intent.created"


def test_a_late_webhook_comes_after_its_delay(faulty: Simulator, listener: Listener) -> None:
    client = faulty.stripe()
    faulty.fault("webhook_delay", event_type="payment_intent.created", count=1, seconds=2)
    payment = collect(client, a_customer(client), "pm_card_visa")
    wait_for(lambda: len(listener.events(payment.id)) == 3)
    assert listener.events(payment.id)[-1] == "payment_intent.created"


def test_a_fault_nobody_knows_is_refused_by_name(simulator: Simulator) -> None:
    answer = simulator.control("POST", "/faults", {"kind": "earthquake"}, status=422)
    assert "earthquake" in answer["error"]
