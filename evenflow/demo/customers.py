"""What customers do: they read their messages, open the links in them and press buttons. They know nothing else.

Everything a customer did can be seen from outside, so a restarted demonstration repeats nothing: a page that is paid
has no button, a mandate that is revoked cannot be revoked again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from httpx import TransportError

from evenflow.demo.doors import Doors, Refused, persistently
from evenflow.demo.facts import Facts
from evenflow.demo.roster import Customer
from evenflow.demo.stories import Story

GOOD_CARD = "4242 4242 4242 4242"
CARD_THAT_ASKS = "4000 0027 6000 3184"
PAY_PAGE = "/pay/"
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Habit:
    """Some days after a message with one of these phrases (any language), the customer does something."""

    phrases: tuple[str, ...]
    days: float
    act: Callable[[Visit], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Visit:
    """A customer with the message that moved them."""

    customer: Customer
    facts: Facts
    message: Mapping[str, Any]
    doors: Doors


class Customers:
    """All customers who do something by themselves. ``act`` is called again and again."""

    def __init__(self, doors: Doors, customers: Sequence[Customer]) -> None:
        self._doors = doors
        self._active = [one for one in customers if one.story in HABITS]
        self._answered: set[tuple[str, str, str]] = set()

    async def act(self, facts: Mapping[str, Facts], now: datetime) -> None:
        """Let each of them read what came and act on what is old enough."""
        for customer in self._active:
            known = facts.get(customer.number)
            if known is not None and known.invoices:
                await self._read_messages(customer, known, now)

    async def _read_messages(self, customer: Customer, facts: Facts, now: datetime) -> None:
        inbox = await self._inbox(customer)
        for habit in HABITS[customer.story]:
            for message in inbox:
                mark = (customer.number, habit.act.__name__, message["id"])
                at = datetime.fromisoformat(message["business_time"])
                if mark in self._answered or not _says(message, habit.phrases) or now < at + timedelta(days=habit.days):
                    continue
                if await _tried(habit, Visit(customer, facts, message, self._doors)):
                    self._answered.add(mark)

    async def _inbox(self, customer: Customer) -> list[dict[str, Any]]:
        """Emails and SMS to this customer, oldest first."""
        found: list[dict[str, Any]] = []
        for address in (customer.email, customer.mobile):
            answer = await self._doors.world.get("/inbox.json", to=address)
            found += answer["messages"]
        return sorted(found, key=lambda message: str(message["real_time"]))


async def _tried(habit: Habit, visit: Visit) -> bool:
    """Act; a door that says no today is tried again later, as people do."""
    try:
        await habit.act(visit)
    except (Refused, TransportError):
        return False
    return True


def _says(message: Mapping[str, Any], phrases: tuple[str, ...]) -> bool:
    text = f"{message['subject']} {message['text']}"
    return any(phrase in text for phrase in phrases)


async def pay_by_link(visit: Visit, card: str = GOOD_CARD) -> None:
    """Open the link of the message, press the button, pay on the provider's page."""
    link = next((one for one in visit.message["links"] if PAY_PAGE in one), "")
    if not link:
        return
    page = await persistently(visit.doors.browser, "GET", link)
    if "<button" not in page.text:
        return
    pressed = await persistently(visit.doors.browser, "POST", link)
    await pay_on_page(visit, pressed.headers.get("location", ""), card)


async def pay_with_a_card_that_asks(visit: Visit) -> None:
    """The same with a card whose bank wants to know."""
    await pay_by_link(visit, CARD_THAT_ASKS)


async def pay_early(visit: Visit) -> None:
    """Pay on the account's own page, before anything is collected."""
    opened = await visit.doors.api.post(f"/v1/accounts/{visit.facts.account_id}/pay-session")
    await pay_on_page(visit, opened["url"], GOOD_CARD)


async def pay_on_page(visit: Visit, url: str, card: str) -> None:
    """Fill in the provider's page, answer the bank if it asks, and go back to where the page leads."""
    if not url:
        return
    form = {"method": "card", "number": card, "expiry": "12 / 34", "cvc": "123", "name": visit.customer.person.name}
    browser = visit.doors.browser
    answer = await persistently(browser, "POST", url, data=form | {"action": "pay"})
    if 'name="bank"' in answer.text:
        answer = await persistently(browser, "POST", url, data=form | {"bank": "approve"})
    if answer.headers.get("location"):
        await persistently(browser, "GET", answer.headers["location"])


async def revoke_mandate(visit: Visit) -> None:
    """Tell the bank that nothing may be debited any more; debits under way fail."""
    for method in visit.facts.methods:
        if method.mandate_status == "active":
            body = {"payment_method": method.provider_method}
            await visit.doors.world.post("/_control/mandates/revoke", body)


async def dispute_bill(visit: Visit) -> None:
    """Tell the operator's staff, who write it down."""
    if not visit.facts.disputes and visit.facts.first is not None:
        body = {"invoice_id": visit.facts.first.invoice_id, "reason": "Calls abroad that nobody here made"}
        await visit.doors.api.post(f"/v1/accounts/{visit.facts.account_id}/disputes", body)


async def accept_dispute(visit: Visit) -> None:
    """The operator's staff looked at the calls and agree."""
    for dispute in visit.facts.disputes:
        if dispute.status == "open":
            body = {"outcome": "accepted", "decision": "The calls came from a cloned card"}
            path = f"/v1/accounts/{visit.facts.account_id}/disputes/{dispute.dispute_id}/close"
            await visit.doors.api.post(path, body)


async def charge_back(visit: Visit) -> None:
    """Tell the bank that this payment was not wanted; only ever once."""
    totals = await visit.doors.world.get("/_control/totals", by="account_id")
    taken_back = totals["groups"].get(visit.facts.account_id, {})
    if any(sums["disputed"] for sums in taken_back.values()):
        return
    for attempt in visit.facts.tries("debit", "succeeded")[:1]:
        try:
            await visit.doors.world.post("/_control/disputes", {"payment_intent": attempt.provider_payment})
        except Refused as refusal:
            if refusal.status != NOT_FOUND:
                raise


_FAILED = ("niet gelukt", "was not successful")
_READY = ("factuur staat klaar", "invoice is now ready")
_BARRED = ("hebben we je diensten beperkt", "had to restrict your services")
_THANKS = ("ontvangen en verwerkt", "received and successfully processed")
_WITH_LINK = ("betaallink", "paylink")

HABITS: dict[Story, tuple[Habit, ...]] = {
    Story.EARLY: (Habit(_READY, 2, pay_early),),
    Story.DECLINED_PAYLINK: (Habit(_FAILED, 1, pay_by_link),),
    Story.DEBIT_FAILS_LATER: (Habit(_FAILED, 1, pay_by_link),),
    Story.AUTHENTICATION: (Habit(_FAILED, 0.5, pay_with_a_card_that_asks),),
    Story.SOFT_BAR: (Habit(_BARRED, 1, pay_by_link),),
    Story.MANDATE_REVOKED: (Habit(_READY, 3, revoke_mandate), Habit(_WITH_LINK, 2, pay_by_link)),
    Story.DISPUTE: (Habit(_FAILED, 1, dispute_bill), Habit(_FAILED, 5, accept_dispute)),
    Story.CHARGEBACK: (Habit(_THANKS, 2, charge_back),),
}
