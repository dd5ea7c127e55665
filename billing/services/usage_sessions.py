"""Sessions: records that are parts of one usage are kept, joined over files in any order, and counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from billing.ports.clock import BusinessClock
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.ports.usage import DecodedLine, NewIssue, UsageFormat, UsageIssue
from billing.ports.usage_profiles import SessionPart
from billing.ports.usage_sessions import CLOSED, COMPLETE, OPEN, KeptPart, UsageSession
from billing.services.usage_batch import Entry
from billing.services.usage_intake import Outcome, RecordResult, Taken
from billing.services.usage_kept import LONGEST_RAW, plain
from billing.services.usage_records import RETENTION, hash_of, storable
from billing.services.usage_session_events import difference, is_same_moment, is_same_usage, plain_event

MOST_PARTS = 10_000
_PAGE = 500


@dataclass(slots=True)
class Joined:
    """What became of the parts of a batch, by their places.

    ``events`` are usages that became whole, at the place of the part that completed them: they go on like any other
    record. ``outcomes`` are those of all other parts, ``conflicts`` the reasons and contents of those kept aside.
    """

    events: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    conflicts: dict[int, tuple[RecordResult, Mapping[str, Any]]] = field(default_factory=dict)


@dataclass(slots=True)
class _Session:
    """A session at work: what is kept of it, and what the batch brings, by place."""

    stored: UsageSession
    known: dict[tuple[str, int], SessionPart]
    added: dict[tuple[str, int], tuple[int, SessionPart]] = field(default_factory=dict)

    def parts(self) -> list[SessionPart]:
        return [*self.known.values(), *(part for _, part in self.added.values())]

    def first_of(self, part: SessionPart) -> SessionPart | None:
        """The part that came first in the place of this one."""
        key = (part.kind, part.order)
        return self.known.get(key) or (self.added[key][1] if key in self.added else None)


class UsageSessions:
    """Joins parts. ``formats`` are the source profiles by name."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, formats: Mapping[str, UsageFormat]) -> None:
        self._make_work = make_work
        self._clock = clock
        self._formats = formats

    async def join(
        self, work: UnitOfWork, profile: str, lines: Mapping[int, DecodedLine], now: datetime, file_id: str | None
    ) -> Joined:
        """Keep the parts of a batch and answer the usages that are whole with them; the caller commits.

        A repeated part changes nothing. A part that differs from its first copy, or that comes after its session was
        counted and would change it, is a conflict.
        """
        joined, decoder = Joined(), self._formats[profile]
        if not lines:
            return joined
        parts = {place: _storable(line.part) for place, line in lines.items() if line.part}
        sessions = await self._lock(work, decoder, parts, lines, now, file_id)
        for place, part in parts.items():
            self._add(decoder, sessions[_hash(decoder, part)], place, part, joined)
        await work.usage.add_parts(
            [
                KeptPart(key, part.kind, part.order, part.fields, file_id)
                for key, session in sessions.items()
                for _, part in session.added.values()
            ]
        )
        complete = _complete(decoder, sessions, joined)
        await work.usage.settle_sessions(complete, COMPLETE, now, file_id)
        reported = [key for key in complete if sessions[key].stored.reported_at]
        await work.usage.resolve_waiting(reported, now, "accepted: the missing part came")
        return joined

    async def _lock(
        self,
        work: UnitOfWork,
        decoder: UsageFormat,
        parts: Mapping[int, SessionPart],
        lines: Mapping[int, DecodedLine],
        now: datetime,
        file_id: str | None,
    ) -> dict[UUID, _Session]:
        new: dict[UUID, UsageSession] = {}
        for place, part in parts.items():
            key, line = _hash(decoder, part), lines[place]
            raw = storable(line.raw, LONGEST_RAW)
            new.setdefault(
                key,
                UsageSession(
                    key,
                    decoder.source,
                    part.session_key,
                    decoder.name,
                    now,
                    raw=raw,
                    file_id=file_id,
                    line_number=line.line_number,
                ),
            )
        stored = await work.usage.lock_sessions(list(new.values()))
        kept = await work.usage.parts_of(list(stored))
        return {
            key: _Session(session, {(part.kind, part.part_order): _part(session, part) for part in kept[key]})
            for key, session in stored.items()
        }

    def _add(self, decoder: UsageFormat, session: _Session, place: int, part: SessionPart, joined: Joined) -> None:
        """Take one part into its session, or say why not."""
        first = session.first_of(part)
        if first is not None and first.fields == part.fields:
            joined.outcomes[place] = Outcome.DUPLICATE
            return
        trouble = self._trouble(decoder, session, first, part)
        if trouble:
            reason, event = trouble
            key = part.session_key
            result = RecordResult(place, Outcome.CONFLICT, key, "session", key, reason)
            joined.outcomes[place] = Outcome.CONFLICT
            joined.conflicts[place] = (result, event)
        elif first is not None:
            joined.outcomes[place] = Outcome.DUPLICATE
        else:
            joined.outcomes[place] = Outcome.PARTIAL
            session.added[part.kind, part.order] = (place, part)

    def _trouble(
        self, decoder: UsageFormat, session: _Session, first: SessionPart | None, part: SessionPart
    ) -> tuple[str, Mapping[str, Any]] | None:
        """Why a part is kept aside, with the event that it would make; None when nothing is wrong with it."""
        if first is None and len(session.known) + len(session.added) >= MOST_PARTS:
            return f"The session has {MOST_PARTS} parts already.", {}
        is_open = session.stored.status == OPEN
        if is_open and (first is None or is_same_moment(first.fields, part.fields)):
            return None
        made = decoder.combine([*(each for each in session.parts() if each is not first), part])
        event = plain_event(made) if made is not None else None
        if is_open:
            return f"Another {part.kind} record of this session came before.", event or {}
        counted = session.stored.event or {}
        if event is None or is_same_usage(event, counted):
            return None
        if session.stored.status == CLOSED and not counted:
            return "It came after its session was dismissed.", event
        return f"It came after its session was counted, and would change {difference(counted, event)}.", event

    async def lock(self, work: UnitOfWork, issues: Iterable[UsageIssue]) -> None:
        """Lock the sessions that kept records tell of, before the records themselves as every batch does."""
        profile, sessions = "", {}
        for issue in issues:
            if issue.kind == Outcome.PARTIAL:
                key, at = session_hash(issue.source, issue.record_id), issue.created_at
                sessions[key] = UsageSession(key, issue.source, issue.record_id, profile, at, reported_at=at)
        await work.usage.lock_sessions(list(sessions.values()))

    async def close(self, work: UnitOfWork, issue: UsageIssue, event: Mapping[str, Any], now: datetime) -> None:
        """A person says what the usage of an open session was, or with no event that it is none.

        Parts that come later find it counted, or dismissed.
        """
        key = session_hash(issue.source, issue.record_id)
        await work.usage.settle_sessions({key: plain_event(event)}, CLOSED, now, issue.file_id)

    async def withdraw(self, work: UnitOfWork, file_id: str, now: datetime) -> Sequence[Mapping[str, Any]] | None:
        """Take the file's parts of some sessions back, as when it is cancelled; None when there are no more.

        Sessions that the file completed wait for their parts again; their events are stored under the file and go with
        it. Answers the events of sessions that other files completed and that are not whole without this one's parts:
        the caller takes those back too.
        """
        page = await work.usage.sessions_of_file(file_id, _PAGE)
        if not page:
            return None
        hashes = [session.session_hash for session in page]
        kept = await work.usage.parts_of(hashes)
        await work.usage.remove_parts(file_id, hashes)
        orphans: list[Mapping[str, Any]] = []
        reopened: list[UUID] = []
        gone: list[UUID] = []
        for session in page:
            rest = [_part(session, part) for part in kept[session.session_hash] if part.file_id != file_id]
            is_its_own = session.settled_file_id == file_id
            if session.status == COMPLETE and not is_its_own:
                if self._still_whole(session, rest):
                    continue
                orphans += [session.event] if session.event else []
            elif session.status == CLOSED and not is_its_own:
                continue
            (reopened if rest else gone).append(session.session_hash)
        await work.usage.reopen_sessions(reopened)
        await work.usage.drop_sessions(gone)
        await work.usage.resolve_waiting(gone, now, "rejected: its file was taken back")
        return orphans

    def _still_whole(self, session: UsageSession, rest: Sequence[SessionPart]) -> bool:
        made = self._formats[session.profile].combine(rest) if rest else None
        return made is not None and is_same_usage(plain_event(made), session.event or {})

    async def look_after(self) -> int:
        """Report sessions that stay open longer than their profile's delay, for upkeep; answers how many.

        Settled ones are forgotten when their records can no longer be sent again.
        """
        reported, now = 0, self._clock.now()
        for name in sorted(self._formats):
            before = now - timedelta(days=self._formats[name].profile.delay_days)
            while page := await self._report_page(name, before, now):
                reported += page
        async with self._make_work() as work:
            await work.usage.forget_sessions(now - RETENTION)
            await work.commit()
        return reported

    async def _report_page(self, profile: str, before: datetime, now: datetime) -> int:
        decoder = self._formats[profile]
        async with self._make_work() as work:
            waiting = await work.usage.waiting_sessions(profile, before, _PAGE)
            kept = await work.usage.parts_of([session.session_hash for session in waiting])
            issues = [_open_issue(decoder, session, kept[session.session_hash], now) for session in waiting]
            await work.usage.add_issues(issues)
            await work.usage.mark_reported([session.session_hash for session in waiting], now)
            await work.commit()
        return len(waiting)


