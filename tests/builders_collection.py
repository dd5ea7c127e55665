"""A small world for whole collections: money, messages, dunning and network of one account, all vendors at a simulator.

What the account's process does between the services is done here by name: ``debit``, ``hand_over``, ``carry_out``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx

from billing.adapters.http_network import HttpNetwork
from billing.adapters.sendgrid.callbacks import SendGridCallbacks
from billing.adapters.sendgrid.messenger import SendGridMessenger
from billing.adapters.twilio.messenger import TwilioMessenger
from billing.messages.dunning import (
    BarringResult,
    BarringState,
    DecideRequest,
    NextAction,
    NextStep,
    OpenCaseRequest,
    OpenedCase,
    OrderCheck,
    PlacedOrder,
    StepDone,
)
from billing.messages.notices import NoticeKind, NoticeRequest
from billing.messages.payments import PaymentResult, PaySession, PaySessionRequest
from billing.ports.payments import PaymentMethod
from billing.services.announcing import AnnouncingService
from billing.services.barring import BarringService
from billing.services.dunning import DunningService
from billing.services.dunning_policies import ensure_default
from billing.services.notice_composing import Composer
from billing.services.notice_delivery import NoticeDelivery
from billing.services.notices import NoticeService
from tests.builders import a_service
from tests.builders_payments import TillWorld, a_till
from tests.contracts.simulator_process import ACCOUNT_SID, AUTH_TOKEN, Simulator

A_TUESDAY_MORNING = datetime(2027, 6, 8, 8, 0, tzinfo=UTC)  # 10:00 in Amsterdam
GOOD_CARD = {"method": "card", "number": "4242424242424242", "expiry": "12/40", "cvc": "123"}
_customers = count(1)


@dataclass
class CollectionWorld:
    """One customer with a mobile line, reachable at addresses of its own."""

    till: TillWorld
    email: str
    mobile: str

    def __post_init__(self) -> None:
        till, url = self.till, self.till.simulator.url
        key = till.simulator.control("GET", "/sendgrid/public-key")["public_key"]
        mails = SendGridMessenger("SG.sim-collection", "", SendGridCallbacks([key]), api_base=f"{url}/sendgrid")
        texts = TwilioMessenger(ACCOUNT_SID, AUTH_TOKEN, "+15005550006", "", api_base=f"{url}/twilio")
        composer = Composer(till.paylinks.paylink_for)
        delivery = NoticeDelivery(till.work, till.clock, {"email": mails, "sms": texts}, composer)
        self.notices = NoticeService(till.work, till.clock, delivery)
        self.announcing = AnnouncingService(till.work, till.clock, self.notices, till.service)
        self.dunning = DunningService(till.work, till.clock)
        self.network = HttpNetwork(f"{url}/network")
        self.barring = BarringService(till.work, till.clock, self.network)

    @property
    def account_id(self) -> str:
        return self.till.account_id

    def pass_days(self, days: int) -> None:
        """The same hour some days later."""
        assert self.till.clock.at is not None
        self.till.clock.at += timedelta(days=days)

    async def script(self, method: PaymentMethod, *outcomes: str) -> None:
        """The coming outcomes of a method, as the simulator names them; afterwards it pays."""
        subject = f"payment_method:{method.provider_method}"
        await self.till.control("POST", "/scripts", {"subject": subject, "outcomes": list(outcomes)})

    async def debit(self, *invoices: str, amount_minor: int = 4210) -> PaymentResult:
        """Collect on the announced date, which is today."""
        return await self.till.service.collect(self.till.a_request(*invoices, amount_minor=amount_minor))

    async def a_failed_debit(self, outcome: str) -> tuple[str, PaymentResult]:
        """A card debit that the bank refused: the invoice, and what the process was told."""
        await self.script(await self.till.a_card(), outcome)
        invoice = await self.till.an_announced_invoice(4210)
        return invoice, await self.debit(invoice)

    # Dunning, as its process carries it out -----------------------------------------------------------------------

    async def hand_over(self, invoice: str, result: PaymentResult) -> OpenedCase:
        """The account gives a failed amount to dunning."""
        return await self.dunning.open_case(
            OpenCaseRequest(self.account_id, (invoice,), result.category, result.attempt_id)
        )

    async def decide(self, case: OpenedCase, done: StepDone | None = None) -> NextStep:
        return await self.dunning.decide(DecideRequest(self.account_id, case.case_id, done))

    async def carry_out(self, case: OpenedCase) -> list[NextStep]:
        """Every step that is due now, really sent and ordered; the last one is the wait."""
        steps = [await self.decide(case)]
        while (step := steps[-1]).action in (NextAction.NOTIFY, NextAction.WARN, NextAction.BAR, NextAction.RETRY):
            detail = await self._do(case, step, len(steps))
            steps.append(await self.decide(case, StepDone(step.step, step.action, detail, step.occasion)))
        return steps

    async def _do(self, case: OpenedCase, step: NextStep, number: int) -> str:
        if step.action is NextAction.BAR:
            return await self.set_services(step.level, f"{case.case_id}-{number}-{step.level}")
        if step.action is NextAction.RETRY:
            return "asked"
        result = await self.notices.send(
            NoticeRequest(
                self.account_id,
                step.notice or NoticeKind.DUNNING_REMINDER,
                case.case_id,
                step.occasion or step.step,
                step.amount_minor,
                step.currency,
                step.on,
                step.invoice_ids,
            )
        )
        assert result.status in ("sent", "repeated"), result
        return result.status

    async def until_barred(self, case: OpenedCase) -> None:
        """Day after day until the line is restricted."""
        for _ in range(30):
            await self.carry_out(case)
            if await self.level() != "none":
                return
            self.pass_days(1)
        raise AssertionError("nobody was barred within thirty days")

    # The network --------------------------------------------------------------------------------------------------

    def order(self, level: str, name: str) -> BarringState:
        """An order with an id that no other test's account has used at the network."""
        return BarringState(self.account_id, "vonk", "A100001", f"{name}-{self.mobile[-7:]}", level, "not paid")

    async def set_services(self, level: str, name: str) -> str:
        """Order a level and ask the network until it holds."""
        state = self.order(level, name)
        placed = await self.barring.place_order(state)
        await self.until_confirmed(state, placed)
        await self.barring.record_outcome(BarringResult(self.account_id, state.order_id, level, "confirmed", "x"))
        return "confirmed"

    async def until_confirmed(self, state: BarringState, placed: PlacedOrder) -> None:
        for _ in range(200):
            if not placed.pending_service_ids:
                return
            await asyncio.sleep(0.05)
            placed = await self.barring.check_order(OrderCheck(state, placed.pending_service_ids))
        raise AssertionError(f"the network never came to {state.level}")

    async def level(self) -> str:
        """The line's level by our records."""
        async with self.till.work() as work:
            (line,) = await work.accounts.services(self.account_id)
        return line.barring_level

    async def level_at_the_network(self) -> str:
        return (await self.network.get_state(self.mobile)).level

    # What the customer sees and does ------------------------------------------------------------------------------

    async def told(self) -> list[str]:
        """The kinds of notices that went out, oldest first."""
        async with self.till.work() as work:
            return [str(one.kind) for one in reversed(await work.notices.of(self.account_id)) if one.vendor_reference]

    async def messages(self) -> list[str]:
        """The texts that arrived in the customer's letter box and on the phone, oldest first."""
        texts = []
        async with httpx.AsyncClient(trust_env=False) as browser:
            for to in (self.email, self.mobile):
                answer = await browser.get(f"{self.till.simulator.url}/inbox.json", params={"to": to})
                texts += [(one["real_time"], one["text"]) for one in answer.json()["messages"]]
        return [text for _, text in sorted(texts)]

    async def page(self) -> PaySession:
        """The provider's page behind the paylink, as it opens now."""
        self.till.attempts += 1
        attempt_id = f"page-{self.till.attempts}-{self.till.simulator.port}-{id(self)}"
        return await self.till.service.open_pay_session(PaySessionRequest(self.account_id, attempt_id))

    async def pay_on(self, page: PaySession) -> str:
        """Press the button on the provider's page; what it answers."""
        form = {**GOOD_CARD, "name": "Sanne de Vries", "action": "pay"}
        async with httpx.AsyncClient(trust_env=False) as browser:
            return (await browser.post(page.url, data=form, timeout=20)).text

    async def pay_by_paylink(self) -> PaymentResult:
        """Pay what is open on the page, and let the process hear of it."""
        page = await self.page()
        await self.pay_on(page)
        return await self.till.settle(page.attempt_id)

    async def timeline(self, kind: str) -> list[Any]:
        async with self.till.work() as work:
            return [one for one in await work.timeline.of(self.account_id) if one.kind == kind]


@asynccontextmanager
async def a_collection(database_url: str, simulator: Simulator, **options: Any) -> AsyncIterator[CollectionWorld]:
    """An English-speaking customer of the Dutch brand on a Tuesday morning, nothing owed, no method stored."""
    number = next(_customers)
    email, mobile = f"collect{number}@customers.example", f"+3161{simulator.port % 10_000:04d}{number:03d}"
    async with a_till(database_url, simulator, **options) as till:
        till.clock.at = A_TUESDAY_MORNING
        async with till.work() as work:
            reachable = {"email": email, "mobile": mobile, "notice_channels": {"barring_warning": "email"}}
            await work.accounts.change(till.account_id, {**reachable, "locale": "en"})
            await work.accounts.add_service(a_service(till.account_id, identifier=mobile))
            await work.commit()
        await ensure_default(till.work, till.clock)
        yield CollectionWorld(till, email, mobile)
