"""One record and a JSON array of records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from api.usage_doors.call import JSON, Call, refuse_media_type, refuse_query
from billing.domain.errors import InvalidValue
from billing.services.usage import UsageService
from billing.services.usage_batch import Entry
from billing.services.usage_grouping import Turnstile
from billing.services.usage_intake import RecordResult
from billing.services.usage_lines import NotJson, entry_of, read_json

ROLE = "agent"
MOST_BYTES_OF_A_RECORD = 2**20
MOST_BYTES_OF_A_BATCH = 64 * 2**20
BATCHES_AT_ONCE, BATCHES_WAITING = 4, 32


class RecordDoors:
    """Take one record with others that arrive at the same time, or a whole batch, in one transaction."""

    def __init__(self, usage: UsageService) -> None:
        self._usage = usage
        self.batches = Turnstile("batches", at_once=BATCHES_AT_ONCE, most_waiting=BATCHES_WAITING)

    async def take_one(self, call: Call) -> None:
        """``POST /v1/usage/events``."""
        event = await json_of(call, MOST_BYTES_OF_A_RECORD)
        if type(event) is not dict:
            raise unlike("Send one JSON object; an array goes to /v1/usage/events/batch.")
        await self.answer_one(call, entry_of(event))

    async def take_batch(self, call: Call) -> None:
        """``POST /v1/usage/events/batch``."""
        async with self.batches:
            events = await json_of(call, MOST_BYTES_OF_A_BATCH)
            if type(events) is not list:
                raise unlike("Send a JSON array of records.")
            await self.answer_batch(call, [entry_of(event) for event in events])

    async def answer_one(self, call: Call, entry: Entry) -> None:
        """202 with what became of it."""
        await call.answer(202, result_out(await self._usage.take_one(entry), 0))

    async def answer_batch(self, call: Call, entries: Sequence[Entry]) -> None:
        """202 with counts and one result per record."""
        results = await self._usage.take_entries(entries)
        counts = Counter(result.outcome.value for result in results)
        await call.answer(202, {"counts": counts, "results": [result_out(each, each.place) for each in results]})


async def json_of(call: Call, most_bytes: int, *media_types: str) -> Any:
    """The body as JSON. Raises Problem 413 and 415, and InvalidValue for what is no JSON."""
    refuse_query(call)
    taken = media_types or (JSON,)
    if call.media_type not in taken:
        refuse_media_type(call, *taken)
    content = await call.body(most_bytes)
    try:
        return read_json(content)
    except NotJson as error:
        raise unlike(f"Send one complete JSON document; this is none: {error}.") from None


def unlike(remedy: str) -> InvalidValue:
    """The body is not what the door takes."""
    return InvalidValue("The body is not what this door takes.", field="body", value="", remedy=remedy)


def result_out(result: RecordResult, place: int) -> dict[str, Any]:
    """What became of one record, as ``api.schemas.usage.RecordResultOut`` describes it."""
    event = result.event
    told = {
        "place": place,
        "outcome": result.outcome.value,
        "record_id": result.record_id,
        "field": result.field,
        "value": result.value,
        "reason": result.reason,
    }
    if event is None:
        return told | _NOWHERE
    return told | {
        "account_id": event.account_id,
        "service_id": event.service_id,
        "cycle_number": event.cycle_number,
        "price_code": event.price_code,
        "band": event.band,
        "billable_quantity": event.billable_quantity,
    }


_NOWHERE: dict[str, Any] = {
    "account_id": None,
    "service_id": None,
    "cycle_number": None,
    "price_code": None,
    "band": None,
    "billable_quantity": None,
}
