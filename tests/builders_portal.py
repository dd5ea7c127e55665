"""Self-service over a filled database: browsers that keep cookies and forms, messengers that keep what they got."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from api.portal.looks import PortalLooks
from billing.adapters.pdf import PdfRenderer
from billing.adapters.stripe import StripePayments
from billing.persistence.unit_of_work import SqlUnitOfWork
from billing.services.access_notices import AccessNotices
from billing.services.customer_access import CustomerAccess
from billing.services.customer_choices import CustomerChoices
from billing.services.customer_contacts import CustomerContacts
from billing.services.customer_export import CustomerExport
from billing.services.customer_money import CustomerMoney
from billing.services.customer_secrets import CustomerSecrets
from billing.services.customer_sessions import CustomerSessions
from billing.services.customer_tries import CustomerTries
from billing.services.disputes import DisputeService
from billing.services.invoicing import InvoicingService
from billing.services.method_links import MethodLinks
from billing.services.pay_desk import PayDesk
from billing.services.pay_sessions import PaySessionService
from billing.services.paylinks import Paylinks
from billing.services.payment_calls import PaymentCalls
from billing.services.payment_methods import MethodService
from billing.services.payment_outcomes import PaymentOutcomes
from billing.services.payment_plans import PaymentPlans
from billing.services.payment_providers import PaymentProviders
from billing.services.payments import PaymentService
from billing.services.self_service_links import SelfServiceLinks, our_address
from billing.services.usage_limits import LimitService
from tests.builders_notices import ScriptedMessenger, a_paylink
from tests.builders_payments import SIGNING_KEY
from tests.doors.console_data import FULL_ACCOUNT, RUNNING, fill
from tests.doors.doors_world import DOOR, DoorsWorld, a_doors_world

EMAIL = "sanne@example.com"
MOBILE = "+31612345678"
KEY = "a key for tests"
_FORM = re.compile(r'name="form" value="([^"]+)"')
_CODE = re.compile(r"\b\d{6}\b")


@dataclass
class RealTime:
    """Real time, moved by hand."""

    at: datetime = field(default_factory=lambda: datetime(2027, 2, 1, 12, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Browser:
    """A browser: it keeps cookies, and sends back the form of the page it looks at."""

    client: httpx.AsyncClient
    page: str = ""

    async def get(self, path: str, **more: Any) -> httpx.Response:
        answer = await self.client.get(path, **more)
        self.page = answer.text if "html" in answer.headers.get("content-type", "") else self.page
        return answer

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        """Send the form of the page; ``form`` may be given to send another one."""
        found = _FORM.search(self.page)
        sent = {"form": found.group(1) if found else "", **fields}
        answer = await self.client.post(path, data=sent)
        self.page = answer.text if "html" in answer.headers.get("content-type", "") else self.page
        return answer

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        return await self.get(answer.headers["location"])


@dataclass
class PortalWorld:
    """The doors with self-service, and what customers got."""

    doors: DoorsWorld
    email: ScriptedMessenger
    sms: ScriptedMessenger
    time: RealTime
    links: SelfServiceLinks
    make_client: Callable[..., httpx.AsyncClient]
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def browser(self, address: str = "203.0.113.7", language: str = "en") -> Browser:
        """One at a network address."""
        self.clients.append(self.make_client(address, language))
        return Browser(self.clients[-1])

    def code(self) -> str:
        """The newest code sent to anybody."""
        newest = self.sms.sent[-1] if self.sms.sent else self.email.sent[-1]
        found = _CODE.search(newest.content.text)
        assert found
        return found.group(0)

    async def asks(self, browser: Browser, contact: str = EMAIL) -> httpx.Response:
        """Ask for a code."""
        await browser.get("/my/sign-in")
        answer = await browser.post("/my/sign-in", contact=contact)
        await self.doors.container.customer_access.settled()
        return answer

    async def signed_in(self, account_id: str = FULL_ACCOUNT) -> Browser:
        """A browser of a customer who came by the address in a message."""
        browser = self.browser()
        await browser.get(f"/my/h/{self.links.token(account_id)}")
        await self.asks(browser)
        await browser.get("/my/sign-in/code")
        answer = await browser.post("/my/sign-in/code", code=self.code())
        assert answer.status_code == 303, answer.text
        return browser


@asynccontextmanager
async def a_portal(database_url: str) -> AsyncIterator[PortalWorld]:
    """Three accounts of one contact, the first with bills, payments and a case."""
    email, sms, time = ScriptedMessenger("sendgrid"), ScriptedMessenger("twilio"), RealTime()
    secrets = CustomerSecrets(KEY)
    links = SelfServiceLinks(secrets, time)
    async with a_doors_world(database_url, session_key=KEY, self_service_links=links) as doors:
        provider = StripePayments("sk_test_unused", ("whsec_unused",), "http://127.0.0.1:1/stripe", 1.0)
        parts = _parts(doors, {"email": email, "sms": sms}, provider, secrets, time, links)
        for name, part in parts.items():
            object.__setattr__(doors.container, name, part)
        await doors.process.start_account(RUNNING)
        async with doors.work() as work:
            assert isinstance(work, SqlUnitOfWork)
            await fill(work, accounts=3)

        def make_client(address: str, language: str) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(doors.app, raise_app_exceptions=False, client=(address, 5000))
            return httpx.AsyncClient(transport=transport, base_url=DOOR, headers={"Accept-Language": language})

        world = PortalWorld(doors, email, sms, time, links, make_client)
        yield world
        for client in world.clients:
            await client.aclose()
        await provider.close()


def _parts(
    doors: DoorsWorld,
    messengers: dict[str, Any],
    provider: StripePayments,
    secrets: CustomerSecrets,
    time: RealTime,
    links: SelfServiceLinks,
) -> dict[str, Any]:
    make_work, clock, process = doors.container.make_work, doors.container.clock, doors.process
    tries, providers = CustomerTries(make_work, secrets), PaymentProviders(provider)
    notices = AccessNotices(make_work, clock, messengers, a_paylink, links.address)
    paylinks = Paylinks(make_work, (SIGNING_KEY,), DOOR)
    sessions = PaySessionService(make_work, clock, providers, paylinks, PaymentCalls(make_work, clock, providers))
    payments = PaymentService(make_work, clock, providers, paylinks)
    outcomes = PaymentOutcomes(make_work, clock, process, payments.settle)
    invoicing = InvoicingService(make_work, clock, PdfRenderer())
    return {
        "portal_looks": PortalLooks(make_work, clock),
        "customer_access": CustomerAccess(make_work, secrets, tries, notices, f"{our_address(DOOR)}/link", time),
        "customer_sessions": CustomerSessions(make_work, clock, secrets, time),
        "customer_money": CustomerMoney(make_work, clock, sessions),
        "customer_tries": tries,
        "customer_choices": CustomerChoices(make_work, clock),
        "customer_contacts": CustomerContacts(make_work, clock, secrets, tries, notices, time),
        "customer_export": CustomerExport(make_work, clock, invoicing),
        "invoicing": invoicing,
        "disputes": DisputeService(make_work, clock, process),
        "payments": payments,
        "payment_methods": MethodService(make_work, clock, providers),
        "method_links": MethodLinks(make_work, (SIGNING_KEY,), DOOR),
        "pay_desk": PayDesk(make_work, clock, process, paylinks, sessions, outcomes),
        "payment_plans": PaymentPlans(make_work, clock),
        "limits": LimitService(make_work, clock, doors.container.usage.thresholds),
    }
