"""OpenSIPS and Kamailio: accounting in flat files, one line per SIP request, INVITE and BYE in any file and order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing.adapters.usage_formats.base import DeclaredFormat, decoded_from
from billing.adapters.usage_formats.lines import Line, as_line, read_lines
from billing.adapters.usage_formats.records import needed
from billing.adapters.usage_formats.sessions import first, instant_of, microseconds_of, of_kind, session_key
from billing.adapters.usage_formats.values import Damaged, instant, international, whole
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import ClockRule, OpenSession, SessionPart, SourceProfile

INVITE, BYE, UNANSWERED = "invite", "bye", "bye-unanswered"
# The proxy's processes write their own files, each with its own idea of the second.
SKEW_SECONDS = 5
_USER = re.compile(r"<?(?:sips?|tel):([^@;>]+)", re.IGNORECASE)
_PLAIN = ("method", "from_tag", "to_tag", "callid", "sip_code", "sip_reason", "time")


@dataclass(frozen=True)
class FlatstoreProfile:
    """``columns`` as the acc module writes them; ``caller`` and ``callee`` name the columns with both numbers.

    ``time_form`` reads the time column (empty: ISO times or local times of ``zone``).
    """

    source: SourceProfile
    columns: Sequence[str] = (*_PLAIN, "caller", "callee")
    caller: str = "caller"
    callee: str = "callee"
    delimiter: str = "|"
    time_form: str = "epoch"
    encoding: str = "utf-8"


class FlatstoreFormat(DeclaredFormat):
    """A call is its answered INVITE and the first BYE, by whichever side. Other requests are no usage."""

    def __init__(self, profile: FlatstoreProfile) -> None:
        super().__init__(profile.source)
        self._profile = profile

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        for line in read_lines(path, self._profile.encoding):
            if line.number > after_line and self._is_usage(line):
                yield decoded_from(line, self._read)

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        return decoded_from(as_line(0, raw.encode("utf-8", "replace")), self._read)

    def _is_usage(self, line: Line) -> bool:
        method = line.text.partition(self._profile.delimiter)[0].strip().upper()
        return bool(line.text.strip()) and method not in {"ACK", "CANCEL", "PRACK", "UPDATE", "INFO", "OPTIONS"}

    def _read(self, line: Line) -> Mapping[str, Any] | SessionPart:
        row = self._row(line)
        method = needed(row, "method").upper()
        at = instant("time", needed(row, "time"), self.profile.zone, self.profile.clock_rule, self._profile.time_form)
        if method == "BYE":
            kind = BYE if _is_success(row) else UNANSWERED
            return SessionPart(self._key(row), kind, microseconds_of(at), {"at": microseconds_of(at)})
        if method not in {"INVITE", "MESSAGE"}:
            raise Damaged("method", f"{method[:30]!r} is no request that this profile accounts for.")
        event = self._event(row) | {"started_at": at}
        answered = _is_success(row)
        if method == "MESSAGE":
            return event | {"meter": "sms", "quantity": int(answered), "record_id": self._attempt(row)}
        if not answered:
            return event | {"quantity": 0, "record_id": self._attempt(row)}
        fields = {name: event[name] for name in ("identifier", "destination")} | {"at": microseconds_of(at)}
        return SessionPart(self._key(row), INVITE, microseconds_of(at), fields)

    def _row(self, line: Line) -> dict[str, str]:
        if line.damage:
            raise Damaged("line", line.damage)
        columns, delimiter = self._profile.columns, self._profile.delimiter
        values = line.text.split(delimiter, len(columns))
        if len(values) != len(columns):
            raise Damaged("line", f"The line has {len(values)} columns instead of {len(columns)}.")
        escaped = f"%{ord(delimiter):02X}"
        return {name: value.replace(escaped, delimiter) for name, value in zip(columns, values, strict=True)}

    def _key(self, row: Mapping[str, str]) -> str:
        """A BYE from the callee has the tags the other way round."""
        tags = sorted((row["from_tag"].strip(), row["to_tag"].strip()))
        return session_key(needed(row, "callid"), *tags)

    def _attempt(self, row: Mapping[str, str]) -> str:
        """One call may be tried at several places, each with its own answer."""
        return session_key(needed(row, "callid"), row["from_tag"], row["to_tag"], row["sip_code"], row["time"])

    def _event(self, row: Mapping[str, str]) -> dict[str, Any]:
        caller, callee = (_number(needed(row, name)) for name in (self._profile.caller, self._profile.callee))
        country = self.profile.country
        return {
            "source": self.source,
            "meter": "voice",
            "identifier": international(caller, country),
            "destination": international(callee, country),
        }

    def combine(self, parts: Sequence[SessionPart]) -> Mapping[str, Any] | None:
        """The call from its first answered INVITE (a later one changes the media) to its first answered BYE."""
        invite, bye = first(of_kind(parts, INVITE)), first(of_kind(parts, BYE))
        if invite is None or bye is None:
            return None
        return self._begun(invite) | {"quantity": _seconds(invite, bye)}

    def describe_open(self, parts: Sequence[SessionPart]) -> OpenSession:
        """An INVITE without BYE lacks only its quantity; a BYE alone does not know who called."""
        invite, unanswered = first(of_kind(parts, INVITE)), first(of_kind(parts, UNANSWERED))
        if invite is not None and unanswered is not None:
            event = self._begun(invite) | {"quantity": _seconds(invite, unanswered)}
            return OpenSession(event, "Only a BYE that the other side refused: the call may have ended before it.")
        if invite is not None:
            return OpenSession(self._begun(invite), "INVITE without BYE: nobody knows how long the call was.")
        key = parts[0].session_key if parts else ""
        event = {"source": self.source, "record_id": key, "meter": "voice"}
        return OpenSession(event, "BYE without INVITE: nobody knows who called and since when.")

    def _begun(self, invite: SessionPart) -> dict[str, Any]:
        names = ("identifier", "destination")
        known = {"source": self.source, "record_id": invite.session_key, "meter": "voice"}
        return known | {name: invite.fields[name] for name in names} | {"started_at": instant_of(invite.fields["at"])}


def flatstore(
    zone: str = "Europe/Amsterdam", country: str = "NL", name: str = "flatstore", source: str = "sip-proxy"
) -> FlatstoreFormat:
    """The accounting of a proxy whose extra columns are the caller's and the callee's address."""
    declared = SourceProfile(
        name=name,
        source=source,
        format="flatstore",
        delay_days=2,
        zone=zone,
        clock_rule=ClockRule.FIRST,
        country=country,
    )
    return FlatstoreFormat(FlatstoreProfile(declared))


def _is_success(row: Mapping[str, str]) -> bool:
    return 200 <= whole("sip_code", needed(row, "sip_code")) < 300


def _seconds(invite: SessionPart, bye: SessionPart) -> int:
    """The length of a call; clocks that differ a little do not make it negative."""
    seconds = (int(bye.fields["at"]) - int(invite.fields["at"])) // 1_000_000
    return 0 if -SKEW_SECONDS <= seconds < 0 else seconds


def _number(address: str) -> str:
    """The user part of a SIP or tel address; other values as they are."""
    found = _USER.search(address)
    return found.group(1) if found else address.strip()
