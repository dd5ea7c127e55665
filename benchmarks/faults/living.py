"""The population's life: customers read and pay, staff give commands, usage comes in, whatever is down meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from random import Random
from typing import Any

from httpx import TransportError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from billing.domain.clock import ClockSegment
from evenflow.demo.customers import Customers
from evenflow.demo.doors import Doors, Refused
from evenflow.demo.facts import Facts, read_facts
from evenflow.demo.roster import Customer
from evenflow.demo.stories import Story
from evenflow.demo.usage import CLOCK_STARTS, UsageFolder

LOOK_EVERY_SECONDS = 2.0
# Files of every brand and kind; more often they would take the time that the faults are for.
USAGE_EVERY_DAYS = 8
FILES_ARRIVE = timedelta(hours=1)
BUSY, FAULT = 409, 500
# The same command again, while the account's process is held up by what is broken.
MOST_TRIES = 40


class Life:
    """Everything that happens to the accounts until ``ends_at`` (business time)."""

    def __init__(
        self,
        seed: int,
        customers: Sequence[Customer],
        doors: Doors,
        engine: AsyncEngine,
        segment: ClockSegment,
        command_days: float,
    ) -> None:
        self._customers = customers
        self._doors = doors
        self._engine = engine
        self._segment = segment
        self._staff = Staff(seed, doors, customers)
        self._command_seconds = segment.real_duration(timedelta(days=command_days)).total_seconds()
        self._is_over = False

    @property
    def commands(self) -> Counter[str]:
        """How staff's commands were answered."""
        return self._staff.answers

    def now(self) -> datetime:
        """Business time."""
        return self._segment.business(datetime.now(UTC))

    def end(self) -> None:
        """No more usage and no more commands; customers still act on what they were told."""
        self._is_over = True

    async def live(self, usage: UsageFolder) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as together:
            together.create_task(self._act())
            together.create_task(self._take_usage(usage))
            together.create_task(self._command())
            together.create_task(self._answer_the_bank())

    async def _act(self) -> None:
        active = Customers(self._doors, self._customers)
        while True:
            facts = await self._facts()
            await _unless_down(partial(active.act, facts, self.now()))
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _take_usage(self, usage: UsageFolder) -> None:
        day: date = CLOCK_STARTS
        begun: dict[date, frozenset[str]] = {}
        while not self._is_over:
            due = datetime.combine(day + timedelta(days=1), time(), UTC) + FILES_ARRIVE
            await asyncio.sleep(max(0.0, (self._segment.real(due) - datetime.now(UTC)).total_seconds()))
            # The same lines as in the first try: what was delivered already must come again as it was.
            gone = begun.setdefault(day, frozenset(self._staff.gone))
            if await _unless_down(partial(usage.take_day, self._doors, day, gone)):
                # Whoever delivers usage falls behind while much is down, and then begins again with yesterday.
                day = max(day + timedelta(days=USAGE_EVERY_DAYS), self.now().date() - timedelta(days=1))

    async def _command(self) -> None:
        while not self._is_over:
            await asyncio.sleep(self._command_seconds)
            facts = await self._facts()
            await _unless_down(partial(self._staff.give_a_command, facts, self.now()))

    async def _answer_the_bank(self) -> None:
        """A person decides about debits that no file takes, like those that came too late for the bank's hour."""
        while True:
            await _unless_down(self._staff.give_up_held_debits)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _facts(self) -> dict[str, Facts]:
        while True:
            try:
                return await read_facts(self._engine)
            except (DBAPIError, OSError):
                await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _unless_down(step: Callable[[], Awaitable[None]]) -> bool:
    """Take a step; False when a part it needs was away for long, and it is to be taken again."""
    try:
        await step()
    except (Refused, TransportError):
        return False
    return True


class Staff:
    """People at the operator who do something with an account without a story of its own."""

    def __init__(self, seed: int, doors: Doors, customers: Sequence[Customer]) -> None:
        self._random = Random(f"{seed}/staff")
        self._doors = doors
        quiet = [one for one in customers if one.story is Story.QUIET]
        self._numbers = [one.number for one in quiet]
        self._may_close = {one.number for one in quiet[-max(1, len(quiet) // 8) :]}
        self._given = 0
        self.gone: set[str] = set()
        """Accounts that were told to close: nobody uses their lines from then on."""
        self.answers: Counter[str] = Counter()

    async def give_a_command(self, facts: dict[str, Facts], now: datetime) -> None:
        """One command about one account; it is repeated under its key until it is carried out or refused."""
        account = facts.get(self._random.choice(self._numbers)) if self._numbers else None
        kind = self._random.choice(COMMANDS)
        wanted = None if account is None or not account.invoices else self._command(kind, account, now)
        if wanted is None or account is None:
            return
        for name, body in wanted:
            await self._carry_out(account, name, body)

    async def give_up_held_debits(self) -> None:
        """The account then announces another debit, or asks for the money in another way."""
        for debit in await self._doors.api.get("/v1/bank-debits", status="held"):
            path = f"/v1/accounts/{debit['account_id']}/bank-debits/{debit['attempt_id']}/give-up"
            await self._doors.api.post(path, {"reason": debit["held_remedy"] or "a test of faults"})

    def _command(self, kind: str, account: Facts, now: datetime) -> list[tuple[str, dict[str, Any]]] | None:
        random = self._random
        match kind:
            case "adjust-balance":
                amount = random.choice((-450, -120, 75, 300))
                return [(kind, {"amount_minor": amount, "description": "A correction"})]
            case "change-cycle-day":
                bridge = random.choice(("extended", "free", "prorated"))
                return [(kind, {"cycle_day": random.randint(1, 31), "bridge": bridge})]
            case "waive-invoice" | "retry-collection":
                owing = [one for one in account.invoices if one.open_minor > 0]
                return [(kind, {"invoice_id": owing[-1].invoice_id})] if owing else None
            case "refund-payment":
                paid = account.tries(status="succeeded")
                return [(kind, {"attempt_id": paid[-1].attempt_id, "amount_minor": 100})] if paid else None
            case "promise-to-pay":
                return [(kind, {"pay_by": (now + timedelta(days=5)).date().isoformat()})]
            case "hold-until":
                return [(kind, {"until": (now + timedelta(days=3)).isoformat()})]
            case "close-account" if account.number in self._may_close:
                self.gone.add(account.number)
                return [(kind, {})]
            case "close-account":
                return None
        return [("pause-collection", {}), ("resume-collection", {})] if kind == "pause" else _BARS

    async def _carry_out(self, account: Facts, name: str, body: dict[str, Any]) -> None:
        self._given += 1
        path = f"/v1/accounts/{account.account_id}/actions/{name}"
        headers = {"Idempotency-Key": f"faults-{self._given}"}
        for _ in range(MOST_TRIES):
            try:
                await self._doors.api.post(path, {"reason": "a test of faults", **body}, headers=headers)
            except Refused as refusal:
                if refusal.status >= FAULT:
                    continue
                self.answers[f"{name}: refused with {refusal.status}"] += 1
                return
            except TransportError:
                continue
            self.answers[f"{name}: done"] += 1
            return
        self.answers[f"{name}: NEVER ANSWERED"] += 1


COMMANDS = (
    "adjust-balance",
    "change-cycle-day",
    "waive-invoice",
    "refund-payment",
    "retry-collection",
    "promise-to-pay",
    "hold-until",
    "close-account",
    "pause",
    "bars",
)
_BARS: list[tuple[str, dict[str, Any]]] = [("bar-service", {"level": "outgoing"}), ("unbar-service", {})]
