"""BroadWorks accounting files (XML): the answered part of the calls that subscribers made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from math import ceil
from pathlib import Path
from typing import Any

from billing.adapters.usage_formats.asn1_values import local_instant
from billing.adapters.usage_formats.base import DeclaredFormat
from billing.adapters.usage_formats.values import Damaged, international
from billing.adapters.usage_formats.xml_records import (
    LONGEST_RECORD_BYTES,
    NotThisXml,
    XmlFields,
    XmlRecord,
    XmlRecords,
    fields_of,
)
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import SourceProfile

_FILE_MARKS = frozenset({"Start", "End"})
# Written while a call lasts; the normal record at its end tells all of it.
_IN_PROGRESS = frozenset({"Interim", "Duration", "Long Duration"})
_NORMAL = "Normal"
_ORIGINATING = "Originating"
_TIME = re.compile(r"\d{14}(\.\d{1,6})?")
_ZONE = re.compile(r"[01]?([+-])(\d\d)(\d\d)(\d\d)?")
_NUMBER = re.compile(r"\+?[0-9]{1,20}")
_DIGITS_OF_A_TIME = 14


@dataclass(frozen=True, slots=True)
class BroadWorksProfile:
    """A switch. Times are UTC unless ``times_are_local``, then those of the user's zone.

    ``meters`` by direction: one without a meter is not billed. Calls of other kinds than ``billed_call_types`` stay
    inside the switch and are not billed; ``free_network_calls`` are network call types that count nothing.
    """

    declaration: SourceProfile
    meters: Mapping[str, str] = field(default_factory=lambda: {_ORIGINATING: "voice"})
    billed_call_types: frozenset[str] = frozenset({"Network"})
    free_network_calls: frozenset[str] = frozenset()
    times_are_local: bool = False


class BroadWorksFormat(DeclaredFormat):
    """Reads one ``cdrData`` at a time."""

    def __init__(self, profile: BroadWorksProfile) -> None:
        super().__init__(profile.declaration)
        self._switch = profile
        self._records = XmlRecords("broadWorksCDR", "cdrData")

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        try:
            for record in self._records.find(path, after_line):
                if line := self._line(record):
                    yield line
        except NotThisXml as refused:
            if after_line == 0:
                yield DecodedLine(1, "", None, "file", str(refused))

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        too_long = f"The record is longer than {LONGEST_RECORD_BYTES} bytes." if len(raw) > LONGEST_RECORD_BYTES else ""
        line = self._line(XmlRecord(0, raw[:LONGEST_RECORD_BYTES], too_long))
        return line or DecodedLine(0, raw, None, "record", "This record is not billed.")

    def _line(self, record: XmlRecord) -> DecodedLine | None:
        if record.reason:
            return DecodedLine(record.number, record.text, None, "record", record.reason)
        try:
            event = self._event(_parsed(record.text))
        except Damaged as damaged:
            return DecodedLine(record.number, record.text, None, damaged.field, damaged.reason)
        return None if event is None else DecodedLine(record.number, record.text, {"source": self.source} | event)

    def _event(self, record: XmlFields) -> dict[str, Any] | None:
        kind = _text(record, "headerModule/type")
        if kind in _FILE_MARKS or kind in _IN_PROGRESS:
            return None
        if kind != _NORMAL:
            raise Damaged("type", f"A record of type {kind or 'nothing'} says not how long the call was.")
        meter = self._switch.meters.get(_direction(record), "")
        call_type = _text(record, "basicModule/asCallType")
        if not meter or (call_type and call_type not in self._switch.billed_call_types):
            return None
        country = self.profile.country
        started_at, seconds = self._answered_part(record)
        called = _called(record, country)
        return {
            "record_id": _record_id(record),
            "identifier": international(_needed(record, "basicModule/userNumber"), country),
            "meter": meter,
            "quantity": seconds,
            "started_at": started_at,
            "destination": called,
            "attributes": _attributes(record, called),
        }

    def _answered_part(self, record: XmlFields) -> tuple[datetime, int]:
        """From the answer to the release, a begun second counts; a call without answer counts nothing."""
        is_answered = _text(record, "basicModule/answerIndicator").startswith("Yes")
        if not is_answered:
            return self._instant(record, "basicModule/startTime"), 0
        answered, released = (self._instant(record, f"basicModule/{name}") for name in ("answerTime", "releaseTime"))
        if released < answered:
            raise Damaged("releaseTime", "The call was released before it was answered.")
        is_free = (
            _text(record, "basicModule/chargeIndicator").lower() == "n"
            or _anywhere(record, "networkCallType") in self._switch.free_network_calls
        )
        return answered, 0 if is_free else ceil((released - answered) / timedelta(seconds=1))

    def _instant(self, record: XmlFields, path: str) -> datetime:
        """A time with the offset of the user's zone."""
        written = _needed(record, path)
        name = path.rpartition("/")[2]
        if not _TIME.fullmatch(written):
            raise Damaged(name, f"{written[:40]!r} is not a time like 20270131235959.123.")
        at = local_instant(name, written[:_DIGITS_OF_A_TIME], "+0000")
        at += timedelta(microseconds=int(written[_DIGITS_OF_A_TIME + 1 :].ljust(6, "0")))
        zone = _zone(_text(record, "basicModule/userTimeZone"))
        return at.replace(tzinfo=zone) if self._switch.times_are_local else at.astimezone(zone)


