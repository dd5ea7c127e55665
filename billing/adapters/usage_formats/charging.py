"""3GPP charging records in files: each record a usage, or a part of one that several records tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from billing.adapters.usage_formats.base import DeclaredFormat
from billing.adapters.usage_formats.ber import BerFile, BrokenFraming, read_tree
from billing.adapters.usage_formats.charging_files import FoundRecord, count_records, find_records, read_file_header
from billing.adapters.usage_formats.charging_records import ChargingRules, Usage, usage_of
from billing.adapters.usage_formats.values import Damaged
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import Control, DeclaredTotals, FileTotals, OpenSession, SessionPart, SourceProfile

_LINES_OF_A_RECORD = 100
_PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """A charging gateway: its declaration and the rules for its records.

    ``is_one_node``: all files are from one node, and are taken in the order of the numbers in their headers.
    """

    declaration: SourceProfile
    rules: ChargingRules
    is_one_node: bool = False


def charging_gateway(
    name: str, source: str, rules: ChargingRules, *, has_headers: bool = True, is_one_node: bool = False
) -> ChargingProfile:
    """Files with the headers of TS 32.297 must carry their number of records; bare ones say nothing."""
    control = Control(in_format=has_headers)
    declaration = SourceProfile(name, source, "3gpp", 2, control=control, country=rules.country)
    return ChargingProfile(declaration, rules, is_one_node)


class ChargingFormat(DeclaredFormat):
    """Reads records one by one. Where the profile tells traffic classes apart, a record has several lines.

    The line number is then the number of the record and two more digits (1700, 1701: record 17, two classes).
    """

    def __init__(self, profile: ChargingProfile) -> None:
        super().__init__(profile.declaration)
        self._rules = profile.rules
        self._is_one_node = profile.is_one_node
        self._step = _LINES_OF_A_RECORD if profile.rules.traffic_classes else 1
        if len(set(profile.rules.traffic_classes.values())) >= _LINES_OF_A_RECORD - 1:
            raise ValueError(f"A profile tells at most {_LINES_OF_A_RECORD - 2} traffic classes apart.")

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        # The record that holds the last taken line may have further lines.
        done = after_line // self._step - (1 if self._step > 1 and after_line else 0)
        with BerFile(path) as opened:
            for record in find_records(opened, max(0, done)):
                for line in self._lines(record):
                    if line.line_number > after_line:
                        yield line

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        *written_words, written = raw.strip().split(" ")
        words = dict(word.split("=", 1) for word in written_words if "=" in word)
        try:
            data = bytes.fromhex(written)
        except ValueError as error:
            return DecodedLine(0, raw, None, "record", f"The record cannot be read: {error}.")
        lines = self._lines(FoundRecord(0, data, family=words.get("family", "")))
        wanted = words.get("class")
        line = next((line for line in lines if line.reason or wanted in (None, _class_of(line))), None)
        if line is None:
            return DecodedLine(0, raw, None, "record", "This record is not billed.")
        return DecodedLine(0, raw, line.event, line.field, line.reason, line.part)

    def declared_totals(self, path: Path) -> DeclaredTotals | None:
        with BerFile(path) as opened:
            header = read_file_header(opened)
        if header is None or header.records is None:
            return None
        return FileTotals(records=header.records, sequence=header.sequence if self._is_one_node else None)

    def counted_totals(self, path: Path) -> FileTotals:
        """All records of the file, billed or not."""
        with BerFile(path) as opened:
            return FileTotals(records=count_records(opened))

    def _lines(self, record: FoundRecord) -> list[DecodedLine]:
        number = record.number * self._step
        raw = record.data.hex()
        if record.family not in ("", self._rules.family):
            raw = f"family={record.family} {raw}"
        if record.reason:
            return [DecodedLine(number, raw, None, "record", record.reason)]
        try:
            found = usage_of(read_tree(record.data), record.family or self._rules.family, self._rules)
        except Damaged as damaged:
            return [DecodedLine(number, raw, None, damaged.field, damaged.reason)]
        except BrokenFraming as broken:
            return [DecodedLine(number, raw, None, "record", broken.reason)]
        if found is None:
            return []
        meter, usage = found
        return [
            self._line(number + place, raw if self._step == 1 else f"class={each} {raw}", meter, usage, each)
            for place, each in enumerate(_classes(usage))
        ]

    def _line(self, number: int, raw: str, meter: str, usage: Usage, traffic_class: str) -> DecodedLine:
        event = {
            "source": self.source,
            "record_id": f"{usage.key}/{traffic_class}".rstrip("/"),
            "identifier": usage.identifier,
            "meter": meter,
            "quantity": usage.quantities[traffic_class],
            "started_at": usage.started_at,
            "destination": usage.destination,
            "visited": usage.visited,
            "traffic_class": traffic_class,
            "attributes": dict(usage.attributes),
        }
        if usage.order is None:
            return DecodedLine(number, raw, event)
        part = _part(event, usage.order, is_last=usage.is_last)
        whole = self.combine([part])
        return DecodedLine(number, raw, whole) if whole else DecodedLine(number, raw, part=part)

    def combine(self, parts: Sequence[SessionPart]) -> Mapping[str, Any] | None:
        """The event of all parts, numbered without a gap up to the one that closes the session; else None."""
        known = _in_order(parts)
        if _lacking(known, self._rules.first_part):
            return None
        return _merged(known)

    def describe_open(self, parts: Sequence[SessionPart]) -> OpenSession:
        known = _in_order(parts)
        if not known:
            return OpenSession({}, "No part of the session is known.")
        reason = _lacking(known, self._rules.first_part) or "The session is complete."
        return OpenSession(_merged(known), reason)


def _class_of(line: DecodedLine) -> str:
    told = line.event or (line.part.fields if line.part else {})
    return str(told.get("traffic_class", ""))


def _classes(usage: Usage) -> list[str]:
    """The classes to tell of. A whole usage leaves out those it has nothing of, a part tells of all."""
    used = [each for each, quantity in usage.quantities.items() if quantity]
    return list(usage.quantities) if usage.order is not None else used or list(usage.quantities)[:1]


def _part(event: Mapping[str, Any], order: int, *, is_last: bool) -> SessionPart:
    fields = dict(event) | {"started_at": event["started_at"].isoformat(), "is_last": is_last}
    return SessionPart(event["record_id"], _PARTIAL, order, fields)


def _in_order(parts: Sequence[SessionPart]) -> list[SessionPart]:
    """One part for each number: which of two with the same number does not depend on how they are given."""
    by_order: dict[int, SessionPart] = {}
    for part in sorted(parts, key=lambda each: (each.order, str(sorted(each.fields.items(), key=str)))):
        by_order.setdefault(part.order, part)
    return list(by_order.values())


def _lacking(known: Sequence[SessionPart], first: int) -> str:
    """What the session still lacks, in words; empty when it is complete."""
    if not known:
        return "No part of the session is known."
    last = known[-1]
    if not last.fields.get("is_last"):
        return f"The record that closes the session is missing after part {last.order}."
    present = {part.order for part in known}
    missing = next((order for order in range(first, last.order) if order not in present), None)
    if missing is not None:
        return f"Part {missing} of the session is missing."
    networks = sorted({str(part.fields.get("visited") or "home") for part in known})
    if len(networks) > 1:
        return f"The session was used in {', '.join(networks)}; each is priced by itself, so it needs a person."
    return ""


def _merged(known: Sequence[SessionPart]) -> dict[str, Any]:
    """One event from the first start, with the sum of all quantities."""
    event = {name: value for name, value in known[0].fields.items() if name != "is_last"}
    event["quantity"] = sum(part.fields["quantity"] for part in known)
    event["started_at"] = min(datetime.fromisoformat(part.fields["started_at"]) for part in known)
    event["attributes"] = dict(event["attributes"]) | {"parts": len(known)}
    return event
