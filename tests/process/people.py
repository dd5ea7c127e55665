"""The people of the process tests: two brands, their plan, and customers who pay in their own ways."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from billing.messages.account import AccountView, Command, CommandResult
from billing.messages.identities import account_workflow_id
from billing.services.accounts import NewAccount
from billing.services.subscribing import NewService
from tests import builders_limits
from tests.builders import a_brand
from tests.process.world import World

FEE_MINOR = 1210  # 10.00 net and 21 % VAT
CUSTOMERS: dict[str, Customer] = {}  # by story
_numbers = itertools.count(200_001)
_counter = asyncio.Lock()  # one at a time, so that nobody's first bill comes before the method of payment

PLAN = {
    "code": "vonk-basis",
    "name": "Vonk Basis",
    "currency": "EUR",
    "prices": [
        {"code": "fee", "name": "Monthly fee", "model": "recurring", "fee": "10.00"},
        {
            "code": "calls",
            "name": "Calls",
            "model": "per_unit",
            "meter": "voice_seconds",
            "unit_size": 60,
            "unit_name": "minute",
            "rate": "0.12",
        },
    ],
}

BRITISH_PLAN = {**PLAN, "code": "tamar-basic", "name": "Tamar Basic", "currency": "GBP"}
BRITISH_FEE_MINOR = 1200  # 10.00 net and 20 % VAT
BRITISH = {
    "brand": "tamar",
    "name": "Tamar Mobile",
    "currency": "GBP",
    "zone": "Europe/London",
    "country": "GB",
    "locale": "en_GB",
    "cycle_policy": {"country": "GB", "scheme_calendar": "GB"},
    "tax_table": {"country": "GB", "rates": {"standard": "20", "zero": "0"}},
}
DATA_PLAN = {**builders_limits.PLAN, "code": "vonk-data", "name": "Vonk Data"}


async def prepare_catalogue(world: World) -> None:
    """The brand nearly every test account belongs to, and a British one, with their plans."""
    await world.parts.catalogue.add_brand(a_brand())
    await world.parts.catalogue.add_brand(a_brand(**BRITISH))
    for plan in (PLAN, DATA_PLAN):
        await world.parts.catalogue.publish_plan("vonk", plan)
    await world.parts.catalogue.publish_plan("tamar", BRITISH_PLAN)


async def a_customer(
    world: World, method: str = "", script: list[str] | None = None, days_to_close: int = 2, **changes: Any
) -> Customer:
    """An account whose first cycle closes in ``days_to_close`` business days, paying by a vendor's test method.

    ``script`` are the coming outcomes of its method, as the simulator names them.
    """
    async with _counter:
        return await _served(world, method, script, days_to_close, changes)


async def _served(
    world: World, method: str, script: list[str] | None, days_to_close: int, changes: dict[str, Any]
) -> Customer:
    number, plan = next(_numbers), changes.pop("plan", "vonk-basis")
    closes = world.now().astimezone(ZoneInfo("Europe/Amsterdam")) + timedelta(days=days_to_close)
    account = await world.parts.accounts.open(
        NewAccount(
            brand=changes.pop("brand", "vonk"),
            number=f"A{number}",
            customer_name=f"Customer {number}",
            email=f"customer{number}@example.com",
            mobile=f"+31612{number}",
            activated_at=_a_month_before(closes),
            services=(NewService("mobile", f"+31613{number}", plan),),
            **changes,
        ),
        "tests",
    )
    if script:
        body = {"subject": f"metadata.account_id:{account.account_id}", "outcomes": script, "repeat_last": True}
        (await world.simulator.post("/_control/scripts", json=body)).raise_for_status()
    if method:
        await world.parts.methods.add_method(account.account_id, method, "tests")
    customer = Customer(world, account.account_id, account.brand, account.number, account.email)
    task = asyncio.current_task()
    CUSTOMERS[task.get_name() if task else customer.account_id] = customer
    return customer


@dataclass(frozen=True)
class Customer:
    """A customer with a browser: sees messages, opens the paylink, pays on the provider's page.

    ``workflows`` are the ids of what else runs in its story, beside its account, case and orders.
    """

    world: World
    account_id: str
    brand: str
    number: str
    email: str
    workflows: list[str] = field(default_factory=list)

    @property
    def workflow_id(self) -> str:
        return account_workflow_id(self.brand, self.number)

    async def notices(self) -> list[str]:
        """The kinds of notices so far, oldest first."""
        async with self.world.parts.make_work() as work:
            return [str(one.kind) for one in reversed(await work.notices.of(self.account_id))]

    async def kinds(self) -> list[str]:
        """The kinds of notices, each once: on a busy machine a late one is sent again, with a new date."""
        return list(dict.fromkeys(await self.notices()))

    async def told(self, kind: str, days: float = 80, times: int = 1) -> None:
        """Wait until a notice of this kind went out."""

        async def heard() -> bool:
            return (await self.notices()).count(kind) >= times

        await self.world.until(heard, days, f"was not told {kind}", self.story)

    async def open_minor(self) -> int:
        """What is open on the first invoice, about which the stories are; later ones come with time."""
        async with self.world.parts.make_work() as work:
            invoices = [one for one in await work.invoices.of_account(self.account_id) if one.kind == "invoice"]
            return await work.ledger.open_of(self.account_id, invoices[0].invoice_id)

    async def cash_minor(self) -> int:
        """Money of this account at the provider, by our books."""
        async with self.world.parts.make_work() as work:
            entries = await work.ledger.entries(self.account_id)
        cash = [one.amount_minor for entry in entries for one in entry.postings if one.ledger_account == "cash"]
        return sum(cash)

    async def attempts(self) -> list[Any]:
        """All tries at a payment, oldest first."""
        async with self.world.parts.make_work() as work:
            return list(reversed(await work.payments.attempts(self.account_id)))

    async def paylink(self) -> str:
        return await self.world.parts.paylinks.paylink_for(self.account_id)

    async def gets_money(self) -> None:
        """From now on every payment succeeds."""
        body = {"subject": f"metadata.account_id:{self.account_id}", "outcomes": []}
        (await self.world.simulator.post("/_control/scripts", json=body)).raise_for_status()

    async def open_page(self) -> str:
        """Press the button behind the paylink; the provider's address, or empty when there is nothing to pay."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as browser:
            answer = await browser.post(await self.paylink())
        return answer.headers.get("location", "")

    async def pay_on(self, page: str) -> httpx.Response:
        """Pay on the provider's page with a good card."""
        form = {"action": "pay", "method": "card", "number": "4242424242424242", "expiry": "12 / 34", "cvc": "123"}
        async with httpx.AsyncClient(trust_env=False, timeout=30, follow_redirects=True) as browser:
            return await browser.post(page, data={**form, "name": "A Customer", "email": self.email})

    async def pay_by_paylink(self) -> None:
        """Open the paylink and pay what is open."""
        page = await self.open_page()
        assert page, "the paylink leads to no page to pay on"
        answer = await self.pay_on(page)
        assert answer.status_code == 200, answer.text

    async def levels(self) -> list[str]:
        """The barring levels that the network confirmed, one per service."""
        async with self.world.parts.make_work() as work:
            return [one.barring_level for one in await work.accounts.services(self.account_id)]

    async def reaches(self, level: str, days: float) -> None:
        """Wait until every service is at this level."""

        async def there() -> bool:
            return set(await self.levels()) == {level}

        await self.world.until(there, days, f"is not barred to level {level}", self.story)

    async def stands(self, state: str, days: float = 60) -> None:
        """Wait until the account's process shows this state."""

        async def there() -> bool:
            return (await self.view()).collection_state == state

        await self.world.until(there, days, f"does not stand at {state}", self.story)

    async def story(self) -> str:
        """What happened so far, for a failing test."""
        lines = [f"{one.at:%m-%d %H:%M} {one.kind}: {one.summary}" for one in await self.timeline()]
        tries = [str(one) for one in await self.attempts()]
        return "\n".join([self.account_id, *lines, *tries, str(await self.view())])

    async def timeline(self) -> list[Any]:
        async with self.world.parts.make_work() as work:
            return list(await work.timeline.of(self.account_id))

    async def command(self, update: str, command: Command) -> CommandResult:
        """Give the account's process a command."""
        return await self.world.parts.process.command(self.workflow_id, update, command)

    async def view(self) -> AccountView:
        return await self.world.parts.process.view(self.workflow_id)


def _a_month_before(day: datetime) -> datetime:
    """An activation on the same day of the month before, in the middle of the day."""
    first = day.replace(day=1) - timedelta(days=1)
    return first.replace(day=min(day.day, first.day), hour=12, minute=0, second=0, microsecond=0)
