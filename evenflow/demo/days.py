"""Letting the days pass: usage comes in, customers act, and everything that happens is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from rich.console import Console
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from billing.domain.clock import ClockSegment
from billing.persistence.clock_segments import newest_segment
from billing.persistence.unit_of_work import make_engine
from evenflow.demo.customers import Customers
from evenflow.demo.display import Display, display_for
from evenflow.demo.doors import Doors
from evenflow.demo.facts import read_cash, read_events, read_facts
from evenflow.demo.roster import Customer
from evenflow.demo.usage import CLOCK_STARTS, UsageFolder
from evenflow.stack.running import RunningStack

# Files of a day arrive in the small hours after it.
FILES_ARRIVE = timedelta(hours=1)
LONGEST_PAUSE_SECONDS = 1.0
EVENTS_SHOWN = 60


def segment_of(stack: RunningStack) -> ClockSegment:
    """The segment of business time that lasts while this stack runs."""
    engine = create_engine(stack.database_url, poolclass=NullPool)
    try:
        return newest_segment(engine)
    finally:
        engine.dispose()


async def live_through(
    stack: RunningStack, doors: Doors, customers: Sequence[Customer], usage: UsageFolder, days: int, console: Console
) -> None:
    """Until the last of the days has passed, from wherever business time is."""
    segment = await asyncio.to_thread(segment_of, stack)
    engine = make_engine(stack.database_url, pool_size=2)
    clock = _Clock(segment, days)
    display = display_for(console, customers, days, stack.links())
    try:
        async with asyncio.TaskGroup() as together:
            together.create_task(_take_usage(doors, usage, clock))
            together.create_task(_act(doors, engine, customers, clock))
            together.create_task(_watch(engine, display, clock))
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        display.close()
        await engine.dispose()


class _Clock:
    """Business time of this run, and where it ends."""

    def __init__(self, segment: ClockSegment, days: int) -> None:
        self._segment = segment
        self.ends_at = datetime.combine(CLOCK_STARTS, time(), UTC) + timedelta(days=days)
        self.pause = min(LONGEST_PAUSE_SECONDS, max(0.1, 21_600 / segment.rate))

    def now(self) -> datetime:
        return self._segment.business(datetime.now(UTC))

    @property
    def is_running(self) -> bool:
        return self.now() < self.ends_at

    async def until(self, instant: datetime) -> None:
        """Wait, but not beyond the end."""
        # By the real instant, for the clock may still stand while the parts start.
        left = self._segment.real(min(instant, self.ends_at)) - datetime.now(UTC)
        await asyncio.sleep(max(0.0, left.total_seconds()))


async def _take_usage(doors: Doors, usage: UsageFolder, clock: _Clock) -> None:
    """Import each day's files when the day is over, from the last day that was begun."""
    day = usage.last_day() or CLOCK_STARTS
    while True:
        due = datetime.combine(day + timedelta(days=1), time(), UTC) + FILES_ARRIVE
        if due >= clock.ends_at:
            return
        await clock.until(due)
        await usage.take_day(doors, day)
        day += timedelta(days=1)


async def _act(doors: Doors, engine: AsyncEngine, customers: Sequence[Customer], clock: _Clock) -> None:
    """Let customers read and act while the clock runs."""
    active = Customers(doors, customers)
    while clock.is_running:
        try:
            await active.act(await read_facts(engine), clock.now())
        except (DBAPIError, OSError):
            await asyncio.sleep(LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(clock.pause)


async def _watch(engine: AsyncEngine, display: Display, clock: _Clock) -> None:
    """Show where everything stands."""
    while clock.is_running:
        try:
            facts = await read_facts(engine)
            events = await read_events(engine, newest=EVENTS_SHOWN)
            display.show(clock.now(), facts, events, await read_cash(engine))
        except (DBAPIError, OSError):
            await asyncio.sleep(LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(clock.pause)


def day_of(now: datetime) -> date:
    """The business day in UTC, by which the demonstration counts."""
    return now.astimezone(UTC).date()
