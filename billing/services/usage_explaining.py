"""Stored events looked up, and one record explained: what became of it, what it cost and why.

Owns: finding and explaining. Does not own: rating (billing.domain.rating), corrections, kept records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from billing.domain.errors import InvalidValue, NotFound
from billing.domain.rating import UsageEvent, explain_event
from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage import IssueFilter, UsageIssue
from billing.ports.usage_lookup import EventSearch, FoundCorrection, FoundEvent, RecordSearch
from billing.ports.usage_records import LateUsageRow
from billing.services.usage_plans import PlanShelf
from billing.services.usage_records import AHEAD, hash_of

USUAL_SPAN = timedelta(days=7)
LONGEST_SPAN = timedelta(days=92)
_MOST_KEPT = 1000
_INSTANT = timedelta(microseconds=1)
RATED, LATE, BILLED, DISMISSED = "rated", "late", "billed", "dismissed"


@dataclass(frozen=True, slots=True)
class ExplainedEvent:
    """One copy of a record as it is stored now. ``state`` is rated, late or billed, then with the ``invoice_number``;
    ``parts`` are its rows, ``steps`` how it was rated."""

    state: str
    invoice_number: str
    parts: Sequence[FoundEvent]
    steps: Sequence[str]

    @property
    def whole(self) -> FoundEvent:
        """The row that carries what came in."""
        return self.parts[0]


@dataclass(frozen=True, slots=True)
class ExplainedRecord:
    """What is known of a record. ``state`` is that of its event, or else how it ended: the kind of its open kept
    record, of its last correction, of its last closed kept record (dismissed, where a person put it aside)."""

    source: str
    record_id: str
    state: str
    events: Sequence[ExplainedEvent]
    corrections: Sequence[FoundCorrection]
    kept: Sequence[UsageIssue]


class UsageExplaining:
    """Answers a clerk who asks about records."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, shelf: PlanShelf) -> None:
        self._make_work = make_work
        self._clock = clock
        self._shelf = shelf

    def span(self, first: datetime | None, last: datetime | None) -> tuple[datetime, datetime]:
        """The starts to look at, [first, last): the last 7 days where nothing is said, at most 92 days.

        Raises InvalidValue for a longer span, and for one that ends before it begins.
        """
        now = self._clock.now()
        if last is None:
            last = now + AHEAD if first is None else max(first + _INSTANT, min(now + AHEAD, first + LONGEST_SPAN))
        if first is None:
            first = min(now, last) - USUAL_SPAN
        if not first < last:
            raise InvalidValue("The span ends before it begins.", field="to", value=last, remedy="Give a later end.")
        if last - first > LONGEST_SPAN:
            remedy = f"Ask for at most {LONGEST_SPAN.days} days at once."
            raise InvalidValue("The span is too long.", field="from", value=first, remedy=remedy)
        return first, last

    async def find(self, wanted: EventSearch) -> Sequence[FoundEvent]:
        """Stored events by start; raises UnableTo for a search that takes too long."""
        async with self._make_work() as work:
            return await work.usage.find_events(wanted)

    async def explain(self, source: str, record_id: str, started_at: datetime | None = None) -> ExplainedRecord:
        """Everything known of one record. Without its start the last 92 days are searched, which takes longer.

        Raises NotFound, and UnableTo when the search takes too long.
        """
        last = self._clock.now() + AHEAD
        span = (last - LONGEST_SPAN, last) if started_at is None else (started_at, started_at + _INSTANT)
        wanted = RecordSearch(source, record_id, hash_of(source, record_id), *span)
        kept_wanted = IssueFilter(status="", source=source, record_id=record_id, limit=_MOST_KEPT)
        async with self._make_work() as work:
            kept = await work.usage.issues(kept_wanted)
            rows = await work.usage.events_of_record(wanted)
            corrections = await work.usage.corrections_of_record(wanted)
            copies = [list(own) for _, own in groupby(rows, key=lambda row: row.place[:3])]
            events = [await self._explained(work, parts) for parts in copies]
        state = _state(events, corrections, kept)
        if not state:
            remedy = "Check source and record_id; give started_at for a record of more than 92 days ago."
            raise NotFound("No such record is known.", field="record_id", value=record_id, remedy=remedy)
        return ExplainedRecord(source, record_id, state, events, corrections, kept)

    async def _explained(self, work: UnitOfWork, parts: Sequence[FoundEvent]) -> ExplainedEvent:
        whole = parts[0]
        key = (whole.plan_code, whole.plan_version)
        plan = (await self._shelf.get(work, [key]))[key]
        state, invoice_number = await _billed(work, whole)
        return ExplainedEvent(state, invoice_number, parts, explain_event(plan, _as_rated(whole)))


def _as_rated(row: FoundEvent) -> UsageEvent:
    used = (row.meter, row.quantity, row.destination, row.amount)
    return UsageEvent(*used, row.started_at, row.visited, row.traffic_class)


async def _billed(work: UnitOfWork, row: FoundEvent) -> tuple[str, str]:
    """The state of a stored event, and the number of the invoice that bills it."""
    if not row.late:
        invoice = await work.invoices.of_cycle(row.account_id, row.cycle_number)
        return (RATED, "") if invoice is None else (BILLED, invoice.number)
    counted = _late_rows(row, await work.usage.late_usage_of(row.account_id, row.cycle_number))
    on = [each.invoice_id for each in counted if each.invoice_id is not None]
    if not on or len(on) < len(counted):
        return LATE, ""
    return BILLED, (await work.invoices.get(row.account_id, on[-1])).number


def _late_rows(row: FoundEvent, late: Sequence[LateUsageRow]) -> list[LateUsageRow]:
    """What counted this event: a row of its own batch, or of any where it was guided again after it was received."""
    own = [each for each in late if _counter(each) == _counter(row) and each.events >= 0]
    own = [each for each in own if each.first_started_at <= row.started_at <= each.last_started_at]
    return [each for each in own if each.received_at == row.received_at] or own


def _counter(row: FoundEvent | LateUsageRow) -> tuple[str, str, int, str, str]:
    return row.service_id, row.plan_code, row.plan_version, row.price_code, row.band


def _state(events: Sequence[ExplainedEvent], corrections: Sequence[FoundCorrection], kept: Sequence[UsageIssue]) -> str:
    if events:
        return max(events, key=lambda event: event.whole.received_at).state
    waiting = [issue.kind for issue in kept if issue.status == "open"]
    closed = [DISMISSED if issue.status == DISMISSED else issue.kind for issue in kept]
    ended = [*closed, *(each.kind for each in corrections), *waiting]
    return ended[-1] if ended else ""