def _parsed(text: str) -> XmlFields:
    try:
        return fields_of(text, "cdrData")
    except ValueError as error:
        raise Damaged("record", str(error)) from None


def _text(record: XmlFields, path: str) -> str:
    return record.by_path.get(path, "")


def _anywhere(record: XmlFields, name: str) -> str:
    """A field that stands in one module or another, by release."""
    return record.by_name.get(name, "")


def _needed(record: XmlFields, path: str) -> str:
    value = _text(record, path)
    if not value:
        raise Damaged(path.rpartition("/")[2], f"The record has no {path}.")
    return value


def _direction(record: XmlFields) -> str:
    """Originating or Terminating; releases that do not say it name the user as the caller."""
    direction = _text(record, "basicModule/direction")
    if direction:
        return direction
    is_caller = _needed(record, "basicModule/userNumber") == _text(record, "basicModule/callingNumber")
    return _ORIGINATING if is_caller else "Terminating"


def _record_id(record: XmlFields) -> str:
    names = ("eventCounter", "systemId", "date")
    return "/".join(_needed(record, f"headerModule/recordId/{name}")[:60] for name in names)


def _called(record: XmlFields, country: str) -> str:
    """The number called, or what the network made of it where that is no number (an address, a short word)."""
    for name in ("calledNumber", "networkTranslatedNumber"):
        number = international(_anywhere(record, name), country)
        if _NUMBER.fullmatch(number):
            return number
    return ""


def _attributes(record: XmlFields, called: str) -> dict[str, str]:
    names = {
        "calling": "callingNumber",
        "group": "groupNumber",
        "user": "userId",
        "call_category": "callCategory",
        "network_call_type": "networkCallType",
        "termination_cause": "terminationCause",
        "redirected_from": "originalCalledNumber",
    }
    found = {ours: _anywhere(record, theirs)[:100] for ours, theirs in names.items()}
    found["dialled"] = "" if called else _anywhere(record, "calledNumber")[:100]
    return {name: value for name, value in found.items() if value}


def _zone(written: str) -> timezone:
    """The offset in 1+020000: whether it is summer time, then hours, minutes, seconds from UTC. Empty is UTC."""
    if not written:
        return UTC
    found = _ZONE.fullmatch(written)
    away = timedelta(hours=int(found[2]), minutes=int(found[3])) if found else timedelta(days=1)
    if found is None or away >= timedelta(hours=15):
        raise Damaged("userTimeZone", f"{written[:40]!r} is not a zone like 1+020000.")
    return timezone(-away if found[1] == "-" else away)
