"""The timetable: which time band holds at an instant, and where a call crosses from one into another.

Compiled once for a plan. A day of UTC is laid out as the instants at which the band changes, so the change of clocks
needs no rule of its own: in the lost hour nothing is charged, the repeated hour is charged twice, each in the band that
the wall clock shows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from billing.domain.cycle_calendar import zone_info
from billing.domain.errors import InvalidValue
from billing.domain.rating.time_bands import HOLIDAY, SECONDS_OF_DAY, WEEKDAYS, TimeBands, is_holiday

_EPOCH = date(1970, 1, 1)
_MOST_DAYS = 4_000

_Points = tuple[list[int], list[str]]  # seconds since the epoch or since midnight, rising; the band from each on


class Timetable:
    """Answers bands by whole seconds since the epoch. Raises InvalidValue when the bands have no time zone."""

    def __init__(self, bands: TimeBands) -> None:
        if not bands.time_zone:
            raise InvalidValue(
                "Time bands need a time zone.",
                field="time_bands.time_zone",
                value="",
                remedy="Name one, like Europe/Amsterdam; a published plan has its brand's.",
            )
        self._bands = bands
        self._zone = zone_info(bands.time_zone)
        self._days: dict[int, _Points] = {}
        self._local_days: dict[tuple[str, str], _Points] = {}

    def split(self, first: int, seconds: int) -> list[tuple[int, str]]:
        """The bands of a use of so many seconds from ``first`` on: (offset in seconds, band), rising, the first at 0.

        The second that is under way when the band changes belongs to the band in which it began.
        """
        last = first + max(seconds, 1) - 1
        parts: list[tuple[int, str]] = []
        for day in range(first // SECONDS_OF_DAY, last // SECONDS_OF_DAY + 1):
            at, bands = self._days.get(day) or self._lay_out(day)
            for place in range(max(bisect_right(at, first) - 1, 0), bisect_right(at, last)):
                if not parts or bands[place] != parts[-1][1]:
                    parts.append((max(at[place] - first, 0), bands[place]))
        return parts

    def _lay_out(self, day: int) -> _Points:
        """One day of UTC."""
        begin, end = day * SECONDS_OF_DAY, (day + 1) * SECONDS_OF_DAY
        points: _Points = ([], [])
        for since, until in self._steady(begin, end):
            self._add(points, since, until)
        if len(self._days) >= _MOST_DAYS:
            self._days.clear()
        self._days[day] = points
        return points

    def _steady(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """The span cut where the clocks change; at most once within a day."""
        if self._offset(begin) == self._offset(end - 1):
            yield begin, end
            return
        before, after = begin, end - 1
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if self._offset(middle) == self._offset(begin) else (before, middle)
        yield begin, after
        yield after, end

    def _add(self, points: _Points, since: int, until: int) -> None:
        offset = self._offset(since)
        local_day = (since + offset) // SECONDS_OF_DAY
        while local_day * SECONDS_OF_DAY - offset < until:
            midnight = local_day * SECONDS_OF_DAY - offset
            seconds, bands = self._local_day(local_day)
            for place, second in enumerate(seconds):
                last = seconds[place + 1] if place + 1 < len(seconds) else SECONDS_OF_DAY
                if midnight + last > since and midnight + second < until:
                    points[0].append(max(midnight + second, since))
                    points[1].append(bands[place])
            local_day += 1

    def _local_day(self, local_day: int) -> _Points:
        today = _EPOCH + timedelta(days=local_day)
        kinds = self._kind(today), self._kind(today - timedelta(days=1))
        if kinds not in self._local_days:
            self._local_days[kinds] = self._changes(*kinds)
        return self._local_days[kinds]

    def _kind(self, day: date) -> str:
        return HOLIDAY if is_holiday(day, self._bands.holidays) else WEEKDAYS[day.weekday()]

    def _changes(self, kind: str, kind_before: str) -> _Points:
        """When the band changes within a local day of this kind, in seconds of its wall clock."""
        windows = [window for band in self._bands.bands for window in band.windows]
        edges = {0, *(window.begins for window in windows), *(window.ends for window in windows)} - {SECONDS_OF_DAY}
        points: _Points = ([], [])
        for second in sorted(edges):
            code = self._code(kind, kind_before, second)
            if not points[1] or points[1][-1] != code:
                points[0].append(second)
                points[1].append(code)
        return points

    def _code(self, kind: str, kind_before: str, second: int) -> str:
        for band in self._bands.bands:
            if any(window.contains(kind, kind_before, second) for window in band.windows):
                return band.code
        return ""

    def _offset(self, second: int) -> int:
        at = datetime.fromtimestamp(second, UTC).astimezone(self._zone)
        return int((at.utcoffset() or timedelta()).total_seconds())
