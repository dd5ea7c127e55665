"""Direct debits through the real Stripe client: pending for days, then money or a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from tests.contracts.simulator_process import (
    Listener,
    Simulator,
    a_customer,
    an_account,
    collect,
    wait_for,
)

pytest_plugins = ["tests.contracts.simulator_fixtures"]


def settled(simulator: Simulator, payment_id: str) -> Any:
    """The payment after its bank answered."""
    simulator.control("POST", "/settle", {"payment_intent": payment_id})
    return simulator.stripe().v1.payment_intents.retrieve(payment_id, {"expand": ["latest_charge"]})


def test_setting_up_an_account_makes_a_mandate(simulator: Simulator) -> None:
    client = simulator.stripe()
    setup = an_account(client, a_customer(client))
    mandate = client.v1.mandates.retrieve(setup.mandate)
    assert (setup.status, mandate.status, mandate.payment_method) == ("succeeded", "active", setup.payment_method)
    assert mandate.payment_method_details.sepa_debit.reference


def test_a_debit_is_pending_and_then_succeeds(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    setup = an_account(client, customer)
    payment = collect(client, customer, setup.payment_method)
    assert (payment.status, payment.latest_charge.status) == ("processing", "pending")
    assert payment.latest_charge.payment_method_details.sepa_debit.mandate == setup.mandate
    assert settled(simulator, payment.id).status == "succeeded"
    listener.wait_for_event("payment_intent.succeeded", payment.id)
    assert "payment_intent.processing" in listener.events(payment.id)


@pytest.mark.parametrize(
    ("iban", "code", "reason_code"),
    [
        ("DE62370400440532013001", "payment_intent_payment_attempt_failed", "MS03"),
        ("DE65370400440002222227", "insufficient_funds", "AM04"),
        ("DE78370400440532013004", "payment_intent_payment_attempt_failed", "MS03"),
        ("DE65370400440000343434", "charge_exceeds_source_limit", None),
    ],
)
def test_a_test_account_fails_days_later_with_its_reason(
    simulator: Simulator, listener: Listener, iban: str, code: str, reason_code: str | None
) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    payment = collect(client, customer, an_account(client, customer, iban).payment_method)
    assert payment.status == "processing"
    failed = settled(simulator, payment.id)
    assert (failed.status, failed.last_payment_error.code) == ("requires_payment_method", code)
    assert (failed.latest_charge.status, failed.latest_charge.failure_code) == ("failed", code)
    assert failed.latest_charge.outcome.network_decline_code == reason_code
    listener.wait_for_event("payment_intent.payment_failed", payment.id)


@pytest.mark.parametrize("code", ["debit_not_authorized", "account_closed", "recipient_deceased"])
def test_a_failure_that_ends_the_permission_ends_the_mandate(
    simulator: Simulator, listener: Listener, code: str
) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    setup = an_account(client, customer)
    simulator.control("POST", "/scripts", {"subject": f"customer:{customer}", "outcomes": [code]})
    payment = collect(client, customer, setup.payment_method)
    assert settled(simulator, payment.id).last_payment_error.code == code
    listener.wait_for_event("mandate.updated", setup.mandate)
    assert client.v1.mandates.retrieve(setup.mandate).status == "inactive"


def test_a_revoked_mandate_refuses_the_next_debit(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    setup = an_account(client, customer)
    simulator.control("POST", "/mandates/revoke", {"payment_method": setup.payment_method})
    listener.wait_for_event("mandate.updated", setup.mandate)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        collect(client, customer, setup.payment_method)
    assert caught.value.code == "payment_intent_mandate_invalid"


def test_the_disputed_account_pays_and_takes_the_money_back(simulator: Simulator, listener: Listener) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    payment = collect(client, customer, an_account(client, customer, "DE35370400440532013002").payment_method)
    assert settled(simulator, payment.id).latest_charge.disputed
    listener.wait_for_event("charge.dispute.created", payment.id)


def test_only_euro_is_debited(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    with pytest.raises(stripe.InvalidRequestError, match="eur"):
        collect(client, customer, an_account(client, customer).payment_method, currency="gbp")


@pytest.mark.parametrize("days", [1, 30])
def test_a_target_date_too_near_or_too_far_is_refused(simulator: Simulator, days: int) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    target = (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
    with pytest.raises(stripe.InvalidRequestError, match="target_date"):
        collect(
            client,
            customer,
            an_account(client, customer).payment_method,
            payment_method_options={"sepa_debit": {"target_date": target}},
        )


def test_a_debit_with_a_later_target_date_can_still_be_cancelled(simulator: Simulator) -> None:
    client = simulator.stripe()
    customer = a_customer(client)
    target = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    method = an_account(client, customer).payment_method
    later = collect(client, customer, method, payment_method_options={"sepa_debit": {"target_date": target}})
    assert client.v1.payment_intents.cancel(later.id).status == "canceled"
    now = collect(client, customer, method)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.cancel(now.id)
    assert caught.value.code == "payment_intent_unexpected_state"


def test_an_iban_with_wrong_check_digits_is_refused(simulator: Simulator) -> None:
    client = simulator.stripe()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        an_account(client, a_customer(client), "DE00370400440532013000")
    assert caught.value.code == "invalid_bank_account_iban"


def test_debits_settle_on_banking_days_of_the_business_clock(tmp_path: Any, listener: Listener) -> None:
    own = Simulator(tmp_path, listener)
    try:
        now = datetime.now(UTC)
        # A Thursday before Easter: three banking days later is the Thursday after.
        clock = {"real_start": now.isoformat(), "business_start": "2026-04-02T09:00:00Z", "rate": 259_200}
        own.control("POST", "/clock", clock)
        client = own.stripe()
        customer = a_customer(client)
        payment = collect(client, customer, an_account(client, customer).payment_method)
        wait_for(lambda: client.v1.payment_intents.retrieve(payment.id).status == "succeeded")
        business = datetime.fromisoformat(own.control("GET", "/state")["business_time"])
        assert business >= datetime(2026, 4, 9, tzinfo=UTC)
    finally:
        own.stop()
