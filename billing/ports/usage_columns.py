"""A batch of usage as parallel lists: columns from the door to the table, because a row at a time costs ten times more.

Identities are the bare integers of the database here; quantities are in the meter's own units, instants aware UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

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

    def __len__(self) -> int:
        return len(self.places)

    def at(self, indexes: Sequence[int]) -> RecordColumns:
        """The records at these indexes."""
        return RecordColumns(*([getattr(self, one.name)[index] for index in indexes] for one in fields(self)))


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

    def without_records(self, left_out: Iterable[int]) -> EventColumns:
        """The rows of the other records."""
        gone = set(left_out)
        kept = [row for row, record in enumerate(self.record) if record not in gone]
        return EventColumns(*([getattr(self, one.name)[row] for row in kept] for one in fields(self)))


class OwnedCycle(NamedTuple):
    """A number's owner in [active_from, active_to), its plan then, and one of the account's cycles (None: there is
    none). ``is_closed`` is true once the cycle's usage is late."""

    identifier: str
    active_from: datetime
    active_to: datetime | None
    account_id: int
    service_id: int
    plan_code: str
    plan_version: int
    cycle_number: int | None
    opens_at: datetime | None
    closes_at: datetime | None
    is_closed: bool | None


@dataclass(frozen=True, slots=True)
class Counts:
    """What events add to one counter."""

    events: int
    quantity: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LateCounts:
    """What events add to a cycle that is issued, and the span of their starts."""

    events: int
    quantity: int
    amount: Decimal
    first_started_at: datetime
    last_started_at: datetime


def pick(values: Sequence[Any], places: Sequence[int]) -> Sequence[Any]:
    """The values at these places; the same sequence when the places are all of it."""
    return values if len(places) == len(values) else [values[place] for place in places]
