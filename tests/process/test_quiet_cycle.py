"""A customer who just pays: the shortest story, and what it may cost in history."""

from __future__ import annotations

from typing import Any

import pytest

from tests.process.people import FEE_MINOR, Customer, a_customer
from tests.process.world import World

pytestmark = pytest.mark.xdist_group("worlds")

MOST_EVENTS = 60
MOST_BYTES = 12_000
EVENTS_PER_MESSAGE = 4
BYTES_PER_MESSAGE = 500  # a message with the look it causes
# On a busy machine the hurried clock passes the hours of notices before one is made: it waits for the morning.
EVENTS_PER_MORNING = 14
BYTES_PER_MORNING = 2_500


async def _first_run(world: World, account: Customer) -> list[Any]:
    """The events of the account's first run, once it continued as new."""

    async def finished() -> list[Any] | None:
        query = f'WorkflowId = "{account.workflow_id}" AND ExecutionStatus = "ContinuedAsNew"'
        async for execution in world.temporal.list_workflows(query):
            handle = world.temporal.get_workflow_handle(execution.id, run_id=execution.run_id)
            return [event async for event in handle.fetch_history_events()]
        return None

    return await world.until(finished, days=30, why="the first cycle did not end")


def _in_short(event: Any) -> str:
    """The kind of an event, with the name of the activity or signal."""
    kind = event.WhichOneof("attributes")
    attributes = getattr(event, kind)
    name = attributes.activity_type.name if "activity_task_scheduled" in kind else ""
    return f"{kind} {name or getattr(attributes, 'signal_name', '')}"


def _undisturbed_bytes(event: Any) -> int:
    """The size of an event without the report of a failed try, which a busy machine can cause."""
    quiet = type(event)()
    quiet.CopyFrom(event)
    if quiet.HasField("activity_task_started_event_attributes"):
        quiet.activity_task_started_event_attributes.ClearField("last_failure")
    if quiet.HasField("workflow_task_failed_event_attributes"):
        quiet.workflow_task_failed_event_attributes.ClearField("failure")
    return int(quiet.ByteSize())


async def test_a_card_customer_is_billed_told_debited_and_thanked_within_the_budget(world: World) -> None:
    account = await a_customer(world, "pm_card_visa")
    events = await _first_run(world, account)
    told = [_in_short(event) for event in events]
    messages = sum("signaled" in event for event in told)
    mornings = sum("announce_invoice" in event for event in told) - 1
    most = MOST_EVENTS + EVENTS_PER_MESSAGE * messages + EVENTS_PER_MORNING * mornings
    assert len(events) <= most, "\n".join(told)
    sizes = [_undisturbed_bytes(event) for event in events]
    of_each = "\n".join(f"{size} {line}" for size, line in zip(sizes, told, strict=True))
    assert sum(sizes) <= MOST_BYTES + BYTES_PER_MESSAGE * messages + BYTES_PER_MORNING * mornings, of_each
    async with world.parts.make_work() as work:
        assert await work.ledger.open_invoices(account.account_id) == []
        kinds = [notice.kind for notice in reversed(await work.notices.of(account.account_id))]
        attempts = await work.payments.attempts(account.account_id)
    assert [str(kind) for kind in kinds] == ["ready", "reminder", "thank_you"]
    assert [attempt.received_minor for attempt in attempts] == [FEE_MINOR]
