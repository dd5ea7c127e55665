"""RADIUS accounting in detail files: start, interim and stop records, one block of attributes each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from billing.adapters.usage_formats.base import DeclaredFormat, decoded_from
from billing.adapters.usage_formats.lines import Line, read_lines
from billing.adapters.usage_formats.sessions import first, instant_of, microseconds_of, of_kind, session_key
from billing.adapters.usage_formats.values import Damaged, in_zone, international
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import OpenSession, SessionPart, SourceProfile

START, INTERIM, STOP = "start", "interim", "stop"
_KINDS = {
    "Start": START,
    "1": START,
    "Interim-Update": INTERIM,
    "Alive": INTERIM,
    "3": INTERIM,
    "Stop": STOP,
    "2": STOP,
}
# A restart of the access server, tunnels and failures: told for information, no usage.
_NO_USAGE = re.compile(r"Accounting-O(?:n|ff)|Tunnel-[\w-]+|Failed|7|8|9|1[0-5]")
_ATTRIBUTE = re.compile(r"\s+([A-Za-z0-9][\w.:-]*)\s*[:+]?=\s*(.*)")
_ESCAPE = re.compile(r"\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CALENDAR = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) ?(\S*)")
_MOST_LINES = 500
_MOST_CHARACTERS = 64 * 1024
_WORD = 2**32


@dataclass(frozen=True)
class RadiusProfile:
    """``identifier`` are the attributes that may hold the customer's identifier, the first one present counts.

    ``meter`` counts ``measure``: octets (both directions), seconds, or input / output octets.
    """

    source: SourceProfile
    identifier: Sequence[str] = ("User-Name",)
    destination: str = ""
    meter: str = "data"
    measure: str = "octets"
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class _Block:
    line: Line
    attributes: Mapping[str, str]


class RadiusFormat(DeclaredFormat):
    """A session is billed once, from its stop; start and interim records prove that it exists and how far it came."""

    def __init__(self, profile: RadiusProfile) -> None:
        super().__init__(profile.source)
        self._profile = profile

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        for block in _blocks(read_lines(path, self._profile.encoding)):
            if block.number > after_line and not _is_no_usage(block):
                yield decoded_from(block, self._read)

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        return decoded_from(Line(0, raw), self._read)

    def _read(self, block: Line) -> SessionPart:
        attributes = _attributes(block)
        status = _needed(attributes, "Acct-Status-Type")
        kind = _KINDS.get(status)
        if kind is None:
            raise Damaged("Acct-Status-Type", f"{status[:30]!r} is none of {', '.join(sorted(_KINDS))}.")
        happened = microseconds_of(self._happened_at(attributes))
        seconds = _counter(attributes, "Acct-Session-Time", needed=kind == STOP)
        fields = {
            "at": happened - seconds * 1_000_000,
            "seconds": seconds,
            "octets_in": _octets(attributes, "Input"),
            "octets_out": _octets(attributes, "Output"),
            "identifier": self._identifier(attributes),
            "destination": international(attributes.get(self._profile.destination, ""), self.profile.country),
        }
        order = 0 if kind != INTERIM else seconds
        return SessionPart(_session_key(attributes), kind, order, fields)

    def _identifier(self, attributes: Mapping[str, str]) -> str:
        for name in self._profile.identifier:
            if attributes.get(name, "").strip():
                return international(attributes[name].strip(), self.profile.country)
        raise Damaged(self._profile.identifier[0], "The record names no customer.")

    def _happened_at(self, attributes: Mapping[str, str]) -> datetime:
        """When it happened: the same in a record that is sent again, unlike the time of its arrival."""
        if "Event-Timestamp" in attributes:
            return self._calendar_time(attributes["Event-Timestamp"])
        arrived = _counter(attributes, "Timestamp", needed=True)
        return datetime.fromtimestamp(max(arrived - _counter(attributes, "Acct-Delay-Time"), 0), UTC)

    def _calendar_time(self, written: str) -> datetime:
        if written.isascii() and written.isdigit() and len(written) <= 11:
            return datetime.fromtimestamp(int(written), UTC)
        found = _CALENDAR.fullmatch(written)
        if found is None or found.group(1) not in _MONTHS:
            raise Damaged("Event-Timestamp", f"{written[:60]!r} is not a time like Jan 31 2026 23:59:59 CET.")
        month, day, year, hour, minute, second, name = found.groups()
        number = _MONTHS.index(month) + 1
        try:
            at = datetime.fromisoformat(f"{year}-{number:02}-{day:0>2}T{hour}:{minute}:{second}")
        except ValueError:
            raise Damaged("Event-Timestamp", f"{written[:60]!r} is not a date.") from None
        return self._in_named_zone(at, name)

    def _in_named_zone(self, at: datetime, name: str) -> datetime:
        """The zone's short name decides which of two equal hours is meant."""
        if name in {"UTC", "GMT", "Z"}:
            return at.replace(tzinfo=UTC)
        for fold in (0, 1):
            local = at.replace(tzinfo=ZoneInfo(self.profile.zone), fold=fold)
            if name and local.tzname() == name:
                return local
        return in_zone("Event-Timestamp", at, self.profile.zone, self.profile.clock_rule)

    def combine(self, parts: Sequence[SessionPart]) -> Mapping[str, Any] | None:
        """The session by its stop. A counter never shrinks, so a larger interim one stands for a stop that lost it."""
        stop = first(of_kind(parts, STOP))
        return None if stop is None else self._event(stop, [stop, *of_kind(parts, INTERIM)])

    def describe_open(self, parts: Sequence[SessionPart]) -> OpenSession:
        """What the last record told; sending it again bills the session as far as it is known."""
        interims = of_kind(parts, INTERIM)
        begun = first(of_kind(parts, START)) or first(interims)
        if begun is None:
            return OpenSession({"source": self.source}, "No start, interim or stop record.")
        reason = "Interim records without a stop." if interims else "A start without a stop."
        return OpenSession(self._event(begun, interims or [begun]), reason)

    def _event(self, begun: SessionPart, counted: Sequence[SessionPart]) -> dict[str, Any]:
        event = {"source": self.source, "record_id": begun.session_key, "meter": self._profile.meter}
        event["identifier"] = begun.fields["identifier"]
        if begun.fields["destination"]:
            event["destination"] = begun.fields["destination"]
        quantity = max(self._measure(part) for part in counted)
        return event | {"started_at": instant_of(begun.fields["at"]), "quantity": quantity}

    def _measure(self, part: SessionPart) -> int:
        fields, measure = part.fields, self._profile.measure
        if measure == "octets":
            return int(fields["octets_in"]) + int(fields["octets_out"])
        return int(fields[measure])


