"""Moving what events count: what was counted is counted down and, where it belongs elsewhere, counted again; in an
open cycle at once, in a billed one as a correction on the next invoice.

A negative count is a count like any other: the balance adds it, and late usage of an issued cycle is priced by rating
that cycle with and without it, so allowances and tiers come out right in both directions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
Cycle = tuple[int, int]  # account, cycle number


async def reverse(work: UnitOfWork, events: Sequence[StoredEvent], change: Change) -> Sequence[str]:
    """Count these rows down and tell it on the accounts' timelines; answers the accounts.

    They are out of the stored events already. The transaction has begun an intake, so that no invoice is computed in
    between.
    """
    closed = await work.usage.closed_cycles({cycle_of(event) for event in events}) if events else set()
    return await recount(work, events, (), change, closed)


async def recount(
    work: UnitOfWork,
    gone: Sequence[StoredEvent],
    come: Sequence[StoredEvent],
    change: Change,
    closed: Collection[Cycle],
) -> Sequence[str]:
    """Count down what is ``gone`` and up what has ``come``, as ``reverse`` does; ``closed`` are the cycles whose usage
    is late."""
    signed = [*((event, -1) for event in gone), *((event, 1) for event in come)]
    if not signed:
        return ()
    await work.usage.add_pending(_counts(each for each in signed if cycle_of(each[0]) not in closed), change.at)
    await work.usage.add_late(
        _late_counts(each for each in signed if cycle_of(each[0]) in closed), change.at, change.kind
    )
    await work.timeline.add_all(list(_entries(gone, come, change)))
    return [identity.show(identity.ACCOUNT, number) for number in sorted({event.account_id for event, _ in signed})]


def cycle_of(event: StoredEvent) -> Cycle:
    """Account and number of the cycle an event is counted in."""
    return event.account_id, event.cycle_number


def _counts(signed: Iterable[tuple[StoredEvent, int]]) -> Mapping[CounterKey, Counts]:
    """The differences, by counter; counters that stay as they are left out."""
    totals: dict[CounterKey, Counts] = {}
    for event, sign in signed:
        totals[event.counter] = _plus(totals.get(event.counter, (0, 0, _NOTHING)), event, sign)
    return {key: counts for key, counts in totals.items() if any(counts)}


def _late_counts(signed: Iterable[tuple[StoredEvent, int]]) -> Mapping[CounterKey, LateCounts]:
    """The same of issued cycles, with the span of the starts."""
    totals: dict[CounterKey, LateCounts] = {}
    for event, sign in signed:
        at = event.started_at
        count, quantity, amount, first, last = totals.get(event.counter, (0, 0, _NOTHING, at, at))
        totals[event.counter] = (*_plus((count, quantity, amount), event, sign), min(first, at), max(last, at))
    return {key: counts for key, counts in totals.items() if any(counts[:3])}


def _plus(counts: Counts, event: StoredEvent, sign: int) -> Counts:
    count, quantity, amount = counts
    return (
        count + sign * event.events,
        quantity + sign * event.billable_quantity,
        amount + sign * event.counted_amount,
    )


def _entries(gone: Sequence[StoredEvent], come: Sequence[StoredEvent], change: Change) -> Iterator[TimelineEntry]:
    left, arrived = _by_cycle(gone), _by_cycle(come)
    for cycle in sorted({*left, *arrived}):
        yield _entry(cycle, left.get(cycle, ()), arrived.get(cycle, ()), change)


def _by_cycle(events: Iterable[StoredEvent]) -> dict[Cycle, list[StoredEvent]]:
    found: dict[Cycle, list[StoredEvent]] = {}
    for event in events:
        found.setdefault(cycle_of(event), []).append(event)
    return found


def _entry(cycle: Cycle, gone: Sequence[StoredEvent], come: Sequence[StoredEvent], change: Change) -> TimelineEntry:
    account, cycle_number = cycle
    left, arrived = _records(gone), _records(come)
    words = _IN_WORDS[change.kind] if left else "came from another line"
    starts = [event.started_at for event in (*gone, *come)]
    return TimelineEntry(
        account_id=identity.show(identity.ACCOUNT, account),
        at=change.at,
        kind=f"usage.{change.kind}",
        summary=f"Usage of cycle {cycle_number} {words}: {left or arrived} records",
        reason={
            "rule": "what was counted is counted down; a billed cycle is corrected on the next invoice",
            "why": change.reason,
            "records": left,
            "records_counted_again": arrived,
            "first_started_at": _iso(min(starts)),
            "last_started_at": _iso(max(starts)),
        },
        actor=change.author,
    )


def _records(events: Collection[StoredEvent]) -> int:
    return sum(not event.part for event in events)


def _iso(at: datetime) -> str:
    return at.isoformat()
