"""A batch of usage as parallel lists: columns from the door to the table, because a row at a time costs ten times more.

Identities are the bare integers of the database here; quantities are in the meter's own units, instants aware UTC.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from itertools import compress
from typing import Any

# account, cycle number, service, plan code, plan version, price code, band: the order in which counters are locked.
CounterKey = tuple[int, int, int, str, int, str, str]


@dataclass(slots=True)
class RecordColumns:
    """Checked records. ``places`` are their positions in the batch, ``key_hash`` 32 hexadecimal digits of (source,
    record_id), ``attributes`` JSON texts."""

    places: list[int] = field(default_factory=list)
    source: list[str] = field(default_factory=list)
    record_id: list[str] = field(default_factory=list)
    identifier: list[str] = field(default_factory=list)
    meter: list[str] = field(default_factory=list)
    quantity: list[int] = field(default_factory=list)
    started_at: list[datetime] = field(default_factory=list)
    destination: list[str] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    traffic_class: list[str] = field(default_factory=list)
    amount: list[Decimal | None] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    key_hash: list[str] = field(default_factory=list)
    # The starts as microseconds since 1970, where they were read in columns; empty otherwise.
    started_us: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.places)

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Records as rows in the order of the fields, up to ``attributes``; their keys are made here."""
        if rows:
            columns = list(zip(*rows, strict=True))
            for one, values in zip(fields(self), columns, strict=False):
                getattr(self, one.name).extend(values)
            self.key_hash += record_keys(self.source[-len(rows) :], self.record_id[-len(rows) :])
            self.started_us.clear()  # these were not read in columns

    def at(self, indexes: Sequence[int]) -> RecordColumns:
        """The records at these indexes."""
        columns = (getattr(self, one.name) for one in fields(self))
        return RecordColumns(*([column[index] for index in indexes] if column else [] for column in columns))


@dataclass(slots=True)
class EventColumns:
    """Guided events, one row for each part. ``record`` is the index of the record a row belongs to, in rising order;
    a record's rows follow each other, from part 0."""

    record: list[int] = field(default_factory=list)
    part: list[int] = field(default_factory=list)
    account_id: list[int] = field(default_factory=list)
    service_id: list[int] = field(default_factory=list)
    cycle_number: list[int] = field(default_factory=list)
    late: list[bool] = field(default_factory=list)
    plan_code: list[str] = field(default_factory=list)
    plan_version: list[int] = field(default_factory=list)
    price_code: list[str] = field(default_factory=list)
    band: list[str] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    billable_quantity: list[int] = field(default_factory=list)
    counted_amount: list[Decimal] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.record)

    @classmethod
    def of(cls, rows: Sequence[tuple[Any, ...]]) -> EventColumns:
        """Rows in the order of the fields, as columns."""
        return cls(*map(list, zip(*rows, strict=True))) if rows else cls()

    def counted(self) -> Iterator[tuple[CounterKey, bool, int, int, Decimal]]:
        """By row: the counter it adds to, whether it is late, and the events, quantity and amount it adds."""
        keys = zip(
            self.account_id,
            self.cycle_number,
            self.service_id,
            self.plan_code,
            self.plan_version,
            self.price_code,
            self.band,
            strict=True,
        )
        return zip(keys, self.late, self.events, self.billable_quantity, self.counted_amount, strict=True)

    def merged(self, other: EventColumns) -> EventColumns:
        """The rows of both, in the order of their records."""
        rows = sorted([*self.rows(), *other.rows()], key=lambda row: (row[0], row[1]))
        return EventColumns.of(rows)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Row by row, in the order of the fields."""
        return zip(*(getattr(self, one.name) for one in fields(self)), strict=True)

    def without_records(self, left_out: Iterable[int]) -> EventColumns:
        """The rows of the other records."""
        gone = set(left_out)
        kept = [record not in gone for record in self.record]
        return EventColumns(*(list(compress(getattr(self, one.name), kept)) for one in fields(self)))


# A number's owner and plan in a stretch of time, and one of the account's cycles: identifier, active_from, active_to,
# account, service, plan code, plan version, cycle number, opens_at, closes_at, whether the cycle's usage is late, and
# the last instant at which what the service may draw began or ended (its usage from there on has counters of its own).
# A plain tuple, because there are as many of them as there are records. Without a cycle its columns are None.
OwnedCycle = tuple[
    str,
    datetime,
    datetime | None,
    int,
    int,
    str,
    int,
    int | None,
    datetime | None,
    datetime | None,
    bool | None,
    datetime | None,
]


# What events add to one counter: events, quantity, amount.
Counts = tuple[int, int, Decimal]

# What they add to a cycle that is issued: the same, then the first and the last of their starts.
LateCounts = tuple[int, int, Decimal, datetime, datetime]


def record_keys(sources: Sequence[str], record_ids: Sequence[str]) -> list[str]:
    """What makes each record unique beside its start: 128 bit of (source, record_id) as 32 hexadecimal digits.

    The lengths of both are part of it, so that no two pairs look the same.
    """
    begun: dict[str, Any] = {}
    keys = []
    for source, record_id in zip(sources, record_ids, strict=True):
        if source not in begun:
            written = source.encode()
            begun[source] = hashlib.blake2b(len(written).to_bytes(4, "big") + written, digest_size=16)
        written = record_id.encode()
        digest = begun[source].copy()
        digest.update(len(written).to_bytes(4, "big") + written)
        keys.append(digest.hexdigest())
    return keys


def pick(values: Sequence[Any], places: Sequence[int]) -> Sequence[Any]:
    """The values at these places; the same sequence when the places are ``range(len(values))``."""
    is_all = isinstance(places, range) and len(places) == len(values)
    return values if is_all else [values[place] for place in places]
