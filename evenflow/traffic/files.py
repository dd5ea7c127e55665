"""Writing a day's traffic as sources do: calls as Asterisk's cdr-csv, messages as CSV, data as NDJSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import phonenumbers

from evenflow.traffic.day import Line, TrafficRequest, Use, random_of, traffic_of

# Never given to a customer, so that nobody's line is charged.
UNKNOWN_NUMBER = "+99900000000"
_STAMP = "%Y-%m-%d %H:%M:%S"
Writer = Callable[[Use, TrafficRequest], str]


@dataclass(frozen=True, slots=True)
class TrafficFile:
    """A written file and what is in it; ``lines`` is all of its records, damaged one included, header excluded.

    A correct import reports ``duplicates`` duplicates, ``unknown`` recycled, ``damaged`` rejected, ``late`` late (when
    the cycle of that day is issued, otherwise accepted), and the rest accepted.
    """

    path: Path
    profile: str
    day: date
    lines: int
    duplicates: int
    unknown: int
    late: int
    damaged: int

    @property
    def clean(self) -> int:
        """Records that an import accepts."""
        return self.lines - self.duplicates - self.unknown - self.late - self.damaged


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the records of a meter are written."""

    meter: str
    profile: str
    file_name: str
    header: str
    write: Writer
    damage: Callable[[str], str]


def write_days(directory: Path, request: TrafficRequest, first_day: date, days: int) -> list[TrafficFile]:
    """Write every file of ``days`` local days from ``first_day``."""
    return [
        file for number in range(days) for file in write_day(directory, request, first_day + timedelta(days=number))
    ]


def write_day(directory: Path, request: TrafficRequest, day: date) -> list[TrafficFile]:
    """Write one local day: a file per kind of use that occurred. Answers what each holds."""
    directory.mkdir(parents=True, exist_ok=True)
    traffic = traffic_of(request, day)
    return [
        _write(directory, request, day, kind, traffic.uses[kind.meter]) for kind in KINDS if traffic.uses[kind.meter]
    ]


def _write(directory: Path, request: TrafficRequest, day: date, kind: _Kind, uses: Sequence[Use]) -> TrafficFile:
    random = random_of(request, day, f"flaws of {kind.meter}")
    repeated = _repeated(uses, request.flaws.repeated_per_thousand, random)
    unknown = [_unknown(uses[0])] if request.flaws.unknown_number else []
    late = _late(request, uses) if request.flaws.late_record else []
    lines = [kind.write(use, request) for use in [*uses, *late, *unknown]]
    lines += [kind.write(use, request) for use in repeated]
    damaged = [kind.damage(lines[0])] if request.flaws.damaged_line else []
    middle = len(lines) // 2
    lines[middle:middle] = damaged
    path = directory / kind.file_name.format(day=day)
    path.write_text("\n".join([*([kind.header] if kind.header else []), *lines]) + "\n", encoding="utf-8")
    counts = (len(lines), len(repeated), len(unknown), len(late), len(damaged))
    return TrafficFile(path, kind.profile, day, *counts)


def _repeated(uses: Sequence[Use], per_thousand: int, random: Random) -> list[Use]:
    """Records that the source sends twice in the same file: at least one, when any are wanted."""
    return random.sample(uses, max(1, len(uses) * per_thousand // 1000)) if per_thousand else []


def _unknown(use: Use) -> Use:
    return replace(use, identifier=UNKNOWN_NUMBER, record_id=f"{use.record_id}-unknown")


def _late(request: TrafficRequest, uses: Sequence[Use]) -> list[Use]:
    """A record that comes days after it happened, of a line that existed then."""
    active_from = {line.identifier: line.active_from for line in request.lines}
    for use in uses:
        started_at = use.started_at - timedelta(days=request.flaws.late_days)
        since = active_from[use.identifier]
        if use.disposition in ("", "ANSWERED") and (since is None or since <= started_at):
            return [replace(use, started_at=started_at, record_id=f"{use.record_id}-late")]
    return []


def _cdr(use: Use, request: TrafficRequest) -> str:
    start = use.started_at.astimezone(ZoneInfo(request.zone))
    answer = start + timedelta(seconds=use.ring_seconds)
    end = answer + timedelta(seconds=use.quantity)
    is_answered = use.disposition == "ANSWERED"
    channel = f"PJSIP/{use.identifier.removeprefix('+')}-{use.record_id.rpartition('.')[2]}"
    row = [
        *("", use.identifier, use.destination, "from-subscribers", f'"{use.identifier}" <{use.identifier}>'),
        *(channel, "PJSIP/trunk" if is_answered else "", "Dial", f"PJSIP/{use.destination}@trunk"),
        *(start.strftime(_STAMP), answer.strftime(_STAMP) if is_answered else "", end.strftime(_STAMP)),
        *(use.quantity + use.ring_seconds, use.quantity, use.disposition, "DOCUMENTATION", use.record_id, ""),
    ]
    return _csv_line(row, quote_texts=True)


def _csv(use: Use, request: TrafficRequest) -> str:
    at = use.started_at.astimezone(ZoneInfo(request.zone)).isoformat()
    return _csv_line(
        [use.record_id, use.identifier, use.meter, use.quantity, at, _e164(use.destination, request.country)]
    )


def _ndjson(use: Use, request: TrafficRequest) -> str:
    return json.dumps(
        {
            "record_id": use.record_id,
            "identifier": use.identifier,
            "meter": use.meter,
            "quantity": use.quantity,
            "started_at": use.started_at.astimezone(ZoneInfo(request.zone)).isoformat(),
            "attributes": {"apn": "internet"},
        }
    )


def _e164(number: str, country: str) -> str:
    """A dialled number with + and country code."""
    dialled = f"+{number[2:]}" if number.startswith("00") else number
    return phonenumbers.format_number(phonenumbers.parse(dialled, country), phonenumbers.PhoneNumberFormat.E164)


def _csv_line(row: Sequence[object], *, quote_texts: bool = False) -> str:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_NONNUMERIC if quote_texts else csv.QUOTE_MINIMAL, lineterminator="").writerow(
        row
    )
    return written.getvalue()


KINDS = (
    _Kind("voice", "cdr-csv", "calls-{day:%Y%m%d}.csv", "", _cdr, lambda line: line[: len(line) // 2] + '"broken'),
    _Kind(
        "sms",
        "csv",
        "messages-{day:%Y%m%d}.csv",
        "record_id,identifier,meter,quantity,started_at,destination",
        _csv,
        lambda line: line.rpartition(",")[0],
    ),
    _Kind("data", "ndjson", "data-{day:%Y%m%d}.ndjson", "", _ndjson, lambda line: line[: len(line) // 2]),
)


def lines_of(identifiers: Sequence[str], kind: str = "mobile") -> list[Line]:
    """Lines by their numbers."""
    return [Line(identifier, kind) for identifier in identifiers]
