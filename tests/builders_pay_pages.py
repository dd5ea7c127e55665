"""A customer's phone at the pay page, the provider behind it, and a process that does at once what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from api.app import create_app
from api.container import Container
from api.portal.looks import PortalLooks
from billing.domain.errors import NotFound
from billing.messages.account import CommandResult, OpenPaySession, PaymentOutcomeReceived
from billing.messages.payments import PaySessionRequest
from billing.services.customer_secrets import CustomerSecrets
from billing.services.customer_tries import CustomerTries
from billing.services.pay_desk import PayDesk
from tests.builders_payments import PAY_BASE, SIGNING_KEY, TillWorld, a_till
from tests.contracts.simulator_process import Simulator


@dataclass
class PromptProcess:
    """What the account's process does with a customer's wish, at once."""

    till: TillWorld
    opened: int = 0
    away: bool = False
    failure: Exception = field(default_factory=lambda: NotFound("No open workflow."))

    async def command(self, workflow_id: str, update: str, command: OpenPaySession) -> CommandResult:
        assert (workflow_id, update) == ("account/vonk/A100001", "open_pay_session")
        if self.away:
            raise self.failure
        self.opened += 1
        attempt_id = f"page-{self.opened}-{self.till.simulator.port}-{id(self)}"
        request = PaySessionRequest(self.till.account_id, attempt_id, amount_minor=command.amount_minor)
        page = await self.till.service.open_pay_session(request)
        return CommandResult(command.command_id, bool(page.url), page.reason, page.url)

    async def signal(self, workflow_id: str, signal: str, payload: PaymentOutcomeReceived) -> None:
        if self.away:
            raise self.failure
        await self.till.settle(payload.attempt_id)


@dataclass
class Customer:
    """A customer's phone."""

    till: TillWorld
    phone: httpx.AsyncClient
    process: PromptProcess

    async def link(self) -> str:
        return (await self.till.paylinks.paylink_for(self.till.account_id)).removeprefix(PAY_BASE)

    async def pays_at_the_bank(self, url: str, method: dict[str, str]) -> str:
        form = {"action": "pay", "name": "Sanne de Vries", "expiry": "12/40", "cvc": "123", **method}
        async with httpx.AsyncClient() as browser:
            answer = await browser.post(url, data=form, timeout=20)
        return answer.headers["location"].removeprefix(PAY_BASE)

    async def money_taken(self) -> int:
        """What the provider kept of the account's charges: what was given back again is taken off."""
        client, taken = self.till.simulator.stripe(), 0
        for charged in await self.till.charges():
            given_back = await asyncio.to_thread(client.v1.refunds.list, {"payment_intent": charged.id})
            taken += charged.amount - sum(one.amount for one in given_back.data)
        return taken

    async def tries_to_pay(self, url: str, method: dict[str, str]) -> int:
        """What the provider's page answers: on its way back, or that it was paid already."""
        form = {"action": "pay", "name": "Sanne de Vries", "expiry": "12/40", "cvc": "123", **method}
        async with httpx.AsyncClient(trust_env=False) as browser:
            return (await browser.post(url, data=form, timeout=20)).status_code


CARD = {"method": "card", "number": "4242424242424242"}
BANK = {"method": "sepa_debit", "iban": "DE89370400440532013000"}


@asynccontextmanager
async def a_pay_page_customer(database_url: str, faulty: Simulator) -> AsyncIterator[Customer]:
    """A customer of a database of their own, with the simulator as provider."""
    async with a_till(database_url, faulty) as till:
        process: Any = PromptProcess(till)
        outcomes = till.outcomes(process)
        desk = PayDesk(till.work, till.clock, process, till.paylinks, till.sessions, outcomes, patience=())
        container = Container(
            make_work=till.work,
            clock=till.clock,
            process=process,
            public_url=PAY_BASE,
            pay_desk=desk,
            portal_looks=PortalLooks(till.work, till.clock),
            customer_tries=CustomerTries(till.work, CustomerSecrets(SIGNING_KEY)),
        )
        transport = httpx.ASGITransport(create_app(container), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=PAY_BASE) as phone:
            yield Customer(till, phone, process)
