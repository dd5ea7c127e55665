"""Guiding a batch: whose number it was when it started, in which cycle, and at which price. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.domain.rating import NoPrice, PlanDefinition, guide
from billing.ports.usage_intake import CounterDelta, CycleSpan, NumberOwner, StoredEvent
from billing.services.usage_records import UsageRecord

PlanKey = tuple[str, int]
OPEN, ISSUED = "open", "issued"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that cannot be guided yet: it waits, is never dropped and never free."""

    field: str
    value: str
    reason: str


def spellings(identifier: str) -> tuple[str, ...]:
    """A number with and without its leading +, as sources and operators write it; any other identifier as it is."""
    if identifier.removeprefix("+").isdigit():
        digits = identifier.removeprefix("+")
        return f"+{digits}", digits
    return (identifier,)


class Directory:
    """Owners of numbers at an instant, with and without a leading +."""

    def __init__(self, owners: Iterable[NumberOwner]) -> None:
        self._owners: dict[str, list[NumberOwner]] = {}
        for owner in owners:
            self._owners.setdefault(spellings(owner.identifier)[0], []).append(owner)

    def owner_of(self, identifier: str, at: datetime) -> NumberOwner | None:
        """Who owned it when the usage started."""
        for owner in self._owners.get(spellings(identifier)[0], ()):
            if owner.active_from <= at and (owner.active_to is None or at < owner.active_to):
                return owner
        return None


class Guiding:
    """Everything a batch needs to be guided."""

    def __init__(
        self, directory: Directory, cycles: Sequence[CycleSpan], plans: Mapping[PlanKey, PlanDefinition]
    ) -> None:
        self._directory = directory
        self._plans = plans
        self._cycles: dict[str, list[CycleSpan]] = {}
        for cycle in cycles:
            self._cycles.setdefault(cycle.account_id, []).append(cycle)

    def guide(self, record: UsageRecord) -> StoredEvent | Waiting:
        """The event with account, service, cycle, price and counted quantity; or why it has to wait."""
        owner = self._directory.owner_of(record.identifier, record.started_at)
        if owner is None:
            reason = f"No service had this number at {record.started_at:%Y-%m-%dT%H:%M:%SZ}."
            return Waiting("identifier", record.identifier, reason)
        cycle = self._cycle_of(owner.account_id, record.started_at)
        if cycle is None:
            reason = f"Account {owner.account_id} has no cycle that contains this start."
            return Waiting("started_at", record.started_at.isoformat(), reason)
        parts = guide(self._plans[owner.plan_code, owner.plan_version], record.event)
        if isinstance(parts, NoPrice):
            return Waiting("meter", record.event.meter, parts.reason)
        guided = parts[0]
        return StoredEvent(
            started_at=record.started_at,
            key_hash=record.key_hash,
            account_id=owner.account_id,
            service_id=owner.service_id,
            cycle_number=cycle.cycle_number,
            late=cycle.status == ISSUED,
            source=record.source,
            record_id=record.record_id,
            identifier=record.identifier,
            meter=record.event.meter,
            quantity=record.event.quantity,
            destination=record.event.destination,
            amount=record.event.amount,
            attributes=record.attributes,
            content_hash=record.content_hash,
            plan_code=owner.plan_code,
            plan_version=owner.plan_version,
            price_code=guided.price_code,
            band=guided.band,
            events=guided.events,
            billable_quantity=guided.billable_quantity,
            counted_amount=guided.amount_per_event or Decimal(0),
        )

    def _cycle_of(self, account_id: str, at: datetime) -> CycleSpan | None:
        """The cycle by the start; one that was cancelled before it began takes nothing."""
        for cycle in self._cycles.get(account_id, ()):
            if cycle.opens_at <= at < cycle.closes_at and cycle.status in (OPEN, ISSUED):
                return cycle
        return None


def deltas(events: Iterable[StoredEvent]) -> list[CounterDelta]:
    """What events add to their counters, one per counter."""
    totals: dict[tuple[str, int, str, str, int, str, str], CounterDelta] = {}
    for event in events:
        added = _delta(event)
        earlier = totals.get(added.key)
        totals[added.key] = added if earlier is None else _sum(earlier, added)
    return list(totals.values())


def _delta(event: StoredEvent) -> CounterDelta:
    return CounterDelta(
        account_id=event.account_id,
        cycle_number=event.cycle_number,
        service_id=event.service_id,
        plan_code=event.plan_code,
        plan_version=event.plan_version,
        price_code=event.price_code,
        band=event.band,
        events=event.events,
        quantity=event.billable_quantity,
        amount=event.counted_amount,
        first_started_at=event.started_at,
        last_started_at=event.started_at,
    )


def _sum(one: CounterDelta, other: CounterDelta) -> CounterDelta:
    return CounterDelta(
        *one.key,
        events=one.events + other.events,
        quantity=one.quantity + other.quantity,
        amount=one.amount + other.amount,
        first_started_at=min(one.first_started_at, other.first_started_at),
        last_started_at=max(one.last_started_at, other.last_started_at),
    )
