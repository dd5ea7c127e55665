"""What a normal month of a card customer costs in Temporal: the history of one bill cycle's run.

Accounts that pay by card live through two cycles on a stack with a fast business clock: billed, told, reminded,
debited, thanked. A run ends there (continue-as-new). The first one also holds the account's setting up, so the second
is fetched and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from benchmarks.administrator import BRAND, Administrator, account_number
from benchmarks.figures import Figure
from benchmarks.options import Options
from benchmarks.places import data_directory
from benchmarks.stack import with_stack
from billing.messages.identities import account_workflow_id
from evenflow.business_clock import resume_clock
from evenflow.demo.days import segment_of
from evenflow.demo.run import CLOCK_STARTS
from evenflow.stack.assembly import StackOptions
from evenflow.stack.running import RunningStack
from evenflow.temporal import connect

DAY_SECONDS = 2.0
# Business time waits so long for the parts to start.
STANDING = timedelta(seconds=15)
MEASURED_RUN = 2
LONGEST_DAYS = 90
LOOK_AGAIN_SECONDS = 0.5
METHOD = "pm_card_visa"


@dataclass(frozen=True, slots=True)
class History:
    """The size of one run's history."""

    events: int
    bytes: int
    signals: int
    activities: int


def measure(options: Options) -> list[Figure]:
    """Events and bytes of one account's cycle; one account per round."""
    clock = StackOptions(
        Path(),
        clock_rate=86_400 / DAY_SECONDS,
        resume_clock=partial(resume_clock, begins=CLOCK_STARTS, standing=STANDING),
    )
    with data_directory() as data_dir:
        found = with_stack(options, data_dir, partial(_live_through, options=options), clock)
    return [
        Figure("history of a card cycle, events", "events", tuple(float(one.events) for one in found)),
        Figure("history of a card cycle, size", "bytes", tuple(float(one.bytes) for one in found)),
        Figure("signals in it", "events", tuple(float(one.signals) for one in found)),
        Figure("activities in it", "events", tuple(float(one.activities) for one in found)),
    ]


async def _live_through(stack: RunningStack, options: Options) -> list[History]:
    options.say(f"cycle: {options.rounds} accounts live through two months of {DAY_SECONDS:g}-second days")
    await asyncio.to_thread(_open_accounts, stack, options.rounds)
    client = await connect(stack.temporal.address)
    workflow_ids = [account_workflow_id(BRAND["brand"], account_number(place)) for place in range(options.rounds)]
    async with asyncio.timeout(STANDING.total_seconds() + LONGEST_DAYS * DAY_SECONDS):
        return [await _normal_run(client, workflow_id) for workflow_id in workflow_ids]


def _open_accounts(stack: RunningStack, number: int) -> None:
    """Accounts whose first cycle closes on the next local day."""
    administrator = Administrator(stack.environment)
    administrator.load_catalogue()
    now = segment_of(stack).business(datetime.now().astimezone()).astimezone(ZoneInfo(BRAND["zone"]))
    closes = now + timedelta(days=1)
    last_month = closes.replace(day=1) - timedelta(days=1)
    activated_at = last_month.replace(day=min(closes.day, last_month.day))
    for place in range(number):
        administrator.open_account(place, activated_at, METHOD)


async def _normal_run(client: Client, workflow_id: str) -> History:
    """Wait until the account's second run continued as new, and count its history."""
    query = f'WorkflowId = "{workflow_id}" AND ExecutionStatus = "ContinuedAsNew"'
    while True:
        ended = sorted([one async for one in client.list_workflows(query)], key=lambda one: one.start_time)
        if len(ended) >= MEASURED_RUN:
            run = client.get_workflow_handle(workflow_id, run_id=ended[MEASURED_RUN - 1].run_id)
            return _sizes([event async for event in run.fetch_history_events()])
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _sizes(events: Sequence[HistoryEvent]) -> History:
    names = [event.WhichOneof("attributes") for event in events]
    return History(
        len(events),
        sum(event.ByteSize() for event in events),
        names.count("workflow_execution_signaled_event_attributes"),
        names.count("activity_task_scheduled_event_attributes"),
    )
