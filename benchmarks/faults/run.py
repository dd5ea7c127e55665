"""One run: load a population, break things while it lives, let it come to rest, and look at everything."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError

from benchmarks.faults.delays import Delay, worst_delays
from benchmarks.faults.injecting import Injector, Pace
from benchmarks.faults.living import Life
from benchmarks.faults.money import Auditor
from benchmarks.faults.recovery import Recovery
from benchmarks.faults.report import Check, Report
from benchmarks.faults.stack import Victims, run_mortal_stack
from benchmarks.faults.unfinished import stuck_processes, survived, unfinished_at_vendors, unfinished_in_books
from billing.domain.clock import ClockSegment
from billing.persistence.unit_of_work import make_engine
from evenflow.demo.days import segment_of
from evenflow.demo.doors import Doors, Refused, open_doors
from evenflow.demo.loading import load_accounts, load_catalogue, until_worked_on
from evenflow.demo.roster import Customer, roster
from evenflow.demo.run import CLOCK_STARTS
from evenflow.demo.usage import UsageFolder
from evenflow.stack.running import RunningStack
from evenflow.temporal import connect

CHECK = (sys.executable, "-c", "from evenflow.cli.main import app; app()", "check")
# A retry may wait for five minutes (workflows._options); everything else is sooner.
REST_SECONDS = 420.0
LOOK_EVERY_SECONDS = 2.0
SHOW_EVERY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is: business days at least, real seconds a day, and how many faults have to strike.

    After ``minutes`` (0: never) breaking ends whatever has struck.
    """

    accounts: int
    days: int
    day_seconds: float
    faults: int
    seed: int
    pace: Pace
    workers: int = 2
    minutes: float = 0.0

    @property
    def standing(self) -> timedelta:
        """Real time during which business time stands still, for starting and loading."""
        return timedelta(seconds=25 + 0.8 * self.accounts)


async def run(data_dir: Path, size: Size, console: Console) -> Report:
    """The whole run; its stack is stopped at the end."""
    say = partial(console.print, highlight=False, markup=False)
    orders = data_dir.parent / "orders"
    trial = Trial(size, orders, data_dir, say)
    return await run_mortal_stack(data_dir, orders, size.day_seconds, size.standing, size.workers, trial.hold, say)


