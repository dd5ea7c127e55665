"""One day of traffic as records, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from evenflow.traffic import habits


@dataclass(frozen=True, slots=True)
class Line:
    """A subscribed line: its E.164 number, what it does (mobile, fixed, internet), and since when."""

    identifier: str
    kind: str = "mobile"
    active_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Flaws:
    """What is wrong on purpose in each file of a day; ``late_days`` is how old the late record is."""

    repeated_per_thousand: int = 10
    unknown_number: bool = True
    late_record: bool = True
    damaged_line: bool = True
    late_days: int = 35


NO_FLAWS = Flaws(repeated_per_thousand=0, unknown_number=False, late_record=False, damaged_line=False)


@dataclass(frozen=True, slots=True)
class TrafficRequest:
    """Whose traffic, where, and how much: ``intensity`` multiplies the usual volume."""

    lines: Sequence[Line]
    seed: int = 1
    zone: str = "Europe/Amsterdam"
    country: str = "NL"
    intensity: float = 1.0
    flaws: Flaws = field(default_factory=Flaws)


@dataclass(frozen=True, slots=True)
class Use:
    """One record: ``quantity`` in seconds, messages or bytes; a call has a ``disposition`` and rang for a while."""

    record_id: str
    identifier: str
    meter: str
    quantity: int
    started_at: datetime
    destination: str = ""
    disposition: str = ""
    ring_seconds: int = 0


@dataclass(frozen=True, slots=True)
class DayTraffic:
    """A local day's records by meter, sorted by start."""

    day: date
    uses: dict[str, list[Use]]


def traffic_of(request: TrafficRequest, day: date) -> DayTraffic:
    """The traffic of a local day; each line has its own random source, so adding lines changes no other line."""
    uses: dict[str, list[Use]] = {"voice": [], "sms": [], "data": []}
    for line in request.lines:
        for use in _uses_of(request, line, day):
            if line.active_from is None or use.started_at >= line.active_from:
                uses[use.meter].append(use)
    for each in uses.values():
        each.sort(key=lambda use: (use.started_at, use.record_id))
    return DayTraffic(day, uses)


def random_of(request: TrafficRequest, day: date, what: str) -> Random:
    """The random source of one purpose on one day."""
    return Random(f"{request.seed}/{day.isoformat()}/{what}")


def _uses_of(request: TrafficRequest, line: Line, day: date) -> Iterator[Use]:
    random = random_of(request, day, line.identifier)
    volume = request.intensity * habits.WEEKDAYS[day.weekday()]
    if line.kind in ("mobile", "fixed"):
        for number in range(habits.how_many(random, habits.CALLS_PER_DAY * volume)):
            yield _call(request, line, day, number, random)
    if line.kind == "mobile":
        for number in range(habits.how_many(random, habits.MESSAGES_PER_DAY * volume)):
            yield _message(request, line, day, number, random)
    if line.kind in ("mobile", "internet"):
        for number in range(habits.how_many(random, habits.SESSIONS_PER_DAY * volume)):
            yield _session(request, line, day, number, random)


def _call(request: TrafficRequest, line: Line, day: date, number: int, random: Random) -> Use:
    disposition = habits.weighted(random, habits.DISPOSITIONS)
    started_at = _moment(request, day, random).replace(microsecond=0)
    return Use(
        record_id=f"{int(started_at.timestamp())}.{number}",
        identifier=line.identifier,
        meter="voice",
        quantity=habits.call_seconds(random) if disposition == "ANSWERED" else 0,
        started_at=started_at,
        destination=habits.dialled(random, request.country),
        disposition=disposition,
        ring_seconds=random.randint(2, 30),
    )


def _message(request: TrafficRequest, line: Line, day: date, number: int, random: Random) -> Use:
    destination = habits.dialled(random, request.country)
    return Use(_name("m", line, day, number), line.identifier, "sms", 1, _moment(request, day, random), destination)


def _session(request: TrafficRequest, line: Line, day: date, number: int, random: Random) -> Use:
    quantity = habits.session_bytes(random)
    return Use(_name("d", line, day, number), line.identifier, "data", quantity, _moment(request, day, random))


def _name(kind: str, line: Line, day: date, number: int) -> str:
    return f"{kind}-{day:%Y%m%d}-{line.identifier.removeprefix('+')}-{number}"


def _moment(request: TrafficRequest, day: date, random: Random) -> datetime:
    """A moment of the local day as the wall clock shows it; never in an hour that occurs twice or not at all."""
    local = datetime.combine(day, time(0)) + timedelta(seconds=habits.second_of_day(random))
    zone = ZoneInfo(request.zone)
    earlier, later = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if earlier != later:
        local += timedelta(hours=3)
    return local.replace(tzinfo=zone).astimezone(UTC)
