"""Test data for streams: messages of one line, and a consumer that runs until everything is taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import text

from billing.adapters.usage_formats import NDJSON
from billing.domain.errors import InvalidValue
from billing.persistence.usage_invariants import counters_disagree
from billing.ports.usage_streams import UsageStream
from billing.services.usage_streams import StreamSource, consume_forever
from tests.builders_usage import LINE, UsageWorld

GROUP = "evenflow-tests"


def unwrap(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record inside a CloudEvent of the tests."""
    if not isinstance(event.get("data"), dict):
        raise InvalidValue("A CloudEvent of usage holds an object.", field="data", value="", remedy="Send one.")
    return {"source": "cloud", "record_id": event["id"], "identifier": event["subject"], **event["data"]}


def a_source() -> StreamSource:
    return StreamSource(GROUP, NDJSON, unwrap)


def a_message(record_id: str, **changes: Any) -> bytes:
    """One message sent, as a line of NDJSON."""
    record = {
        "source": "switch",
        "record_id": record_id,
        "identifier": LINE,
        "meter": "sms",
        "quantity": 1,
        "started_at": "2027-02-01T10:00:00Z",
    }
    return json.dumps(record | changes).encode()


async def consume_until(
    world: UsageWorld,
    make_stream: Callable[[], UsageStream],
    until: Callable[[], bool],
    source: StreamSource | None = None,
) -> None:
    """Run a consumer, as the application does, until ``until`` holds."""
    running = asyncio.create_task(consume_forever(world.service.streams, a_source(), make_stream, pauses=(0.2,)))
    try:
        async with asyncio.timeout(60):
            while not await until():
                assert not running.done(), running.exception()
                await asyncio.wait([running], timeout=0.05)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def taken_to(world: UsageWorld) -> dict[tuple[str, int], int]:
    """The next offset by topic and partition."""
    return {(each.topic, each.partition): each.next_offset for each in await world.service.streams.positions(GROUP)}


async def stored_events(world: UsageWorld) -> int:
    """How many events there are; the counters must say the same."""
    async with world.work() as work:
        assert await counters_disagree(work.connection) == []
        found: int = (await work.connection.execute(text("SELECT count(*) FROM usage_events"))).scalar_one()
    return found
