"""Taking events back: what they counted is counted down again, in an open cycle at once, in a billed one as a
correction on the next invoice.

A negative count is a count like any other: the balance adds it, and late usage of an issued cycle is priced by rating
that cycle with and without it, so allowances and tiers come out right in both directions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from billing.domain import identity
from billing.ports.accounts import TimelineEntry
from billing.ports.unit_of_work import UnitOfWork
from billing.ports.usage_columns import CounterKey, Counts, LateCounts
from billing.ports.usage_corrections import Change, StoredEvent

_IN_WORDS = {
    "cancelled": "was taken back with its file",
    "moved": "belongs to another line or plan now",
    "rerated": "was rated again",
    "resent": "had been sent twice, with two starts",
}
_NOTHING = Decimal(0)


async def reverse(work: UnitOfWork, events: Sequence[StoredEvent], change: Change) -> Sequence[str]:
    """Count these rows down and tell it on the accounts' timelines; answers the accounts.

    They are out of the stored events already. The transaction has begun an intake, so that no invoice is computed in
    between.
    """
    if not events:
        return ()
    closed = await work.usage.closed_cycles({(event.account_id, event.cycle_number) for event in events})
    is_closed = [(event.account_id, event.cycle_number) in closed for event in events]
    await work.usage.add_pending(
        less(event for event, late in zip(events, is_closed, strict=True) if not late), change.at
    )
    await work.usage.add_late(
        late_less(event for event, late in zip(events, is_closed, strict=True) if late), change.at
    )
    await work.timeline.add_all(_entries(events, change))
    return [identity.show(identity.ACCOUNT, number) for number in sorted({event.account_id for event in events})]


def less(events: Iterable[StoredEvent]) -> Mapping[CounterKey, Counts]:
    """What these events had added, to be taken away."""
    totals: dict[CounterKey, Counts] = {}
    for event in events:
        count, quantity, amount = totals.get(event.counter, (0, 0, _NOTHING))
        totals[event.counter] = _minus(event, count, quantity, amount)
    return totals


def late_less(events: Iterable[StoredEvent]) -> Mapping[CounterKey, LateCounts]:
    """The same of issued cycles, with the span of the starts."""
    totals: dict[CounterKey, LateCounts] = {}
    for event in events:
        at = event.started_at
        count, quantity, amount, first, last = totals.get(event.counter, (0, 0, _NOTHING, at, at))
        totals[event.counter] = (*_minus(event, count, quantity, amount), min(first, at), max(last, at))
    return totals


def _minus(event: StoredEvent, count: int, quantity: int, amount: Decimal) -> Counts:
    return count - event.events, quantity - event.billable_quantity, amount - event.counted_amount


def _entries(events: Sequence[StoredEvent], change: Change) -> list[TimelineEntry]:
    found: dict[tuple[int, int], list[StoredEvent]] = {}
    for event in events:
        found.setdefault((event.account_id, event.cycle_number), []).append(event)
    return [_entry(account, cycle_number, own, change) for (account, cycle_number), own in sorted(found.items())]


def _entry(account: int, cycle_number: int, events: Sequence[StoredEvent], change: Change) -> TimelineEntry:
    records = sum(not event.part for event in events)
    return TimelineEntry(
        account_id=identity.show(identity.ACCOUNT, account),
        at=change.at,
        kind=f"usage.{change.kind}",
        summary=f"Usage of cycle {cycle_number} {_IN_WORDS[change.kind]}: {records} records",
        reason={
            "rule": "what was counted is counted down; a billed cycle is corrected on the next invoice",
            "why": change.reason,
            "records": records,
            "first_started_at": _iso(min(event.started_at for event in events)),
            "last_started_at": _iso(max(event.started_at for event in events)),
        },
        actor=change.author,
    )


def _iso(at: datetime) -> str:
    return at.isoformat()
