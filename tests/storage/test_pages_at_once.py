"""Two pages of one account at once: the later press counts, and money paid on any of them is the customer's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from billing.messages.payments import PaymentStatus, PaySessionRequest
from billing.ports.payment_provider import Cancelled, HostedPage, PaySessionCommand, ProviderAway
from billing.ports.payments import Attempt
from billing.services.pay_sessions import PaySessionService
from billing.services.payment_calls import PaymentCalls
from billing.services.payment_providers import PaymentProviders
from tests.builders_pay_pages import CARD
from tests.builders_payments import TillWorld, a_till
from tests.contracts.simulator_process import Simulator

pytest_plugins = ["tests.contracts.simulator_fixtures"]
PORTAL = "https://my.vonk.example/my/pay/done"


@dataclass
class SlowProvider:
    """The provider, whose first page is there long before its address comes back."""

    provider: Any
    page: HostedPage | None = None
    made: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.provider, name)

    async def open_pay_session(self, command: PaySessionCommand) -> HostedPage:
        opened: HostedPage = await self.provider.open_pay_session(command)
        if self.page is None:
            self.page = opened
            self.made.set()
            await self.go.wait()
        return opened


@pytest.fixture
async def till(database_url: str, faulty: Simulator) -> AsyncIterator[TillWorld]:
    async with a_till(database_url, faulty) as world:
        yield world


def a_page(till: TillWorld, name: str, return_url: str = "") -> PaySessionRequest:
    return PaySessionRequest(till.account_id, f"{name}-{till.simulator.port}-{id(till)}", return_url)


async def attempt_of(till: TillWorld, request: PaySessionRequest) -> Attempt:
    async with till.work() as work:
        found = await work.payments.attempt(request.account_id, request.attempt_id)
    assert found is not None
    return found


async def pays(url: str) -> None:
    async with httpx.AsyncClient() as browser:
        form = {"action": "pay", "name": "Sanne de Vries", "expiry": "12/40", "cvc": "123", **CARD}
        assert (await browser.post(url, data=form, timeout=20)).status_code < 400


def slow(till: TillWorld) -> tuple[SlowProvider, PaySessionService]:
    provider: Any = SlowProvider(till.provider)
    providers = PaymentProviders(provider)
    calls = PaymentCalls(till.work, till.clock, providers)
    return provider, PaySessionService(till.work, till.clock, providers, till.paylinks, calls)


async def test_a_press_that_was_overtaken_gives_the_later_page_and_closes_its_own(till: TillWorld) -> None:
    invoice = await till.an_invoice(4210)
    (provider, sessions), first, second = slow(till), a_page(till, "first"), a_page(till, "second")
    pressed = asyncio.create_task(sessions.open(first))
    await provider.made.wait()
    shown = await sessions.open(second)
    provider.go.set()
    assert (await pressed).url == shown.url
    overtaken = await attempt_of(till, first)
    assert overtaken.status == PaymentStatus.CANCELLED
    assert (await till.provider.pay_session(overtaken.provider_session)).outcome == Cancelled()
    await pays(shown.url)
    await till.settle(second.attempt_id)
    assert (await till.open_of(invoice), await till.kinds()) == (0, ["payment_received"])


async def test_money_paid_on_an_overtaken_page_is_booked_and_the_second_payment_given_back(till: TillWorld) -> None:
    invoice = await till.an_invoice(4210)
    (provider, sessions), first, second = slow(till), a_page(till, "first"), a_page(till, "second")
    pressed = asyncio.create_task(sessions.open(first))
    await provider.made.wait()
    shown = await sessions.open(second)
    assert provider.page is not None
    await pays(provider.page.url)
    provider.go.set()
    await pressed
    assert (await attempt_of(till, first)).status == PaymentStatus.SUCCEEDED
    assert await till.open_of(invoice) == 0
    await pays(shown.url)
    await till.settle(second.attempt_id)
    assert (await till.credit(), (await till.kinds()).count("refund_paid")) == (0, 1)


async def test_money_of_an_overtaken_page_is_found_though_its_address_never_came_back(till: TillWorld) -> None:
    invoice = await till.an_invoice(4210)
    (provider, sessions), first = slow(till), a_page(till, "first")
    pressed = asyncio.create_task(sessions.open(first))
    await provider.made.wait()
    await sessions.open(a_page(till, "second"))
    pressed.cancel()  # the worker was killed
    assert provider.page is not None
    await pays(provider.page.url)
    late = await till.settle(first.attempt_id)
    assert (late.status, late.received_minor, await till.open_of(invoice)) == (PaymentStatus.SUCCEEDED, 4210, 0)


async def test_a_debit_overtakes_a_page_that_is_being_opened(till: TillWorld) -> None:
    await till.a_card()
    invoice = await till.an_announced_invoice(4210)
    (provider, sessions), first = slow(till), a_page(till, "first")
    pressed = asyncio.create_task(sessions.open(first))
    await provider.made.wait()
    assert (await till.service.collect(till.a_request(invoice))).status == PaymentStatus.SUCCEEDED
    provider.go.set()
    answer = await pressed
    assert (answer.url, "closed" in answer.reason, len(await till.charges())) == ("", True, 1)


async def test_a_page_is_used_again_by_the_door_it_leads_back_to_and_by_no_other(till: TillWorld) -> None:
    await till.an_invoice(4210)
    by_link, signed_in = a_page(till, "link"), a_page(till, "portal", PORTAL)
    page = await till.sessions.open(by_link)
    other = await till.sessions.open(signed_in)
    again = await till.sessions.open(a_page(till, "again", PORTAL))
    assert (other.url != page.url, again.url) == (True, other.url)
    assert (await attempt_of(till, by_link)).status == PaymentStatus.CANCELLED


async def test_after_a_server_error_the_same_call_opens_a_page_under_a_new_key(till: TillWorld) -> None:
    await till.an_invoice(4210)
    till.simulator.fault("error_500_before", path="/stripe/v1/checkout/sessions", method="POST", count=1)
    request = a_page(till, "away")
    with pytest.raises(ProviderAway):
        await till.sessions.open(request)
    assert (await till.sessions.open(request)).url
    assert (await attempt_of(till, request)).call_number == 2
