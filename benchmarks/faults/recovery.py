"""Knowing that a worker works again: faults that came before that would find nobody to strike."""

from __future__ import annotations

import asyncio
import time

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from benchmarks.faults.stack import Victims
from billing.messages.identities import BILLING_QUEUE

LOOK_EVERY_SECONDS = 0.5
LONGEST_SECONDS = 120.0


class Recovery:
    """Asks Temporal which workers fetch tasks."""

    def __init__(self, client: Client, victims: Victims) -> None:
        self._client = client
        self._victims = victims

    async def until_working(self) -> None:
        """Wait until a living worker fetches activities, for two minutes at most."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            if await self._fetching() & self._victims.process_ids("worker"):
                return
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _fetching(self) -> set[int]:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=BILLING_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        try:
            answer = await self._client.workflow_service.describe_task_queue(request)
        except RPCError:
            return set()
        return {int(one.identity.partition("@")[0]) for one in answer.pollers if one.identity.split("@")[0].isdigit()}