def radius(
    zone: str = "Europe/Amsterdam", country: str = "NL", name: str = "radius", source: str = "radius"
) -> RadiusFormat:
    """Data by user name; sessions of up to ten days are waited for."""
    return RadiusFormat(RadiusProfile(SourceProfile(name, source, "radius", delay_days=10, zone=zone, country=country)))


def _blocks(lines: Iterator[Line]) -> Iterator[Line]:
    """Records as one text each, numbered by their first line. A line that is not indented begins a record."""
    number, kept, characters, damage = 0, [""], 0, ""
    for line in lines:
        is_indented = line.text[:1] in {" ", "\t"}
        if number and (not line.text.strip() or not is_indented):
            yield Line(number, "\n".join(kept), damage)
            number = 0
        if not line.text.strip():
            continue
        if not number:
            number, kept, characters, damage = line.number, [], 0, ""
        damage = damage or line.damage
        characters += len(line.text)
        if len(kept) < _MOST_LINES and characters <= _MOST_CHARACTERS:
            kept.append(line.text)
        else:
            damage = damage or f"The record has more than {_MOST_LINES} lines or {_MOST_CHARACTERS} characters."
    if number:
        yield Line(number, "\n".join(kept), damage)


def _is_no_usage(block: Line) -> bool:
    found = re.search(r"^\s+Acct-Status-Type\s*=\s*(.*)$", block.text, re.MULTILINE)
    return bool(found and not block.damage and _NO_USAGE.fullmatch(found.group(1).strip().strip("\"'")))


def _attributes(block: Line) -> dict[str, str]:
    """Attributes by name; the first of several with one name counts."""
    if block.damage:
        raise Damaged("line", block.damage)
    attributes: dict[str, str] = {}
    for text in block.text.split("\n"):
        found = _ATTRIBUTE.fullmatch(text.rstrip())
        if found:
            attributes.setdefault(found.group(1), _unquoted(found.group(2)))
        elif text[:1] in {" ", "\t"}:
            raise Damaged("line", f"{text.strip()[:60]!r} is no attribute; was a line cut in two?")
    return attributes


def _unquoted(written: str) -> str:
    if written[:1] not in {'"', "'"}:
        return written
    if len(written) < 2 or written[-1] != written[0]:
        raise Damaged("line", f"The quote of {written[:60]} is not closed.")
    return _ESCAPE.sub(_unescaped, written[1:-1])


def _unescaped(found: re.Match[str]) -> str:
    octal, hexadecimal, other = found.groups()
    if octal or hexadecimal:
        # No database keeps a NUL in a text.
        return chr(int(octal, 8) if octal else int(hexadecimal, 16)).replace("\x00", "\\000")
    return _ESCAPED.get(other, other)


def _needed(attributes: Mapping[str, str], name: str) -> str:
    value = attributes.get(name, "").strip()
    if not value:
        raise Damaged(name, f"The record has no {name}.")
    return value


def _counter(attributes: Mapping[str, str], name: str, *, needed: bool = False) -> int:
    """A 32-bit counter; a negative one was written as a signed number by a program that should not have."""
    written = _needed(attributes, name) if needed else attributes.get(name, "0").strip()
    digits = written.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 10 or int(digits) >= _WORD:
        raise Damaged(name, f"{written[:60]!r} is not a 32-bit number.")
    value = int(written)
    if value < -(2**31):
        raise Damaged(name, f"{written} is not a 32-bit number.")
    return value % _WORD


def _octets(attributes: Mapping[str, str], direction: str) -> int:
    high = _counter(attributes, f"Acct-{direction}-Gigawords")
    return high * _WORD + _counter(attributes, f"Acct-{direction}-Octets")


def _session_key(attributes: Mapping[str, str]) -> str:
    unique = attributes.get("Acct-Unique-Session-Id", "").strip()
    if unique:
        return session_key(unique)
    server = attributes.get("NAS-Identifier", "") or attributes.get("NAS-IP-Address", "")
    return session_key(server, _needed(attributes, "Acct-Session-Id"), attributes.get("User-Name", ""))
