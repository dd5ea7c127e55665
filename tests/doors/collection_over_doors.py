"""One account lived through over the real doors: PostgreSQL, the provider's simulator, and its own genuine webhooks.

Customer, bank, operator, provider and time act in any order; callbacks arrive late, again, or never. Whenever all is
asked about, the provider's money and the books agree to the cent, and nobody paid twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from sqlalchemy import text

from billing.domain.errors import UnableTo
from billing.messages.payments import AttemptQuery, PaySessionRequest, RefundRequest
from billing.ports.payment_provider import MerchantFault, ProviderAway, ProviderBusy
from tests.builders import an_account
from tests.builders_payments import MovableClock, TillWorld
from tests.builders_webhooks import WebhookWorld, signed_by_stripe

Result = TypeVar("Result")
FAULTS = (ProviderAway, ProviderBusy, MerchantFault)
METHODS = ("pm_card_visa", "pm_card_mastercard", "pm_sepaDebit_success_de", "pm_card_chargeCustomerFail")
KINDS_OF_TROUBLE = ("error_500_before", "error_500_after", "too_many_requests")
_numbers = itertools.count(1)
_TWO_LIVE = "SELECT count(*) FROM payment_allocations WHERE live GROUP BY account_id, invoice_id HAVING count(*) > 1"
_UNBALANCED = "SELECT count(*) FROM ledger_postings GROUP BY account_id, entry_id HAVING sum(amount_minor) <> 0"


@dataclass
class Stage:
    """Where the machine plays: set before it runs, for hypothesis builds machines by itself."""

    runner: Any
    world: WebhookWorld

    def do(self, work: Awaitable[Result]) -> Result:
        async def waited() -> Result:
            return await work

        result: Result = self.runner.run(waited())
        return result


class DoorsMachine(RuleBasedStateMachine):
    """``stage`` is given by the test."""

    stage: Stage

    @initialize(method=st.sampled_from(METHODS))
    def open_the_account(self, method: str) -> None:
        self.attempts: list[str] = []
        self.requests: list[Any] = []
        self.heard = len(self.stage.world.till.simulator.listener.received)
        self.till = self.stage.do(self._a_till())
        self.stage.world.process.account_id = self.till.account_id
        self.stage.do(self.till.methods.add_method(self.till.account_id, method, "test"))

    async def _a_till(self) -> TillWorld:
        base = self.stage.world.till
        async with base.work() as work:
            account = await work.accounts.add(an_account(number=f"M{next(_numbers)}"))
            await work.commit()
        clock = MovableClock(datetime.now(UTC))
        return TillWorld(base.engine, clock, base.simulator, base.provider, account)

    # Time and the operator ------------------------------------------------------------------------------------

    @rule(amount=st.integers(500, 9000), lead_days=st.sampled_from([0, 5]))
    def a_bill_is_due_and_debited(self, amount: int, lead_days: int) -> None:
        async def bill() -> None:
            invoice_id = await self.till.an_announced_invoice(amount, lead_days)
            self.requests.append(self.till.a_request(invoice_id, amount_minor=amount, lead_days=lead_days))

        self.stage.do(bill())
        self.attempts.append(self.requests[-1].attempt_id)
        self._call(self.till.service.collect(self.requests[-1]))

    @precondition(lambda self: bool(self.requests))
    @rule(data=st.data())
    def a_worker_that_was_killed_does_it_again(self, data: st.DataObject) -> None:
        self._call(self.till.service.collect(data.draw(st.sampled_from(self.requests))))

    @precondition(lambda self: bool(self.attempts))
    @rule(data=st.data())
    def upkeep_asks_about_an_attempt(self, data: st.DataObject) -> None:
        self._settle(data.draw(st.sampled_from(self.attempts)))

    @precondition(lambda self: bool(self.attempts))
    @rule(data=st.data(), part=st.booleans())
    def staff_give_money_back(self, data: st.DataObject, part: bool) -> None:
        attempt_id = data.draw(st.sampled_from(self.attempts))
        command = f"cmd-{next(_numbers)}"
        request = RefundRequest(self.till.account_id, attempt_id, command, 100 if part else 0, "asked for", "Robin")
        for _ in range(2):
            self._call(self.till.service.refund(request))

    @rule(hours=st.integers(1, 72))
    def time_passes(self, hours: int) -> None:
        self.till.clock.at = self.till.clock.now() + timedelta(hours=hours)

    # The customer ---------------------------------------------------------------------------------------------

    @rule(presses=st.integers(0, 2))
    def the_customer_opens_the_page_and_pays(self, presses: int) -> None:
        attempt_id = f"page-{next(_numbers)}"
        page = self._call(self.till.service.open_pay_session(PaySessionRequest(self.till.account_id, attempt_id)))
        if page is None or not page.url:
            return
        self.attempts.append(page.attempt_id)
        form = {"action": "pay", "method": "card", "number": "4242424242424242", "expiry": "12 / 34", "cvc": "123"}
        for _ in range(presses):
            httpx.post(page.url, data={**form, "name": "Ann"}, timeout=20, trust_env=False)

    @rule(method=st.sampled_from(METHODS))
    def the_customer_leaves_another_method(self, method: str) -> None:
        self._call(self.till.methods.add_method(self.till.account_id, method, "test"))

    # The bank and the provider --------------------------------------------------------------------------------

    @precondition(lambda self: bool(self.attempts))
    @rule(data=st.data(), what=st.sampled_from(["settle", "disputes", "refunds"]))
    def the_bank_decides(self, data: st.DataObject, what: str) -> None:
        self._decide(what, data.draw(st.sampled_from(self.attempts)))

    def _decide(self, what: str, attempt_id: str) -> None:
        payment = self.stage.do(self.till.provider_payment(attempt_id)) if attempt_id in self._known() else ""
        if payment:
            body = {"payment_intent": payment, **({"amount": 50} if what == "refunds" else {})}
            address = f"{self.till.simulator.url}/_control/{what}"
            httpx.post(address, json=body, timeout=20, trust_env=False)

    @rule(kind=st.sampled_from(KINDS_OF_TROUBLE))
    def the_provider_stumbles_once(self, kind: str) -> None:
        self.till.simulator.fault(kind, path="/stripe/v1/payment_intents", method="POST", count=1)

    @rule(data=st.data(), times=st.integers(1, 3))
    def a_genuine_webhook_arrives(self, data: st.DataObject, times: int) -> None:
        """Any that the provider sent about this account, in any order, also again; signed anew as if just sent."""
        about = self.till.account_id.encode()
        received = [one.body for one in self.till.simulator.listener.received[self.heard :] if about in one.body]
        if received:
            body = data.draw(st.sampled_from(received))
            for _ in range(times):
                answer = self.stage.do(self.stage.world.post("/webhooks/stripe", body, signed_by_stripe(body)))
                assert answer == 200

    # What has to hold -----------------------------------------------------------------------------------------

    @rule()
    def all_is_asked_about_and_the_books_agree_with_the_provider(self) -> None:
        self.all_is_asked_about_again()
        held = self.stage.do(self._held())
        assert self.stage.do(self._cash()) == held["net"]
        assert held["most_charges_of_one_attempt"] <= 1
        assert self.stage.do(self._count(_TWO_LIVE)) == []
        assert self.stage.do(self._count(_UNBALANCED)) == []
        assert self.stage.do(self._worst_open()) >= 0

    def all_is_asked_about_again(self) -> None:
        """As upkeep does it, when the provider is well."""
        self.till.simulator.control("DELETE", "/faults")
        for attempt_id in self.attempts:
            self._settle(attempt_id)

    def the_bank_takes_everything_back(self) -> None:
        """A dispute about every payment."""
        for attempt_id in self.attempts:
            self._decide("disputes", attempt_id)

    def teardown(self) -> None:
        """Whatever happened, it has to hold at the end."""
        if hasattr(self, "till"):
            self.all_is_asked_about_and_the_books_agree_with_the_provider()

    def _call(self, work: Awaitable[Result]) -> Result | None:
        """None where a worker would try again later, or a person is told why not."""
        try:
            return self.stage.do(work)
        except (*FAULTS, UnableTo):
            return None

    def _settle(self, attempt_id: str) -> None:
        self._call(self.till.service.settle(AttemptQuery(self.till.account_id, attempt_id)))

    def _known(self) -> set[str]:
        async def attempts() -> set[str]:
            async with self.till.work() as work:
                return {one.attempt_id for one in await work.payments.attempts(self.till.account_id)}

        return self.stage.do(attempts())

    async def _held(self) -> dict[str, int]:
        by_account = (await self.till.control("GET", "/totals?by=account_id"))["groups"]
        by_attempt = (await self.till.control("GET", "/totals?by=attempt_id"))["groups"]
        charges = [sums["charges"] for name in self.attempts for sums in by_attempt.get(name, {}).values()]
        net = sum(sums["net"] for sums in by_account.get(self.till.account_id, {}).values())
        return {"net": net, "most_charges_of_one_attempt": max(charges, default=0)}

    async def _cash(self) -> int:
        async with self.till.work() as work:
            entries = await work.ledger.entries(self.till.account_id)
        return sum(one.amount_minor for entry in entries for one in entry.postings if one.ledger_account == "cash")

    async def _worst_open(self) -> int:
        async with self.till.work() as work:
            invoices = await work.invoices.of_account(self.till.account_id)
            return min([await work.ledger.open_of(one.account_id, one.invoice_id) for one in invoices], default=0)

    async def _count(self, statement: str) -> list[Any]:
        async with self.till.engine.connect() as connection:
            return list((await connection.execute(text(statement))).all())
