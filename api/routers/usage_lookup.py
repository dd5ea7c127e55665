"""Stored usage records, searched and explained."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.dependencies import ContainerDep, Viewer
from api.schemas.base import Instant, identity_pattern
from api.schemas.problems import problems
from api.schemas.usage_lookup import ExplainedRecordOut, FoundEventOut, FoundEventsOut
from billing.domain import identity
from billing.domain.errors import InvalidValue
from billing.ports.usage_lookup import EventPlace, EventSearch, FoundEvent

router = APIRouter(prefix="/v1/usage/events", tags=["usage"])
Start = Annotated[
    Instant | None,
    Query(description="The first start to look at; 7 days before the end when left out.", alias="from"),
]
End = Annotated[
    Instant | None, Query(description="The end, itself not included; what came so far when left out.", alias="to")
]


@router.get("", summary="List stored records", responses=problems(409))
async def find_events(
    container: ContainerDep,
    _caller: Viewer,
    account_id: Annotated[
        str,
        Query(
            pattern=identity_pattern("acc", optional=True), description="Of this account only.", examples=["acc_1001"]
        ),
    ] = "",
    identifier: Annotated[str, Query(max_length=100, description="Of this line only.", examples=["+31612345678"])] = "",
    file_id: Annotated[
        str,
        Query(
            pattern=identity_pattern("file", optional=True), description="Of this file only.", examples=["file_1001"]
        ),
    ] = "",
    first: Start = None,
    last: End = None,
    after: Annotated[str, Query(max_length=200, description="`next` of the page before, with the same `from`.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="The most rows answered.")] = 100,
) -> FoundEventsOut:
    """By their start, over at most 92 days: the last 7 when nothing is said.

    Records have no index by line, and by account only when their day is over: ask for few days. A search that takes
    longer than 10 seconds is given up.
    """
    first, last = container.usage.explaining.span(first, last)
    place = place_of(after) if after else None
    wanted = EventSearch(first, last, account_id, identifier, file_id, place, limit)
    found = await container.usage.explaining.find(wanted)
    shown = [FoundEventOut.model_validate(event) for event in found]
    return FoundEventsOut(
        first=first, last=last, events=shown, next=cursor_of(found[-1]) if len(found) == limit else ""
    )


@router.get("/explain", summary="Explain one record", responses=problems(404, 409))
async def explain_record(
    container: ContainerDep,
    _caller: Viewer,
    source: Annotated[str, Query(min_length=1, max_length=64, description="Who counted it.", examples=["switch-1"])],
    record_id: Annotated[
        str,
        Query(min_length=1, max_length=200, description="Its key within the source.", examples=["20270201-0001"]),
    ],
    started_at: Annotated[
        Instant | None, Query(description="Its start, exactly; the last 92 days are searched when left out.")
    ] = None,
) -> ExplainedRecordOut:
    """What became of it, where it is counted and billed, how it was rated step by step, and every correction.

    With `started_at` it is found by its key at once. Without, the keys of 92 days are read through, which costs more
    the more records are stored, and is given up after 10 seconds.
    """
    explained = await container.usage.explaining.explain(source, record_id, started_at)
    return ExplainedRecordOut.model_validate(explained)


def cursor_of(event: FoundEvent) -> str:
    started_at, key_hash, account_id, part = event.place
    return base64.urlsafe_b64encode(f"{started_at.isoformat()} {key_hash} {account_id} {part}".encode()).decode()


def place_of(cursor: str) -> EventPlace:
    """The place that a cursor names. Raises InvalidValue for any other text."""
    try:
        started_at, key_hash, account_id, part = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        place = datetime.fromisoformat(started_at), UUID(key_hash), account_id, int(part)
        identity.parse(identity.ACCOUNT, account_id)
    except (ValueError, binascii.Error, InvalidValue):
        place = None
    if place is None or place[0].tzinfo is None or not 0 <= place[3] < 2**15:
        remedy = "Send `next` of the page before, as it was answered, or leave it out."
        raise InvalidValue("This is no place in a list.", field="after", value=cursor, remedy=remedy)
    return place
