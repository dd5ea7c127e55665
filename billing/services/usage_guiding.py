"""Guiding a batch: whose number it was when it started, in which cycle, and at which price. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from billing.domain import identity
from billing.domain.numbers import directory_spelling
from billing.domain.rating import NoPrice, Place, PlanDefinition, PrefixTable, UsageEvent, guide, since
from billing.ports.usage_columns import CounterKey, Counts, EventColumns, LateCounts, OwnedCycle, RecordColumns

PlanKey = tuple[str, int]
NO_CYCLE = "started_at"
_NOTHING = Decimal(0)
_MOST_TABLES = 10_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that cannot be guided yet: it waits, is never dropped and never free."""

    field: str
    value: str
    reason: str


@dataclass(slots=True)
class GuidedBatch:
    """The guided events, and by index of the record what has to wait.

    ``shared`` are guided records whose number was another account's too, which may have had them before it moved.
    """

    events: EventColumns
    waiting: dict[int, Waiting]
    shared: set[int] = field(default_factory=set)


class Guiding:
    """Everything a batch needs to be guided. ``owned`` are rows of the number directory, each with a cycle.

    ``plain`` are prices found for the same plans before.
    """

    def __init__(
        self,
        owned: Iterable[OwnedCycle],
        plans: Mapping[PlanKey, PlanDefinition],
        plain: PlainPrices | None = None,
    ) -> None:
        self._plans = plans
        self._plain = plain or PlainPrices(plans)
        self._owned: dict[str, list[OwnedCycle]] = {}
        self._shared: set[str] = set()
        for row in owned:
            rows = self._owned.setdefault(row[0], [])
            rows.append(row)
            if rows[0][3] != row[3]:
                self._shared.add(row[0])

    def guide(
        self, records: RecordColumns, spelled: Sequence[str], indexes: Iterable[int] | None = None
    ) -> GuidedBatch:
        """Every record (or those at ``indexes``) with account, service, cycle, price and counted quantity; or why it
        has to wait. ``spelled`` are the identifiers as the directory spells them."""
        rows: list[tuple[object, ...]] = []
        waiting: dict[int, Waiting] = {}
        plain = self._plain
        for index in range(len(records)) if indexes is None else indexes:
            owned = self._at(spelled[index], records.started_at[index])
            if owned is None:
                waiting[index] = self._nobody(records, index)
                continue
            row = plain.row(owned, records, index)
            if row is not None:
                rows.append(row)
                continue
            guided = self._price(owned, records, index)
            if isinstance(guided, NoPrice):
                waiting[index] = Waiting("meter", records.meter[index], guided.reason)
            else:
                rows += guided
        events = EventColumns.of(rows)
        shared = {index for index in events.record if spelled[index] in self._shared} if self._shared else set()
        return GuidedBatch(events, waiting, shared)

    def _at(self, identifier: str, at: datetime) -> OwnedCycle | None:
        for owned in self._owned.get(identifier, ()):
            _, active_from, active_to, _, _, _, _, _, opens_at, closes_at, _, _ = owned
            if opens_at is None or closes_at is None or not opens_at <= at < closes_at:
                continue
            if active_from <= at and (active_to is None or at < active_to):
                return owned
        return None

    def _price(self, owned: OwnedCycle, records: RecordColumns, index: int) -> list[tuple[object, ...]] | NoPrice:
        """The rows of one event, as ``EventColumns`` holds them."""
        _, _, _, account_id, service_id, code, version, cycle_number, _, _, late, drawing_from = owned
        plan = self._plans[code, version]
        owner = (account_id, service_id, cycle_number, late, code, version)
        guided = guide(plan, event_at(records, index))
        if isinstance(guided, NoPrice):
            return guided
        return [
            (
                index,
                part,
                *owner,
                one.price_code,
                since(one.band, drawing_from),
                one.events,
                one.billable_quantity,
                one.amount_per_event or _NOTHING,
            )
            for part, one in enumerate(guided)
        ]

    def _nobody(self, records: RecordColumns, index: int) -> Waiting:
        identifier, at = records.identifier[index], records.started_at[index]
        for _, active_from, active_to, account_id, *_ in self._owned.get(directory_spelling(identifier), ()):
            if active_from <= at and (active_to is None or at < active_to):
                account = identity.show(identity.ACCOUNT, account_id)
                return Waiting(NO_CYCLE, at.isoformat(), f"Account {account} has no cycle that contains this start.")
        return Waiting("identifier", identifier, f"No service had this number at {at:%Y-%m-%dT%H:%M:%SZ}.")


