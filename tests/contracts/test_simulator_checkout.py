"""The hosted pay page: pay, be declined, authenticate, leave; never twice."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import stripe

from tests.contracts.simulator_process import Listener, Simulator, a_customer

pytest_plugins = ["tests.contracts.simulator_fixtures"]


def a_session(client: stripe.StripeClient, **more: Any) -> Any:
    """A payment page of 42.10 EUR."""
    params: Any = {
        "mode": "payment",
        "customer": a_customer(client),
        "line_items": [
            {
                "price_data": {"currency": "eur", "unit_amount": 4210, "product_data": {"name": "Invoice 7"}},
                "quantity": 1,
            }
        ],
        "success_url": "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/back",
        "metadata": {"brand": "Blue <Mobile>"},
        "payment_intent_data": {"metadata": {"attempt_id": "inv-7-1"}},
        **more,
    }
    return client.v1.checkout.sessions.create(params)


def press(url: str, **form: str) -> httpx.Response:
    """Send the page's form."""
    return httpx.post(url, data={"method": "card", "number": "4242 4242 4242 4242", "expiry": "12/34", **form})


def test_the_page_shows_amount_and_brand_without_script(simulator: Simulator) -> None:
    page = httpx.get(a_session(simulator.stripe()).url)
    assert "42.10 EUR" in page.text
    assert "Blue &lt;Mobile&gt;" in page.text
    assert "<script" not in page.text
    assert 'name="viewport"' in page.text


def test_paying_completes_the_session_and_leads_back(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    session = a_session(client)
    answer = press(session.url, action="pay")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"https://shop.example/thanks?session={session.id}"
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (done.status, done.payment_status, done.payment_intent.status) == ("complete", "paid", "succeeded")
    assert done.payment_intent.metadata["attempt_id"] == "inv-7-1"
    listener.wait_for_event("checkout.session.completed", session.id)


def test_the_second_tab_is_told_that_it_is_paid_and_charges_nothing(simulator: Simulator) -> None:
    client = simulator.stripe()
    session = a_session(client)
    press(session.url, action="pay")
    assert "Already paid" in press(session.url, action="pay").text
    assert "Already paid" in httpx.get(session.url).text
    assert len(client.v1.payment_intents.list({"customer": session.customer}).data) == 1


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"action": "decline"}, "declined"),
        ({"action": "pay", "number": "4000000000009995"}, "insufficient funds"),
        ({"action": "pay", "number": "1234"}, "test card"),
        ({"action": "pay", "number": "4000000000000069"}, "expired"),
        ({"action": "pay", "expiry": "01/20"}, "expired"),
        ({"action": "pay", "method": "sepa_debit", "iban": "DE00"}, "IBAN"),
    ],
)
def test_a_declined_customer_is_told_why_and_can_pay_otherwise(
    simulator: Simulator, form: dict[str, str], words: str
) -> None:
    client = simulator.stripe()
    session = a_session(client)
    answer = press(session.url, **form)
    assert answer.status_code == 402
    assert words in answer.text
    assert press(session.url, action="pay").status_code == 303


def test_the_bank_may_ask_and_its_answer_counts(simulator: Simulator) -> None:
    client = simulator.stripe()
    session = a_session(client)
    number = "4000002760003184"
    assert "bank asks" in press(session.url, action="pay", number=number).text
    assert press(session.url, bank="reject", number=number).status_code == 402
    assert press(session.url, bank="approve", number=number).status_code == 303


def test_a_debit_on_the_page_completes_unpaid_and_pays_days_later(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    session = a_session(client)
    press(session.url, action="pay", method="sepa_debit", iban="DE89370400440532013000")
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert (done.status, done.payment_status) == ("complete", "unpaid")
    simulator.control("POST", "/settle", {"payment_intent": done.payment_intent})
    listener.wait_for_event("checkout.session.async_payment_succeeded", session.id)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_closed_session_says_so_and_takes_no_money(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    session = a_session(client)
    assert client.v1.checkout.sessions.expire(session.id).status == "expired"
    assert "expired" in press(session.url, action="pay").text
    assert client.v1.payment_intents.list({"customer": session.customer}).data == []
    listener.wait_for_event("checkout.session.expired", session.id)


def test_leaving_leads_to_the_cancel_address(simulator: Simulator) -> None:
    session = a_session(simulator.stripe())
    assert press(session.url, action="cancel").headers["location"] == "https://shop.example/back"


def test_a_setup_page_leaves_a_bank_account_with_its_mandate(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    session = client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": "eur",
            "customer": customer,
            "payment_method_types": ["card", "sepa_debit"],
            "success_url": "https://shop.example/done",
        }
    )
    assert session.url is not None
    assert press(session.url, method="sepa_debit", iban="BE62510007547061").status_code == 303
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent.payment_method"]})
    setup: Any = done.setup_intent
    assert (done.status, setup.status, setup.payment_method.sepa_debit.country) == ("complete", "succeeded", "BE")
    assert client.v1.mandates.retrieve(setup.mandate).status == "active"
    assert setup.payment_method.customer == customer
