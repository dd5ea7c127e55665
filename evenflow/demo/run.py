"""The demonstration from its first start to its summary.

It runs the stack up to three times on one data directory: with business time nearly standing still while catalogue and
accounts are loaded, then at the demonstration's pace, and, when the pages stay open afterwards, nearly standing still
again. Business time goes on from where it was seen last, so a killed demonstration is finished by the same command.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console

from evenflow.business_clock import resume_clock
from evenflow.demo.days import live_through
from evenflow.demo.doors import Refused, open_doors
from evenflow.demo.loading import load_accounts, load_catalogue, until_worked_on
from evenflow.demo.memory import Memory, recall, remember
from evenflow.demo.roster import roster
from evenflow.demo.summary import summarize
from evenflow.demo.usage import UsageFolder
from evenflow.stack.assembly import StackOptions, run_stack
from evenflow.stack.errors import StackError
from evenflow.stack.running import RunningStack

# Any pace but the normal one makes the vendors simulated ones; this one hardly moves.
STANDING = 1.001
DAY_SECONDS = 86_400
# Half a day before the first bill is due, so that everything has started when it is.
CLOCK_STARTS = datetime(2026, 12, 31, 12, tzinfo=UTC)
LONGEST_START_SECONDS = 120.0
WIDTH_OF_A_PIPE = 150


def run_demo(
    *,
    data_dir: Path,
    accounts: int,
    days: int,
    day_seconds: float,
    leave: bool,
    ports: Mapping[str, int],
    fresh: bool = False,
) -> int:
    """Run or resume the demonstration of a data directory; exit code 0 when everything is as expected.

    Raises StackError in one sentence when it cannot start, StoppedByUser on Ctrl-C.
    """
    console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE)
    memory = recall(data_dir, Memory(accounts, days, day_seconds), fresh=fresh)
    demo = Demo(data_dir, dict(ports), memory, console)
    return asyncio.run(demo.run(leave=leave))


class Demo:
    """One run of the command."""

    def __init__(self, data_dir: Path, ports: Mapping[str, int], memory: Memory, console: Console) -> None:
        self.data_dir = data_dir.expanduser().resolve()
        self.ports = ports
        self.memory = memory
        self.console = console
        self.customers = roster(memory.accounts)
        self._started_at = time.monotonic()
        self.usage = UsageFolder(self.data_dir / "usage", self.customers)

    async def run(self, *, leave: bool) -> int:
        """Load, live, sum up, and stay unless told to leave."""
        if not self.memory.loaded:
            await self._with_stack(STANDING, self._load)
            self._note(loaded=True)
        if self.memory.finished:
            return await self._with_stack(STANDING, partial(self._show_again, leave=leave))
        code = await self._with_stack(DAY_SECONDS / self.memory.day_seconds, self._live)
        self._note(finished=True)
        return code if leave else await self._with_stack(STANDING, partial(self._stay, code=code))

    async def _with_stack(self, rate: float, main: Callable[[RunningStack], Awaitable[int]]) -> int:
        standing = timedelta(seconds=min(LONGEST_START_SECONDS, self.memory.start_seconds))
        begin = partial(self._begin, standing=standing)
        options = StackOptions(self.data_dir, self.ports, clock_rate=rate, resume_clock=begin)
        try:
            return await run_stack(options, main, self._say)
        except Refused as refusal:
            raise StackError(f"The demonstration was refused: {refusal}") from refusal

    async def _begin(self, stack: RunningStack, standing: timedelta) -> None:
        self._started_at = time.monotonic()
        await resume_clock(stack, CLOCK_STARTS, standing)

    async def _load(self, stack: RunningStack) -> int:
        self._say("Loading two brands and their accounts")
        async with open_doors(stack) as doors:
            await load_catalogue(doors)
            await until_worked_on(doors, self.customers[0])
            self.memory = replace(self.memory, start_seconds=time.monotonic() - self._started_at)
            await load_accounts(doors, self.customers, self._say)
            records = await self.usage.take_december(doors)
            self._say(f"{records} usage records of December are taken in")
        return 0

    async def _live(self, stack: RunningStack) -> int:
        async with open_doors(stack) as doors:
            await live_through(stack, doors, self.customers, self.usage, self.memory.days, self.console)
            return await summarize(stack, doors, self.customers, self.usage, self.memory.days, self.console)

    async def _show_again(self, stack: RunningStack, *, leave: bool) -> int:
        self._say("This demonstration has ended; begin a new one with --fresh.")
        async with open_doors(stack) as doors:
            code = await summarize(stack, doors, self.customers, self.usage, self.memory.days, self.console)
        return code if leave else await self._stay(stack, code=code)

    async def _stay(self, stack: RunningStack, *, code: int) -> int:
        self._say("The pages stay open until Ctrl-C; business time hardly moves now.")
        for name, address in stack.links().items():
            self.console.print(f"  {name:<30} {address}", highlight=False)
        await asyncio.Event().wait()
        return code

    def _note(self, *, loaded: bool | None = None, finished: bool | None = None) -> None:
        changes = {"loaded": loaded, "finished": finished}
        self.memory = replace(self.memory, **{name: value for name, value in changes.items() if value is not None})
        remember(self.data_dir, self.memory)

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)
