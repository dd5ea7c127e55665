"""The itemised records of an invoice: when, what, to whom, how much; numbers without their last digits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from babel.dates import format_datetime

from billing.domain.cycle_calendar import zone_info
from billing.domain.rating import MeterDisplay
from billing.ports.documents import InvoiceDocument
from billing.ports.usage_records import EventDetail
from billing.services.usage_words import written_usage

MOST_ROWS = 1000
_HIDDEN = "···"


def usage_of(document: InvoiceDocument, locale: str, words: Mapping[str, str]) -> dict[str, Any]:
    """The records of each service as rows, at most ``MOST_ROWS`` in all; what is beyond is counted."""
    names = {(line.service_id, line.price_code): (line.description, line.unit) for line in document.lines}
    groups, left = [], MOST_ROWS
    for service_id, events in document.usage.items():
        service = document.services.get(service_id)
        shown = events[:left]
        left -= len(shown)
        rows = [_row(event, names, document.brand.zone, locale) for event in shown]
        if rows:
            groups.append({"label": service.identifier if service else service_id, "rows": rows})
    beyond = sum(map(len, document.usage.values())) - (MOST_ROWS - left)
    columns = [words[name] for name in ("when", "what", "where", "how_much")]
    more = [words["more_usage"].format(count=beyond)] if beyond else []
    notes = " ".join([words["masked"], *more]) if groups else ""
    return {"title": words["usage"], "columns": columns, "groups": groups, "more": notes}


def _row(event: EventDetail, names: Mapping[Any, tuple[str, str]], zone: str, locale: str) -> list[str]:
    description, unit = names.get((event.service_id, event.price_code), (event.price_code, ""))
    return [
        _when(event.started_at, zone, locale),
        description,
        masked(event.destination),
        written_usage(event.billable_quantity, MeterDisplay.by_unit(unit), locale),
    ]


def _when(started_at: datetime, zone: str, locale: str) -> str:
    return format_datetime(started_at.astimezone(zone_info(zone)), "dd-MM-y HH:mm:ss", locale=locale)


def masked(number: str) -> str:
    """A number without its last three digits (directive 2002/58/EC, article 7: the other party's privacy)."""
    return f"{number[:-3]}{_HIDDEN}" if len(number) > 6 and number.lstrip("+").isdigit() else number
