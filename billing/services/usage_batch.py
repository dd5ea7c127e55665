"""A batch as it was read: checked records in columns, and what could not be read, each by its place in the batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from billing.ports.usage import DecodedChunk, DecodedLine
from billing.ports.usage_columns import RecordColumns
from billing.services.usage_guiding import event_at
from billing.services.usage_records import Malformed, UsageRecord, outside_retention, read_record
from billing.services.usage_usual import STARTED_AT, RecordRow, row_of, usual_row


class Entry(msgspec.Struct, frozen=True):
    """A record as it came: ``event`` in the HTTP shape, or None with the decoder's ``field`` and ``reason``."""

    event: Mapping[str, Any] | None
    raw: str = ""
    line_number: int | None = None
    field: str = ""
    reason: str = ""


@dataclass(slots=True)
class ReadBatch:
    """``size`` places, each in ``columns``, in ``malformed`` or in ``parts`` (lines that tell a part of a session).

    ``came`` has the entry of a place that was not plain, ``raw`` and ``line_numbers`` what a line of a file was.
    """

    size: int
    columns: RecordColumns = field(default_factory=RecordColumns)
    malformed: dict[int, Malformed] = field(default_factory=dict)
    came: dict[int, Entry] = field(default_factory=dict)
    parts: dict[int, DecodedLine] = field(default_factory=dict)
    raw: Sequence[str] = ()
    line_numbers: Sequence[int] = ()

    def entry(self, place: int) -> Entry:
        """The record of a place as it came."""
        if place in self.came:
            return self.came[place]
        return Entry(None, self.raw[place], self.line_numbers[place])

    def record(self, index: int) -> UsageRecord:
        """One checked record, by its index in the columns."""
        columns = self.columns
        attributes = json.loads(columns.attributes[index])
        return UsageRecord(
            columns.source[index],
            columns.record_id[index],
            columns.identifier[index],
            event_at(columns, index),
            columns.started_at[index],
            attributes,
        )


def read_batch(entries: Sequence[Entry], now: datetime | None) -> ReadBatch:
    """Check every entry on its own; one bad record never spoils the others.

    ``now`` bounds the starts; None reads records that were taken before.
    """
    batch = ReadBatch(len(entries), came=dict(enumerate(entries)))
    _read_entries(batch, batch.came, now)
    return batch


def read_kept(entries: Sequence[tuple[Entry, datetime]]) -> ReadBatch:
    """As ``read_batch``, with a moment for each: what came in time keeps its right, however late it is corrected."""
    batch = ReadBatch(len(entries), came={place: entry for place, (entry, _) in enumerate(entries)})
    for place, (entry, came_at) in enumerate(entries):
        _read_entries(batch, {place: entry}, came_at)
    return batch


def read_chunk(chunk: DecodedChunk, now: datetime) -> ReadBatch:
    """The lines of a file: plain ones are columns already, the others are read one by one."""
    batch = ReadBatch(chunk.size, raw=chunk.raw, line_numbers=chunk.line_numbers)
    batch.came = {
        place: Entry(line.event, line.raw, line.line_number, line.field, line.reason)
        for place, line in chunk.unusual.items()
        if line.part is None
    }
    batch.parts = {place: line for place, line in chunk.unusual.items() if line.part is not None}
    _take_plain(batch, chunk.plain, now)
    _read_entries(batch, batch.came, now)
    return batch


def take_whole(batch: ReadBatch, events: Mapping[int, Mapping[str, Any]], now: datetime) -> None:
    """Sessions that became whole go on as records, each at the place of the part that completed it."""
    whole = {
        place: Entry(event, batch.parts[place].raw, batch.parts[place].line_number) for place, event in events.items()
    }
    batch.came |= whole
    _read_entries(batch, whole, now)


def _take_plain(batch: ReadBatch, plain: RecordColumns, now: datetime) -> None:
    """Plain lines are checked but for their age, which depends on the moment."""
    if not plain.places:
        return
    if not (outside_retention(min(plain.started_at), now) or outside_retention(max(plain.started_at), now)):
        batch.columns = plain
        return
    for index, place in enumerate(plain.places):
        too_far = outside_retention(plain.started_at[index], now)
        if too_far:
            batch.malformed[place] = too_far
    kept = [index for index, place in enumerate(plain.places) if place not in batch.malformed]
    batch.columns = plain.at(kept)


def _read_entries(batch: ReadBatch, entries: Mapping[int, Entry], now: datetime | None) -> None:
    rows: list[tuple[Any, ...]] = []
    for place, entry in entries.items():
        row = _row(entry, now)
        if isinstance(row, Malformed):
            batch.malformed[place] = row
        else:
            rows.append((place, *row))
    batch.columns.add(rows)


def _row(entry: Entry, now: datetime | None) -> RecordRow | Malformed:
    if entry.event is None:
        return Malformed(entry.field, "", entry.reason)
    row = usual_row(entry.event)
    if row is not None:
        return row if now is None else outside_retention(row[STARTED_AT], now) or row
    record = read_record(entry.event, now)
    if isinstance(record, Malformed):
        return record
    return row_of(record, json.dumps(record.attributes, sort_keys=True) if record.attributes else "{}")