class Trial:
    """Carries a run out on a running stack."""

    def __init__(self, size: Size, orders: Path, data_dir: Path, say: partial[None]) -> None:
        self._size = size
        self._orders = orders
        self._data_dir = data_dir
        self._say = say
        self._customers = roster(size.accounts)

    async def hold(self, stack: RunningStack, victims: Victims) -> Report:
        """Load, break, rest, look."""
        began = time.monotonic()
        segment = await asyncio.to_thread(segment_of, stack)
        engine, client = make_engine(stack.database_url, pool_size=3), await connect(stack.temporal.address)
        try:
            async with open_doors(stack) as doors:
                await _load(doors, self._customers)
                self._say(f"{self._size.accounts} accounts are open; from now on things break")
                recovery = Recovery(client, victims)
                injector = Injector(
                    self._size.seed, self._orders, victims, recovery, doors.world, self._size.pace, segment
                )
                life = Life(self._size.seed, self._customers, doors, engine, segment, command_days=0.7)
                usage = UsageFolder(self._data_dir / "usage", self._customers)
                living = asyncio.create_task(life.live(usage))
                try:
                    await self._break_things(injector, segment, living)
                    life.end()
                    self._say(f"{injector.struck.total()} faults have struck; everything comes to rest")
                    return await self._look(stack, engine, client, doors, injector, life, segment, began)
                finally:
                    living.cancel()
                    await asyncio.gather(living, return_exceptions=True)
        finally:
            await engine.dispose()

    async def _break_things(self, injector: Injector, segment: ClockSegment, living: asyncio.Task[None]) -> None:
        ends_at = CLOCK_STARTS + timedelta(days=self._size.days)
        began = shown_at = time.monotonic()
        is_long = partial(_is_longer, began, self._size.minutes)

        def is_over() -> bool:
            nonlocal shown_at
            now = segment.business(datetime.now(UTC))
            if living.done():
                living.result()
            if time.monotonic() - shown_at > SHOW_EVERY_SECONDS:
                shown_at = time.monotonic()
                kills = sum(number for name, number in injector.deaths.items() if name == "worker")
                self._say(f"  {now:%d %b %Y %H:%M}: {injector.struck.total()} faults, {kills} workers died")
            return now >= ends_at

        await injector.break_things(self._size.faults, is_over, is_long)

    async def _look(
        self,
        stack: RunningStack,
        engine: AsyncEngine,
        client: Client,
        doors: Doors,
        injector: Injector,
        life: Life,
        segment: ClockSegment,
        began: float,
    ) -> Report:
        auditor = Auditor(engine, doors.world, stack.environment["EVENFLOW_STRIPE_SECRET_KEY"])
        usage = UsageFolder(self._data_dir / "usage", self._customers)
        checks = await self._until_at_rest(Look(auditor, engine, doors, client, life, usage, stack.data_dir))
        kills = await survived(client, injector.killed_at)
        lost = [f"{one.place.activity} of {one.workflow_id}" for one in kills if not one.is_survived]
        checks.append(Check(f"{len(kills)} activities whose worker was killed were carried out afterwards", lost))
        never = [name for name in life.commands if name.endswith("NEVER ANSWERED")]
        checks.append(Check(f"{life.commands.total()} commands of staff were answered", never))
        delays: list[Delay] = await worst_delays(engine)
        return Report(
            seed=self._size.seed,
            struck=injector.struck,
            kills=kills,
            deaths=dict(injector.deaths),
            commands=life.commands,
            delays=delays,
            rate=segment.rate,
            business=life.now() - CLOCK_STARTS,
            real_seconds=time.monotonic() - began,
            checks=checks,
        )

    async def _until_at_rest(self, look: Look) -> list[Check]:
        """The checks, when they are all right or it has taken too long: what is under way may arrive first."""
        deadline, shown_at = time.monotonic() + REST_SECONDS, time.monotonic()
        while True:
            try:
                checks = await look.checks()
            except (DBAPIError, OSError, Refused, RPCError) as error:
                checks = [Check("the servers are there", [f"{type(error).__name__}: {error}"[:300]])]
            wrong = [trouble for check in checks for trouble in check.troubles]
            if not wrong or time.monotonic() > deadline:
                return checks
            if time.monotonic() - shown_at > SHOW_EVERY_SECONDS:
                shown_at = time.monotonic()
                self._say(f"  {len(wrong)} things are not at rest, for example: {wrong[0]}")
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _is_longer(began: float, minutes: float) -> bool:
    return minutes > 0 and time.monotonic() - began > minutes * 60


async def _load(doors: Doors, customers: Sequence[Customer]) -> None:
    await load_catalogue(doors)
    await until_worked_on(doors, customers[0])
    await load_accounts(doors, customers, lambda _line: None)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at everything that has to be right."""

    auditor: Auditor
    engine: AsyncEngine
    doors: Doors
    client: Client
    life: Life
    usage: UsageFolder
    data_dir: Path

    async def checks(self) -> list[Check]:
        money = await self.auditor.money()
        messages, wrong = await self.auditor.messages()
        now = self.life.now()
        at_rest = await unfinished_in_books(self.engine, now) + await unfinished_at_vendors(self.doors.world)
        stuck = await stuck_processes(self.client, self.engine, now)
        compared = f"{money.accounts} accounts, {money.attempts} attempts, {money.invoices} sets of invoices"
        compared += f", {money.at_the_bank} payments at the bank"
        return [
            Check(f"the money at provider and bank is the ledger's to the cent: {compared}", money.troubles),
            Check(f"each of {messages} messages reached its customer once", wrong),
            Check("nothing is left undone in the books and at the vendors", at_rest),
            Check("no process is stuck, failed or behind its date", stuck),
            await self._usage(),
            await asyncio.to_thread(_rules_of_the_books, self.data_dir),
        ]

    async def _usage(self) -> Check:
        expected = self.usage.expected()
        reports = {one["name"]: one for one in await self.doors.api.get("/v1/usage/files", limit=1000)}
        wrong = [
            words
            for name, wanted in expected.items()
            for words in (wanted.differences(reports[name]) if name in reports else [f"{name} is not there"])
        ]
        return Check(f"{len(expected)} usage files were counted once", wrong)


def _rules_of_the_books(data_dir: Path) -> Check:
    """``evenflow check`` as an operator runs it beside the stack: a live workflow for each account is among it."""
    done = subprocess.run([*CHECK, "--data-dir", str(data_dir)], capture_output=True, text=True, check=False)
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    is_well = done.returncode == 0 and "Not checked" not in done.stdout
    return Check(f"evenflow check: {said[-1] if said else ''}", [] if is_well else said[-40:])