def _complete(decoder: UsageFormat, sessions: Mapping[UUID, _Session], joined: Joined) -> dict[UUID, Mapping[str, Any]]:
    """The sessions that are whole by now: each has its event at the place of its last new part."""
    found: dict[UUID, Mapping[str, Any]] = {}
    for key, session in sessions.items():
        if session.stored.status != OPEN or not session.added:
            continue
        made = decoder.combine(session.parts())
        if made is None:
            continue
        found[key] = plain_event(made)
        if made:
            place = max(place for place, _ in session.added.values())
            joined.events[place] = found[key]
            del joined.outcomes[place]
    return found


def _open_issue(decoder: UsageFormat, session: UsageSession, kept: Sequence[KeptPart], now: datetime) -> NewIssue:
    opened = decoder.describe_open([_part(session, part) for part in kept])
    event = plain_event(opened.event)
    return NewIssue(
        kind=Outcome.PARTIAL.value,
        source=session.source,
        record_id=session.session_key,
        identifier=str(event.get("identifier") or ""),
        event=event,
        raw=session.raw,
        field="session",
        reason=opened.reason,
        dedup_hash=session.session_hash,
        created_at=now,
        file_id=session.file_id,
        line_number=session.line_number,
    )


def note_parts(taken: Taken, joined: Joined) -> None:
    """Give the parts of a batch their outcomes; what is kept aside is kept with the event it would make."""
    batch = taken.batch
    for place, outcome in joined.outcomes.items():
        taken.outcomes[place] = outcome
    for place, (result, event) in joined.conflicts.items():
        taken.trouble[place] = result
        batch.came[place] = Entry(event, batch.parts[place].raw, batch.parts[place].line_number)


def session_hash(source: str, session_key: str) -> UUID:
    """What a session is known by."""
    return hash_of("session", source, session_key)


def _hash(decoder: UsageFormat, part: SessionPart) -> UUID:
    return session_hash(decoder.source, part.session_key)


def _storable(part: SessionPart) -> SessionPart:
    return SessionPart(storable(part.session_key), storable(part.kind, 40), part.order, plain(part.fields))


def _part(session: UsageSession, kept: KeptPart) -> SessionPart:
    return SessionPart(session.session_key, kept.kind, kept.part_order, kept.fields)
