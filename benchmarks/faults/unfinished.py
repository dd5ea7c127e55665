"""What is still under way, or stuck: in the books, at the vendors, and in Temporal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError

from benchmarks.faults.plan import Place
from evenflow.demo.doors import Door

# An account looks at what is due within moments; this is a business day later than it should have.
OVERDUE = timedelta(days=1)
# An activity that was tried so often is held up by something.
TRIES = 3
_NEXT_ACTION_AT = SearchAttributeKey.for_datetime("NextActionAt")
_PAUSED = "SELECT brand || '/' || number AS name FROM accounts WHERE paused"
_BOOKS = {
    "webhooks not passed on": "SELECT count(*) FROM webhook_inbox WHERE status = 'received'",
    "attempts past their date without an outcome": (
        "SELECT count(*) FROM payment_attempts WHERE settled_at IS NULL"
        " AND coalesce(expected_by, created_at) < CAST(:late AS timestamptz)"
    ),
    "refunds asked for and not made": "SELECT count(*) FROM payment_refunds WHERE status = 'requested'",
    "orders to the network without an end": (
        "SELECT count(*) FROM barring_orders WHERE outcome = 'placed' AND placed_at < CAST(:late AS timestamptz)"
    ),
    # An announcement whose date has passed is not sent any more: another one with another date took its place.
    "notices with a vendor and no answer": (
        "SELECT count(*) FROM notices WHERE status IN ('sending', 'unknown')"
        " AND created_at < CAST(:late AS timestamptz)"
        " AND (named_on IS NULL OR named_on >= CAST(CAST(:late AS timestamptz) AS date))"
    ),
    "notices past the end of their quiet hours": (
        "SELECT count(*) FROM notices WHERE status = 'waiting' AND send_after < CAST(:late AS timestamptz)"
    ),
    "usage files not imported": (
        "SELECT count(*) FROM usage_files WHERE status NOT IN ('done', 'rejected', 'cancelled')"
    ),
}


async def unfinished_in_books(engine: AsyncEngine, now: datetime) -> list[str]:
    """A sentence for each kind of thing that should be over by ``now`` (business time) and is not."""
    found = []
    async with engine.connect() as connection:
        for what, statement in _BOOKS.items():
            parameters = {"late": now - OVERDUE} if ":late" in statement else {}
            number = (await connection.execute(text(statement), parameters)).scalar_one()
            if number:
                found.append(f"{number} {what}")
    return found


async def unfinished_at_vendors(world: Door) -> list[str]:
    """Callbacks that are still on their way."""
    waiting = (await world.get("/_control/deliveries", state="pending", limit=1000))["deliveries"]
    return [f"{len(waiting)} callbacks are on their way"] if waiting else []


async def stuck_processes(client: Client, engine: AsyncEngine, now: datetime) -> list[str]:
    """Workflows that failed, that are past their next date, or whose activity is tried over and over."""
    found = [
        f"{execution.id} ended as {execution.status.name.lower() if execution.status else 'unknown'}"
        async for execution in client.list_workflows('ExecutionStatus IN ("Failed", "TimedOut", "Terminated")')
    ]
    async with engine.connect() as connection:
        paused = {f"account/{name}" for name in (await connection.execute(text(_PAUSED))).scalars()}
    async for execution in client.list_workflows('ExecutionStatus = "Running"'):
        due = execution.typed_search_attributes.get(_NEXT_ACTION_AT)
        if due is not None and due < now - OVERDUE and execution.id not in paused:
            found.append(f"{execution.id} was due at {due:%Y-%m-%d %H:%M} and it is {now:%Y-%m-%d %H:%M}")
        found += await _held_up(client, execution.id)
    return found


async def _held_up(client: Client, workflow_id: str) -> list[str]:
    description: Any = (await client.get_workflow_handle(workflow_id).describe()).raw_description
    held = [
        f"{workflow_id}: {one.activity_type.name} was tried {one.attempt} times: {one.last_failure.message[:200]}"
        for one in description.pending_activities
        if one.attempt >= TRIES
    ]
    if description.HasField("pending_workflow_task") and description.pending_workflow_task.attempt >= TRIES:
        held.append(f"{workflow_id}: its workflow task was tried {description.pending_workflow_task.attempt} times")
    return held


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker's death at a boundary. ``is_survived``: the activity was carried out afterwards."""

    place: Place
    workflow_id: str
    is_survived: bool


async def survived(client: Client, killed_at: Sequence[tuple[Place, Path]]) -> list[Kill]:
    """Ask Temporal what became of every activity that a kill interrupted."""
    found = []
    for place, path in killed_at:
        about = json.loads(path.read_text(encoding="utf-8") or "{}")
        is_survived = bool(about) and await _was_carried_out(client, about)
        found.append(Kill(place, about.get("workflow_id", "unknown"), is_survived))
    return found


_BEGIN = "activity_task_scheduled_event_attributes"
_ENDS = (
    "activity_task_completed_event_attributes",
    "activity_task_canceled_event_attributes",
    "activity_task_failed_event_attributes",
)


async def _was_carried_out(client: Client, about: dict[str, Any]) -> bool:
    """True when the run's history tells the end of the activity: done, refused for good, or not wanted any more."""
    handle = client.get_workflow_handle(about["workflow_id"], run_id=about["run_id"])
    scheduled = None
    try:
        async for event in handle.fetch_history_events():
            kind = event.WhichOneof("attributes") or ""
            if kind == _BEGIN and getattr(event, kind).activity_id == about["activity_id"]:
                scheduled = event.event_id
            if kind in _ENDS and getattr(event, kind).scheduled_event_id == scheduled:
                return True
    except RPCError:
        return False
    return False
