"""What has to be kept of a batch: rejected, recycled and conflicting records, once for each line of a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any

from billing.ports.usage import NewIssue
from billing.services.usage_batch import Entry
from billing.services.usage_intake import RecordResult, Taken
from billing.services.usage_records import UsageRecord, hash_of, storable

LONGEST_RAW = 16_000


def issues_of(taken: Taken, now: datetime, file_id: str | None = None, origin: str = "") -> list[NewIssue]:
    """What has to be kept of a batch: rejected, recycled and conflicting records, by place.

    ``origin`` is the stream that it came from; it stands as the source of what does not say its own.
    """
    batch = taken.batch
    index_of = {place: index for index, place in enumerate(batch.columns.places)} if taken.trouble else {}
    known = {place: batch.record(index_of[place]) for place in taken.trouble if place in index_of}
    return [
        issue_of(batch.entry(place), known.get(place), taken.trouble[place], now, file_id, origin)
        for place in sorted(taken.trouble)
    ]


def issue_of(
    entry: Entry,
    known: UsageRecord | None,
    result: RecordResult,
    now: datetime,
    file_id: str | None,
    origin: str = "",
) -> NewIssue:
    """One record as it is kept."""
    event = known.as_dict() if known else plain(entry.event or {})
    raw = storable(entry.raw or json.dumps(event), LONGEST_RAW)
    where = (file_id or origin, str(entry.line_number or ""))
    content = (str(known.key_hash), str(known.started_at), str(known.content_hash)) if known else (raw,)
    # Every file keeps what it counts as waiting: another one that brought the same may be taken back. What is sent
    # again without a file is a repetition of what waits already.
    identity = content if known and file_id is None else (*where, *content)
    return NewIssue(
        kind=result.outcome.value,
        source=known.source if known else str(event.get("source") or origin),
        record_id=known.record_id if known else str(event.get("record_id") or ""),
        identifier=known.identifier if known else str(event.get("identifier") or ""),
        event=event,
        raw=raw,
        field=result.field,
        reason=result.reason,
        dedup_hash=hash_of(result.outcome.value, *identity),
        created_at=now,
        file_id=file_id,
        line_number=entry.line_number,
    )


def plain(value: Any) -> Any:
    """The value as the database's JSON can hold it: no NUL, no half characters, no numbers that are none."""
    if isinstance(value, Mapping):
        return {storable(str(name)): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    return storable(str(value), LONGEST_RAW)
