"""Segments of business time on PostgreSQL, and the clock that runs by the newest.

Read and written at a start and once a second, so plain blocking calls serve.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Select, desc, func, insert, select, update

from billing.domain.clock import NORMAL_TIME, ClockSegment
from billing.persistence.tables.accounts import clock_segments


class SegmentClock:
    """Business time by one segment, which lasts as long as this process: a new segment begins with a restart."""

    def __init__(self, segment: ClockSegment) -> None:
        self._segment = segment

    def now(self) -> datetime:
        return self._segment.business(datetime.now(UTC))

    def segment(self) -> ClockSegment:
        return self._segment


def newest_segment(engine: Engine) -> ClockSegment:
    """The segment in force; normal time when none was ever written."""
    with engine.connect() as connection:
        row = (connection.execute(_newest())).first()
    return NORMAL_TIME if row is None else ClockSegment(row.real_start, row.business_start, row.rate)


def begin_segment(
    engine: Engine, rate: float, starts_at: datetime, now: datetime, standing: timedelta = timedelta(0)
) -> ClockSegment:
    """Begin the segment of a started stack: from where business time was last seen, or ``starts_at`` the first time.

    ``now`` is real time; business time stands still for ``standing`` of it, while the parts start. Rate 1 on a database
    that never ran faster is normal time.
    """
    begins = now + standing
    with engine.begin() as connection:
        row = (connection.execute(_newest())).first()
        if row is None:
            first = NORMAL_TIME if rate == 1 else ClockSegment(begins, starts_at, rate)
            segment = first
        else:
            last = ClockSegment(row.real_start, row.business_start, row.rate)
            segment = (
                last if last.is_normal_time and rate == 1 else last.continued_from(row.last_seen_real, begins, rate)
            )
        connection.execute(
            insert(clock_segments).values(
                real_start=segment.real_start,
                business_start=segment.business_start,
                rate=segment.rate,
                last_seen_real=now,
            )
        )
    return segment


def mark_seen(engine: Engine, now: datetime) -> None:
    """Note that business time was running at a real instant: after a crash it goes on from here."""
    newest = select(func.max(clock_segments.c.segment_id)).scalar_subquery()
    with engine.begin() as connection:
        connection.execute(
            update(clock_segments).where(clock_segments.c.segment_id == newest).values(last_seen_real=now)
        )


def _newest() -> Select[Any]:
    return select(clock_segments).order_by(desc(clock_segments.c.segment_id)).limit(1)