# What a place of a prefix table says where neither time nor carried amounts matter: price code, band, initial and
# further increments, and the place itself, so that its identity lasts as long as this is remembered.
_Plain = tuple[str, str, int, int, Place]


class PlainPrices:
    """Nine of ten events have a price that depends on their totals alone: those are guided here, in a few lookups.

    It gives the very answer of ``guide``, which a test holds, and leaves all others to it. A plan's version never
    changes, so what was found once is found for as long as this lives.
    """

    def __init__(self, plans: Mapping[PlanKey, PlanDefinition]) -> None:
        self._plans = plans
        self._tables: dict[tuple[str, int, str, str, str], tuple[PrefixTable, ...]] = {}
        self._known: dict[int, _Plain | None] = {}

    def row(self, owned: OwnedCycle, records: RecordColumns, index: int) -> tuple[object, ...] | None:
        """The one row of an event, as ``EventColumns`` holds it; None for an event that is not plain."""
        quantity = records.quantity[index]
        place = self._place(owned, records, index) if quantity else None
        if place is None:
            return None
        known = self._known[id(place)] if id(place) in self._known else self._remember(place)
        if known is None:
            return None
        price_code, band, initial, further, _ = known
        billable = initial if quantity <= initial else initial - (initial - quantity) // further * further
        _, _, _, account_id, service_id, code, version, cycle_number, _, _, late, drawing_from = owned
        band = band if drawing_from is None else since(band, drawing_from)
        return (
            *(index, 0, account_id, service_id, cycle_number, late, code, version),
            *(price_code, band, 1, billable, _NOTHING),
        )

    def _place(self, owned: OwnedCycle, records: RecordColumns, index: int) -> Place | None:
        asked = owned[5], owned[6], records.meter[index], records.visited[index], records.traffic_class[index]
        tables = self._tables.get(asked)
        if tables is None:
            if len(self._tables) >= _MOST_TABLES:
                self._tables.clear()  # whoever sends may name any meter
            found = self._plans[asked[0], asked[1]].bands.tables_of(*asked[2:])
            tables = self._tables[asked] = () if isinstance(found, NoPrice) else found
        number = records.destination[index].removeprefix("+")
        for table in tables:
            place = table.find(number)
            if place is not None:
                return place
        return None

    def _remember(self, place: Place) -> _Plain | None:
        price = place.band.price
        is_plain = not place.by_time and not price.is_priced_per_event
        steps = price.increments
        known = (price.code, place.band.code, steps.initial, steps.further, place) if is_plain else None
        self._known[id(place)] = known
        return known


def event_at(records: RecordColumns, index: int) -> UsageEvent:
    """One record of the columns as rating sees it."""
    return UsageEvent(
        records.meter[index],
        records.quantity[index],
        records.destination[index],
        records.amount[index],
        records.started_at[index],
        records.visited[index],
        records.traffic_class[index],
    )


def counts_of(events: EventColumns) -> dict[CounterKey, Counts]:
    """What the events of open cycles add to each counter."""
    totals: dict[CounterKey, Counts] = {}
    for key, late, count, quantity, amount in events.counted():
        if not late:
            earlier = totals.get(key)
            added = count, quantity, amount
            totals[key] = added if earlier is None else _sum(earlier, added)
    return totals


def late_counts_of(events: EventColumns, started_at: Sequence[datetime]) -> dict[CounterKey, LateCounts]:
    """What the events of issued cycles add, with their span; ``started_at`` is by record."""
    totals: dict[CounterKey, LateCounts] = {}
    for record, (key, late, count, quantity, amount) in zip(events.record, events.counted(), strict=True):
        if late:
            at = started_at[record]
            earlier = totals.get(key, (0, 0, _NOTHING, at, at))
            added = _sum((earlier[0], earlier[1], earlier[2]), (count, quantity, amount))
            totals[key] = (*added, min(earlier[3], at), max(earlier[4], at))
    return totals


def _sum(one: Counts, other: Counts) -> Counts:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]
