"""A round of upkeep is given the time that a bad day needs."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.worker import Worker

from billing.messages.identities import BILLING_QUEUE
from billing.messages.upkeep import UpkeepState
from evenflow.temporal import connect
from workflows.upkeep import UpkeepWorkflow

pytestmark = pytest.mark.xdist_group("worlds")

# What a round needs at least, when a hundred messages wait for a vendor that answers slowly.
LEAST = timedelta(minutes=10)
SCHEDULED = "activity_task_scheduled_event_attributes"


async def test_a_round_is_not_ended_while_it_mends_and_a_silent_one_soon_is(temporal_address: str, unique: str) -> None:
    client = await connect(temporal_address)
    worker = Worker(client, task_queue=unique, workflows=[UpkeepWorkflow])
    async with worker:
        state = UpkeepState(interval_seconds=0)
        handle = await client.start_workflow("UpkeepWorkflow", state, id=f"upkeep-{unique}", task_queue=unique)
        try:
            async with asyncio.timeout(60):
                async for event in handle.fetch_history_events(wait_new_event=True):
                    if event.WhichOneof("attributes") == SCHEDULED:
                        break
        finally:
            await handle.terminate("the test is over")
    mend = event.activity_task_scheduled_event_attributes
    assert (mend.activity_type.name, mend.task_queue.name) == ("mend", BILLING_QUEUE)
    assert mend.start_to_close_timeout.ToTimedelta() >= LEAST
    assert mend.heartbeat_timeout.ToTimedelta() <= timedelta(seconds=15)
