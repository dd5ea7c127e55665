"""A customer's phone at the page of payment methods, the provider behind it, and what staff see of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx

from api.container import Container
from api.portal.looks import PortalLooks
from billing.services.access import Caller
from billing.services.customer_secrets import CustomerSecrets
from billing.services.customer_tries import CustomerTries
from billing.services.method_desk import MethodDesk
from billing.services.method_links import MethodLinks
from billing.services.payment_methods import MethodService
from billing.services.payment_providers import PaymentProviders
from billing.services.retry_policies import RetryPolicyService
from tests.builders_payments import PAY_BASE, SIGNING_KEY, RecordedProcess, TillWorld

CREDITOR = "NL00ZZZ000000000000"
PHONE = {"user-agent": "Phone/1.0"}
CARD = {"method": "card", "number": "4242424242424242", "expiry": "12/40", "cvc": "123"}
IBAN = {"method": "sepa_debit", "iban": "DE89370400440532013000"}
UK_ACCOUNT = {"method": "bacs_debit", "sort_code": "10-88-00", "account_number": "00012345"}


class EveryKey:
    """The key's text is its role."""

    async def caller_of(self, key: str) -> Caller:
        return Caller("Robin", key)


@dataclass
class Customer:
    """A customer's phone, and what staff see of it."""

    till: TillWorld
    phone: httpx.AsyncClient
    links: MethodLinks
    process: RecordedProcess

    async def link(self) -> str:
        return (await self.links.paylink_for(self.till.account_id)).removeprefix(PAY_BASE)

    async def page(self) -> str:
        return (await self.phone.get(await self.link())).text

    async def press(self, action: str, page: str, place: int = 0) -> httpx.Response:
        """Send one of the page's forms of an action."""
        link = await self.link()
        form = rf'action="{re.escape(link)}/{action}">\s*<input type="hidden" name="proof" value="([^"]+)"'
        return await self.phone.post(f"{link}/{action}", data={"proof": re.findall(form, page)[place]})

    async def at_the_provider(self, url: str, form: dict[str, str]) -> str:
        """Fill in the provider's page; where it leads back to."""
        async with httpx.AsyncClient(trust_env=False) as browser:
            answer = await browser.post(url, data={"action": "pay", "name": "Sanne de Vries", **form}, timeout=20)
        return answer.headers["location"].removeprefix(PAY_BASE)

    async def adds(self, kind: str, form: dict[str, str]) -> str:
        """The whole way: read, agree, enter, come back; the page then."""
        offer = await self.phone.get(f"{await self.link()}/add/{kind}")
        to_provider = await self.press("agree", offer.text)
        back = await self.at_the_provider(to_provider.headers["location"], form)
        return (await self.phone.get(back)).text

    async def staff(self, path: str, role: str = "agent") -> httpx.Response:
        address = f"/v1/accounts/{self.till.account_id}/{path}"
        return await self.phone.get(address, headers={"X-API-Key": role})


def a_container(till: TillWorld, process: Any, links: MethodLinks) -> Container:
    providers, access = PaymentProviders(till.provider), EveryKey()
    methods = MethodService(till.work, till.clock, providers, process)
    known: Any = access
    return Container(
        make_work=till.work,
        clock=till.clock,
        process=process,
        public_url=PAY_BASE,
        access=known,
        payments=till.service,
        portal_looks=PortalLooks(till.work, till.clock),
        customer_tries=CustomerTries(till.work, CustomerSecrets(SIGNING_KEY)),
        payment_methods=methods,
        method_links=links,
        retry_policies=RetryPolicyService(till.work, till.clock),
        method_desk=MethodDesk(till.work, till.clock, links, methods, providers, CREDITOR),
    )
