"""Bacs direct debits through the real Stripe client: instructions banks answer later, and what becomes of debits."""

from __future__ import annotations

from datetime import date
from typing import Any

import holidays
import httpx
import pytest
import stripe

from simulator.business_time import _bank_holidays
from tests.contracts.simulator_process import Listener, Simulator, a_customer

pytest_plugins = ["tests.contracts.simulator_fixtures"]


def set_up(client: stripe.StripeClient, customer: str, number: str = "00012345", sort_code: str = "108800") -> Any:
    """A setup intent that succeeded: a UK account with its instruction."""
    return client.v1.setup_intents.create(
        {
            "customer": customer,
            "payment_method_types": ["bacs_debit"],
            "payment_method_data": {
                "type": "bacs_debit",
                "bacs_debit": {"sort_code": sort_code, "account_number": number},
                "billing_details": {"name": "Ann Example", "email": "ann@example.com"},
            },
            "mandate_data": {"customer_acceptance": {"type": "offline"}},
            "confirm": True,
            "usage": "off_session",
        }
    )


def debited(client: stripe.StripeClient, customer: str, setup: Any, currency: str = "gbp") -> Any:
    return client.v1.payment_intents.create(
        {
            "amount": 4210,
            "currency": currency,
            "customer": customer,
            "payment_method": setup.payment_method,
            "payment_method_types": ["bacs_debit"],
            "off_session": True,
            "confirm": True,
        }
    )


def settled(simulator: Simulator, payment_id: str) -> Any:
    simulator.control("POST", "/settle", {"payment_intent": payment_id})
    return simulator.stripe().v1.payment_intents.retrieve(payment_id, {"expand": ["latest_charge"]})


def test_an_instruction_is_pending_until_the_bank_accepts_it(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    setup = set_up(client, a_customer(client))
    mandate = client.v1.mandates.retrieve(setup.mandate)
    details = mandate.payment_method_details.bacs_debit
    assert details is not None
    assert (mandate.status, details.network_status, details.service_user_number) == ("pending", "pending", "123456")
    simulator.control("POST", "/mandates/decide", {"mandate": setup.mandate})
    listener.wait_for_event("mandate.updated", setup.mandate)
    assert client.v1.mandates.retrieve(setup.mandate).status == "active"


@pytest.mark.parametrize(
    ("number", "code", "reason", "mandate"),
    [
        ("33333335", "debit_not_authorized", "1", "inactive"),
        ("22222227", "insufficient_funds", "0", "active"),
        ("92222227", "insufficient_funds", "0", "active"),
        ("34343434", "charge_exceeds_source_limit", None, "active"),
        ("12121212", "charge_exceeds_transaction_limit", None, "active"),
    ],
)
def test_a_test_account_fails_days_later_with_the_banks_report(
    simulator: Simulator, listener: Listener, number: str, code: str, reason: str | None, mandate: str
) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    setup = set_up(client, customer, number)
    simulator.control("POST", "/mandates/decide", {"mandate": setup.mandate})
    payment = debited(client, customer, setup)
    assert payment.status == "processing"
    failed = settled(simulator, payment.id)
    assert (failed.status, failed.last_payment_error.code) == ("requires_payment_method", code)
    assert failed.latest_charge.outcome.network_decline_code == reason
    assert client.v1.mandates.retrieve(setup.mandate).status == mandate
    listener.wait_for_event("payment_intent.payment_failed", payment.id)


@pytest.mark.parametrize(
    ("code", "reason"), [("recipient_deceased", "2"), ("bank_ownership_changed", "3"), ("account_closed", "B")]
)
def test_a_story_names_any_report_of_the_bank(simulator: Simulator, code: str, reason: str) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    setup = set_up(client, customer)
    simulator.control("POST", "/scripts", {"subject": f"customer:{customer}", "outcomes": [code]})
    failed = settled(simulator, debited(client, customer, setup).id)
    assert failed.latest_charge.outcome.network_decline_code == reason
    assert client.v1.mandates.retrieve(setup.mandate).status == "inactive"


def test_a_refused_instruction_fails_the_debit_that_waited_for_it(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    setup = set_up(client, customer, "00033333")
    payment = debited(client, customer, setup)
    simulator.control("POST", "/mandates/decide")
    mandate = client.v1.mandates.retrieve(setup.mandate)
    details = mandate.payment_method_details.bacs_debit
    assert details is not None
    assert (mandate.status, details.network_status) == ("inactive", "refused")
    assert settled(simulator, payment.id).last_payment_error.code == "debit_not_authorized"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        debited(client, customer, setup)
    assert caught.value.code == "payment_intent_mandate_invalid"


def test_a_claim_under_the_guarantee_is_lost_at_once(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    payment = settled(simulator, debited(client, customer, set_up(client, customer, "55555559")).id)
    (dispute,) = client.v1.disputes.list({"payment_intent": payment.id}).data
    assert dispute.status == "lost"
    listener.wait_for_event("charge.dispute.closed", payment.id)
    simulator.control("POST", f"/disputes/{dispute.id}/close", {"outcome": "won"}, status=400)


@pytest.mark.parametrize(
    ("number", "sort_code", "code"),
    [("00044444", "108800", "account_number_invalid"), ("123", "108800", "account_number_invalid"),
     ("00012345", "1088", "invalid_sort_code")],
)  # fmt: skip
def test_an_account_that_cannot_be_is_refused(simulator: Simulator, number: str, sort_code: str, code: str) -> None:
    client = simulator.stripe()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        set_up(client, a_customer(client), number, sort_code)
    assert caught.value.code == code


def test_only_pounds_are_debited(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    with pytest.raises(stripe.InvalidRequestError, match="gbp"):
        debited(client, customer, set_up(client, customer), "eur")


def test_a_revoked_instruction_says_why(simulator: Simulator) -> None:
    client = simulator.stripe()
    setup = set_up(client, a_customer(client))
    simulator.control("POST", "/mandates/revoke", {"mandate": setup.mandate, "reason": "account_closed"})
    details = client.v1.mandates.retrieve(setup.mandate).payment_method_details.bacs_debit
    assert details is not None
    assert (details.network_status, details.revocation_reason) == ("revoked", "account_closed")


def test_a_setup_page_takes_sort_code_and_account_number(simulator: Simulator) -> None:
    client = simulator.stripe()
    session = client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": "gbp",
            "customer": a_customer(client),
            "payment_method_types": ["bacs_debit"],
            "success_url": "https://shop.example/done",
        }
    )
    assert session.url is not None
    assert "Direct Debit Guarantee" in httpx.get(session.url).text
    form = {"method": "bacs_debit", "sort_code": "10-88-00", "account_number": "00012345", "action": "pay"}
    assert httpx.post(session.url, data=form).status_code == 303


@pytest.mark.parametrize("year", range(2019, 2041))
def test_bank_holidays_are_those_of_england_but_for_single_ones(year: int) -> None:
    published = {day for day in holidays.country_holidays("GB", subdiv="ENG", years=year) if day.weekday() < 5}
    proclaimed = {
        2020: {date(2020, 5, 4), date(2020, 5, 8)},
        2022: {date(2022, 5, 30), date(2022, 6, 2), date(2022, 6, 3), date(2022, 9, 19)},
        2023: {date(2023, 5, 8)},
    }
    assert _bank_holidays(year) ^ published == proclaimed.get(year, set())
