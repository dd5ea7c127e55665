"""The payment doors: Stripe's webhooks, stored methods, payments, and pay links for staff."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import stripe

from api.app import create_app
from api.container import Container
from billing.persistence.unit_of_work import SqlUnitOfWork, make_engine
from billing.services.access import Caller
from billing.services.pay_desk import PayDesk
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders
from billing.services.webhook_inbox import WebhookInbox
from tests.builders_payments import PAY_BASE, RecordedProcess, TillWorld, a_till
from tests.contracts.simulator_process import WEBHOOK_SECRET, Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]


class EveryKey:
    """The key's text is its role."""

    async def caller_of(self, key: str) -> Caller:
        return Caller("Robin", key)


@dataclass
class Counter:
    """The doors, with the till behind them."""

    till: TillWorld
    process: RecordedProcess
    client: httpx.AsyncClient

    @property
    def account(self) -> str:
        return f"/v1/accounts/{self.till.account_id}"


def _client(till: TillWorld, process: Any, make_work: Any = None) -> httpx.AsyncClient:
    providers, access = PaymentProviders(till.provider), EveryKey()
    methods = MethodService(till.work, till.clock, providers, process)
    known: Any = access
    container = Container(
        make_work=till.work,
        clock=till.clock,
        process=process,
        public_url=PAY_BASE,
        access=known,
        payments=till.service,
        payment_methods=methods,
        paylinks=till.paylinks,
        pay_desk=PayDesk(till.work, till.clock, process, till.paylinks, till.sessions, till.outcomes(process)),
        webhook_inbox=WebhookInbox(
            make_work or till.work, process, {"stripe": till.provider}, methods, till.outcomes(process)
        ),
    )
    transport = httpx.ASGITransport(create_app(container), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=PAY_BASE, headers={"X-API-Key": "agent"})


@pytest.fixture
async def counter(database_url: str, faulty: Simulator) -> AsyncIterator[Counter]:
    async with a_till(database_url, faulty) as till:
        process = RecordedProcess()
        async with _client(till, process) as client:
            yield Counter(till, process, client)


def _webhook(subject: dict[str, Any], event_id: str = "evt_1") -> tuple[bytes, dict[str, str]]:
    body = {
        "id": event_id,
        "type": "payment_intent.succeeded",
        "created": int(time.time()),
        "data": {"object": subject},
    }
    text = json.dumps(body)
    signature = stripe.WebhookSignature.generate_signature_header(text, WEBHOOK_SECRET)
    return text.encode(), {"Stripe-Signature": signature}


async def test_a_webhook_is_answered_200_and_passed_on_once(counter: Counter) -> None:
    till = counter.till
    await till.a_bank_account()
    request = till.a_request(await till.an_announced_invoice(4210, lead_days=5), lead_days=5)
    await till.service.collect(request)
    metadata = {"account_id": till.account_id, "attempt_id": request.attempt_id}
    body, headers = _webhook({"id": "pi_1", "object": "payment_intent", "metadata": metadata})
    for _ in range(2):
        answer = await counter.client.post("/webhooks/stripe", content=body, headers=headers)
        assert answer.status_code == 200
    assert [fact.attempt_id for _, _, fact in counter.process.signals] == [request.attempt_id]


async def test_scenario_6_a_webhook_without_proof_is_400_and_not_stored(counter: Counter) -> None:
    body, headers = _webhook({"id": "pi_1", "object": "payment_intent"})
    answer = await counter.client.post("/webhooks/stripe", content=body + b" ", headers=headers)
    async with counter.till.work() as work:
        assert (answer.status_code, await work.payments.count_inbox()) == (400, {})


async def test_scenario_5_a_webhook_about_an_unknown_object_is_200_and_parked(counter: Counter) -> None:
    body, headers = _webhook({"id": "pi_of_another_shop", "object": "payment_intent"})
    for _ in range(2):
        answer = await counter.client.post("/webhooks/stripe", content=body, headers=headers)
        assert answer.status_code == 200
    async with counter.till.work() as work:
        assert await work.payments.count_inbox() == {"parked": 1}
    assert (counter.process.signals, await counter.till.kinds()) == ([], [])


async def test_scenario_42_without_a_database_the_provider_is_asked_to_send_again(counter: Counter) -> None:
    away = make_engine("postgresql+psycopg://nobody@127.0.0.1:9/nothing")
    body, headers = _webhook({"id": "pi_1", "object": "payment_intent"})
    async with _client(counter.till, counter.process, lambda: SqlUnitOfWork(away)) as client:
        answer = await client.post("/webhooks/stripe", content=body, headers=headers)
    await away.dispose()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


