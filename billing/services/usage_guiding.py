"""Guiding a batch: whose number it was when it started, in which cycle, and at which price. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from billing.domain import identity
from billing.domain.rating import Guided, NoPrice, PlanDefinition, UsageEvent, guide
from billing.ports.usage_columns import CounterKey, Counts, EventColumns, LateCounts, OwnedCycle, RecordColumns

PlanKey = tuple[str, int]
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that cannot be guided yet: it waits, is never dropped and never free."""

    field: str
    value: str
    reason: str


@dataclass(slots=True)
class GuidedBatch:
    """The guided events, and by index of the record what has to wait."""

    events: EventColumns = field(default_factory=EventColumns)
    waiting: dict[int, Waiting] = field(default_factory=dict)


class Guiding:
    """Everything a batch needs to be guided."""

    def __init__(
        self, owned: Iterable[OwnedCycle | tuple[object, ...]], plans: Mapping[PlanKey, PlanDefinition]
    ) -> None:
        self._plans = plans
        self._owned: dict[str, list[OwnedCycle]] = {}
        for each in owned:
            row = OwnedCycle._make(each)
            self._owned.setdefault(row.identifier, []).append(row)

    def guide(self, records: RecordColumns) -> GuidedBatch:
        """Every record with account, service, cycle, price and counted quantity; or why it has to wait."""
        batch = GuidedBatch()
        for index, identifier in enumerate(records.identifier):
            owned = self._at(identifier, records.started_at[index])
            guided = self._price(owned, records, index) if owned else None
            if owned is None or guided is None or isinstance(guided, NoPrice):
                batch.waiting[index] = self._waiting(records, index, guided)
            else:
                _append(batch.events, index, owned, guided)
        return batch

    def _at(self, identifier: str, at: datetime) -> OwnedCycle | None:
        for owned in self._owned.get(identifier, ()):
            _, active_from, active_to, _, _, _, _, _, opens_at, closes_at, _ = owned
            if opens_at is None or closes_at is None or not opens_at <= at < closes_at:
                continue
            if active_from <= at and (active_to is None or at < active_to):
                return owned
        return None

    def _price(self, owned: OwnedCycle, records: RecordColumns, index: int) -> tuple[Guided, ...] | NoPrice:
        event = UsageEvent(
            records.meter[index],
            records.quantity[index],
            records.destination[index],
            records.amount[index],
            records.started_at[index],
            records.visited[index],
            records.traffic_class[index],
        )
        return guide(self._plans[owned.plan_code, owned.plan_version], event)

    def _waiting(self, records: RecordColumns, index: int, guided: object) -> Waiting:
        if isinstance(guided, NoPrice):
            return Waiting("meter", records.meter[index], guided.reason)
        identifier, at = records.identifier[index], records.started_at[index]
        for owned in self._owned.get(identifier, ()):
            if owned.active_from <= at and (owned.active_to is None or at < owned.active_to):
                account_id = identity.show(identity.ACCOUNT, owned.account_id)
                reason = f"Account {account_id} has no cycle that contains this start."
                return Waiting("started_at", at.isoformat(), reason)
        return Waiting("identifier", identifier, f"No service had this number at {at:%Y-%m-%dT%H:%M:%SZ}.")


def _append(events: EventColumns, index: int, owned: OwnedCycle, guided: Sequence[Guided]) -> None:
    for part, each in enumerate(guided):
        events.record.append(index)
        events.part.append(part)
        events.account_id.append(owned.account_id)
        events.service_id.append(owned.service_id)
        events.cycle_number.append(owned.cycle_number or 0)
        events.late.append(bool(owned.is_closed))
        events.plan_code.append(owned.plan_code)
        events.plan_version.append(owned.plan_version)
        events.price_code.append(each.price_code)
        events.band.append(each.band)
        events.events.append(each.events)
        events.billable_quantity.append(each.billable_quantity)
        events.counted_amount.append(each.amount_per_event or _NOTHING)


def counts_of(events: EventColumns) -> dict[CounterKey, Counts]:
    """What the events of open cycles add to each counter."""
    totals: dict[CounterKey, tuple[int, int, Decimal]] = {}
    for row, late in enumerate(events.late):
        if not late:
            _add(totals, events, row)
    return {key: Counts(*total) for key, total in totals.items()}


def late_counts_of(events: EventColumns, started_at: Sequence[datetime]) -> dict[CounterKey, LateCounts]:
    """What the events of issued cycles add, with their span; ``started_at`` is by record."""
    totals: dict[CounterKey, tuple[int, int, Decimal]] = {}
    spans: dict[CounterKey, tuple[datetime, datetime]] = {}
    for row, late in enumerate(events.late):
        if late:
            at = started_at[events.record[row]]
            key = _add(totals, events, row)
            first, last = spans.get(key, (at, at))
            spans[key] = min(first, at), max(last, at)
    return {key: LateCounts(*total, *spans[key]) for key, total in totals.items()}


def _add(totals: dict[CounterKey, tuple[int, int, Decimal]], events: EventColumns, row: int) -> CounterKey:
    key = (
        events.account_id[row],
        events.cycle_number[row],
        events.service_id[row],
        events.plan_code[row],
        events.plan_version[row],
        events.price_code[row],
        events.band[row],
    )
    count, quantity, amount = totals.get(key, (0, 0, _NOTHING))
    totals[key] = (
        count + events.events[row],
        quantity + events.billable_quantity[row],
        amount + events.counted_amount[row] if events.counted_amount[row] else amount,
    )
    return key
