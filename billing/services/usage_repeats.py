"""Records that come again: within a batch, or taken before and guided by a directory that has changed since."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from billing.domain.numbers import directory_spelling
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_columns import RecordColumns
from billing.ports.usage_intake import RecordContent
from billing.services.usage_guiding import GuidedBatch


async def taken_before(work: UnitOfWork, records: RecordColumns, guided: GuidedBatch) -> dict[int, RecordContent]:
    """Records that were taken when the directory said something else, by index, with what is stored of each.

    A line that ended, or a number that moved, since then must not make a record that comes again wait, or count twice.
    """
    asked = sorted({*guided.waiting, *guided.shared})
    if not asked:
        return {}
    return {
        index: stored
        for index, stored in await work.usage.stored_anywhere(records, asked)
        # One key may stand for records of several lines, where a source is like that.
        if directory_spelling(stored.identifier) == directory_spelling(records.identifier[index])
    }


def without(guided: GuidedBatch, left_out: Collection[int]) -> GuidedBatch:
    """The other records."""
    waiting = {index: each for index, each in guided.waiting.items() if index not in left_out}
    return GuidedBatch(guided.events.without_records(left_out), waiting, guided.shared.difference(left_out))


def repeats_within(records: RecordColumns, guided: GuidedBatch) -> dict[int, int]:
    """Records whose key an earlier one of the same batch has, with the index of that one; and those that cannot be
    guided beside one that can, as if that one had been taken before."""
    if len(set(records.key_hash)) == len(records):
        return {}
    events = guided.events
    first: dict[tuple[datetime, str, int], int] = {}
    lines: dict[tuple[datetime, str, str], int] = {}
    repeats: dict[int, int] = {}
    for row, record in enumerate(events.record):
        if not events.part[row]:
            key = records.started_at[record], records.key_hash[record]
            earlier = first.setdefault((*key, events.account_id[row]), record)
            lines.setdefault((*key, directory_spelling(records.identifier[record])), record)
            if earlier != record:
                repeats[record] = earlier
    for record in guided.waiting:
        line = directory_spelling(records.identifier[record])
        beside = lines.get((records.started_at[record], records.key_hash[record], line))
        if beside is not None:
            repeats[record] = beside
    return repeats


def content_of(records: RecordColumns, index: int) -> RecordContent:
    """What of a record tells a repeat from a conflict."""
    return RecordContent(
        records.identifier[index],
        records.meter[index],
        records.quantity[index],
        records.destination[index],
        records.visited[index],
        records.traffic_class[index],
        records.amount[index],
        json.loads(records.attributes[index]),
    )