async def test_a_webhook_has_a_limit(counter: Counter) -> None:
    answer = await counter.client.post("/webhooks/stripe", content=b"x" * 600_000)
    assert answer.status_code == 413


async def test_methods_are_stored_listed_and_removed(counter: Counter) -> None:
    stored = await counter.client.post(f"{counter.account}/payment-methods", json={"provider_method": "pm_card_visa"})
    listed = (await counter.client.get(f"{counter.account}/payment-methods")).json()["methods"]
    assert (stored.status_code, listed[0]["last_four"], listed[0]["in_use"]) == (201, "4242", True)
    assert counter.process.signals[0][1] == "payment_method_changed"
    address = f"{counter.account}/payment-methods/{listed[0]['method_id']}"
    assert (await counter.client.delete(address)).status_code == 204
    assert (await counter.client.delete(address)).status_code == 204
    assert (await counter.client.get(f"{counter.account}/payment-methods")).json() == {"methods": []}


async def test_a_method_that_cannot_be_used_is_refused_with_the_way_out(counter: Counter) -> None:
    wanted = {"provider_method": "pm_card_authenticationRequired"}
    answer = await counter.client.post(f"{counter.account}/payment-methods", json=wanted)
    assert (answer.status_code, answer.json()["field"]) == (409, "provider_method")
    assert "hosted setup page" in answer.json()["remedy"]


async def test_a_method_left_on_the_hosted_page_is_stored_when_the_customer_is_back(counter: Counter) -> None:
    page = (await counter.client.post(f"{counter.account}/payment-methods/setup", json={})).json()
    complete = f"{counter.account}/payment-methods/setup/complete"
    early = await counter.client.post(complete, json={"reference": page["reference"]})
    form = {"method": "sepa_debit", "iban": "DE89370400440532013000", "name": "Sanne de Vries", "action": "pay"}
    async with httpx.AsyncClient() as browser:
        await browser.post(page["url"], data=form, timeout=20)
    stored = (await counter.client.post(complete, json={"reference": page["reference"]})).json()["methods"]
    assert (early.json(), len(stored)) == ({"methods": []}, 1)
    assert (stored[0]["kind"], stored[0]["last_four"], stored[0]["mandate_status"]) == ("sepa_debit", "3000", "active")


async def test_a_setup_page_nobody_opened_is_404(counter: Counter) -> None:
    complete = f"{counter.account}/payment-methods/setup/complete"
    for reference in ("cs_test_never", "seti_never"):
        answer = await counter.client.post(complete, json={"reference": reference})
        assert (answer.status_code, answer.json()["field"]) == (404, "reference")


async def test_payments_are_listed_newest_first(counter: Counter) -> None:
    await counter.till.a_card()
    for _ in range(2):
        invoice = await counter.till.an_announced_invoice(4210)
        await counter.till.service.collect(counter.till.a_request(invoice))
    payments = (await counter.client.get(f"{counter.account}/payments")).json()["payments"]
    assert [(one["status"], one["received_minor"]) for one in payments] == [("succeeded", 4210)] * 2
    assert payments[0]["created_at"] > payments[1]["created_at"]


async def test_a_paylink_is_shown_and_revoked(counter: Counter) -> None:
    shown = (await counter.client.get(f"{counter.account}/paylink")).json()["url"]
    revoked = (await counter.client.post(f"{counter.account}/paylink")).json()["url"]
    assert (shown.startswith(f"{PAY_BASE}/pay/"), shown != revoked) == (True, True)
    assert (await counter.client.get(f"{counter.account}/paylink")).json()["url"] == revoked


async def test_staff_open_a_pay_page_through_the_process(counter: Counter) -> None:
    answer = await counter.client.post(f"{counter.account}/pay-session")
    workflow, update, command = counter.process.commands[0]
    assert (answer.json()["url"], workflow, update) == (
        "https://provider.example/page",
        "account/vonk/A100001",
        "open_pay_session",
    )
    assert command.author == "Robin"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/payment-methods"), ("POST", "/paylink"), ("POST", "/pay-session"), ("DELETE", "/payment-methods/pm_1")],
)
async def test_viewers_look_and_do_not_touch(counter: Counter, method: str, path: str) -> None:
    viewer = {"X-API-Key": "viewer"}
    body = {"provider_method": "pm_card_visa"} if path == "/payment-methods" else None
    answer = await counter.client.request(method, f"{counter.account}{path}", headers=viewer, json=body)
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/payments", "/payment-methods", "/paylink"])
async def test_an_unknown_account_is_404(counter: Counter, path: str) -> None:
    assert (await counter.client.get(f"/v1/accounts/acc_999999{path}")).status_code == 404
