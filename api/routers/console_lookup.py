"""Why was this record priced so: stored records found by line, account or file, and one record explained."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from fastapi import APIRouter
from starlette.responses import Response

from api.console.exports import csv_answer
from api.console.listing import Asked, Day, Listing, Text
from api.console.visit import ViewerVisit
from api.routers.console_usage import ROOT, TABS
from api.routers.usage_lookup import cursor_of, place_of
from billing.domain import identity
from billing.domain.errors import InvalidValue
from billing.ports.usage_lookup import EventSearch, FoundEvent
from billing.services.usage_explaining import UsageExplaining

router = APIRouter(prefix="/console/usage/lookup", include_in_schema=False)
FILTERS = (Text("identifier"), Text("account_id", 40), Text("file_id", 40), Day("from"), Day("to"))
EVENTS = Listing("records", filters=FILTERS)
RECORD = Listing("record", filters=(Text("source", 64), Text("record_id", 200)), has_export=False)
PAGE_SIZE = 100
ROWS_AT_ONCE = 1000
COLUMNS = (
    *("started at", "source", "record_id", "line", "meter", "quantity", "destination", "account", "cycle"),
    *("plan", "price", "billable quantity", "amount", "file"),
)


@router.get("")
async def lookup(visit: ViewerVisit) -> Response:
    """The newest days of a line, an account or a file."""
    asked = EVENTS.read(visit.request)
    is_asked = any(asked.text(name) for name in ("identifier", "account_id", "file_id"))
    search = _search(visit, asked) if is_asked else None
    explaining = visit.container.usage.explaining
    if asked.as_csv:
        return csv_answer("usage-records", COLUMNS, await _every(explaining, search) if search else [])
    found = await explaining.find(search) if search else []
    return visit.page(
        "usage_lookup.html",
        title="Look up a record",
        tabs=TABS,
        asked=asked,
        is_asked=is_asked,
        found=found[:PAGE_SIZE],
        next_after=cursor_of(found[PAGE_SIZE - 1]) if len(found) > PAGE_SIZE else "",
    )


async def _every(explaining: UsageExplaining, search: EventSearch) -> AsyncIterator[Sequence[object]]:
    """Every row of the file. Raises UnableTo, before a row is sent, for a search that takes too long."""
    search = replace(search, after=None, limit=ROWS_AT_ONCE)
    return _rows(explaining, search, await explaining.find(search))


async def _rows(
    explaining: UsageExplaining, search: EventSearch, found: Sequence[FoundEvent]
) -> AsyncIterator[Sequence[object]]:
    while found:
        for one in found:
            yield (
                *(one.started_at, one.source, one.record_id, one.identifier, one.meter, one.quantity),
                *(one.destination, one.account_id, one.cycle_number, f"{one.plan_code} {one.plan_version}"),
                *(one.price_code, one.billable_quantity, one.counted_amount, one.file_id),
            )
        search = replace(search, after=found[-1].place)
        found = await explaining.find(search) if len(found) == ROWS_AT_ONCE else ()


def _search(visit: ViewerVisit, asked: Asked) -> EventSearch:
    for name, kind in (("account_id", identity.ACCOUNT), ("file_id", identity.FILE)):
        if asked.text(name):
            identity.parse(kind, asked.text(name))
    first, last = _start(asked, "from"), _start(asked, "to")
    first, last = visit.container.usage.explaining.span(first, last + timedelta(days=1) if last else None)
    place = place_of(asked.after) if asked.after else None
    chosen = (asked.text("account_id"), asked.text("identifier"), asked.text("file_id"))
    return EventSearch(first, last, *chosen, place, PAGE_SIZE + 1)


def _start(asked: Asked, name: str) -> datetime | None:
    day = asked.day(name)
    return None if day is None else datetime.combine(day, time(), UTC)


@router.get("/record")
async def explained(visit: ViewerVisit) -> Response:
    """One record: what became of it, how it was rated step by step, and every correction."""
    asked = RECORD.read(visit.request)
    source, record_id = asked.text("source"), asked.text("record_id")
    if not source or not record_id:
        remedy = "Give the source and the record's own number."
        raise InvalidValue("A record is named by both.", field="record_id", value=record_id, remedy=remedy)
    found = await visit.container.usage.explaining.explain(source, record_id)
    return visit.page("usage_explained.html", title=record_id, found=found, root=ROOT)
