"""Business time over starts and stops: where it goes on, and who must be told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.pool import NullPool

from billing.domain.clock import ClockSegment
from billing.domain.errors import NotFound
from billing.messages.account import ClockChanged
from billing.messages.identities import (
    INVARIANTS_WORKFLOW_ID,
    UPKEEP_WORKFLOW_ID,
    account_workflow_id,
    barring_workflow_id,
    dunning_workflow_id,
)
from billing.persistence.clock_segments import begin_segment, mark_seen
from billing.persistence.tables.accounts import accounts
from evenflow.stack.running import RunningStack
from evenflow.temporal import TemporalProcess, connect

# The first business day of a demo: a month with a public holiday and a short month ahead.
DEMO_BEGINS = datetime(2027, 1, 1, 0, 0, tzinfo=UTC)
_SIGNALS_AT_ONCE = 50


async def resume_clock(stack: RunningStack, begins: datetime = DEMO_BEGINS, standing: timedelta = timedelta(0)) -> None:
    """Before the worker starts: begin a segment where business time was last seen, and tell all who wait by it.

    ``begins`` is where accelerated time starts the first time, ``standing`` how long (real) it waits for the parts.
    """
    engine = create_engine(stack.database_url, poolclass=NullPool)
    now = datetime.now(UTC)
    segment = await asyncio.to_thread(begin_segment, engine, stack.clock_rate, begins, now, standing)
    if segment.is_normal_time:
        return
    await _tell_the_simulator(stack, segment)
    await _tell_the_workflows(stack, segment, engine)


async def beat(stack: RunningStack) -> None:
    """Note that business time was seen; after a crash it goes on from here."""
    engine = create_engine(stack.database_url, poolclass=NullPool)
    await asyncio.to_thread(mark_seen, engine, datetime.now(UTC))


async def _tell_the_simulator(stack: RunningStack, segment: ClockSegment) -> None:
    body = {
        "real_start": segment.real_start.isoformat(),
        "business_start": segment.business_start.isoformat(),
        "rate": segment.rate,
    }
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        (await client.post(f"{stack.simulator_url}/_control/clock", json=body)).raise_for_status()


async def _tell_the_workflows(stack: RunningStack, segment: ClockSegment, engine: Engine) -> None:
    """Signals are in the workflows' histories before the worker looks, so that no timer fires by the old segment."""
    names = await asyncio.to_thread(_workflow_ids, engine)
    process = TemporalProcess(lambda: connect(stack.temporal.address))
    limit = asyncio.Semaphore(_SIGNALS_AT_ONCE)

    async def tell(workflow_id: str) -> None:
        async with limit:
            with suppress(NotFound):
                await process.signal(workflow_id, "clock_changed", ClockChanged(segment))

    await asyncio.gather(*(tell(name) for name in names))


def _workflow_ids(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        known = connection.execute(select(accounts.c.brand, accounts.c.number)).all()
        orders = connection.execute(
            text(
                "SELECT a.brand, a.number, o.order_id FROM barring_orders o JOIN accounts a USING (account_id)"
                " WHERE o.outcome = 'placed'"
            )
        ).all()
    names = [UPKEEP_WORKFLOW_ID, INVARIANTS_WORKFLOW_ID]
    for brand, number in known:
        names += [account_workflow_id(brand, number), dunning_workflow_id(brand, number)]
    return [*names, *(barring_workflow_id(brand, number, order) for brand, number, order in orders)]
