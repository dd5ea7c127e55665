"""Asterisk's channel event log (CEL): a call is the events of the channel with which it began."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing.adapters.usage_formats.base import DeclaredFormat, decoded_from
from billing.adapters.usage_formats.lines import Line, as_line, read_lines
from billing.adapters.usage_formats.records import needed
from billing.adapters.usage_formats.sessions import first, instant_of, microseconds_of, of_kind, session_key
from billing.adapters.usage_formats.values import EPOCH, Damaged, instant, international
from billing.ports.usage import DecodedLine
from billing.ports.usage_profiles import OpenSession, SessionPart, SourceProfile

START, ANSWER, HANGUP = "chan_start", "answer", "hangup"
_KINDS = {"CHAN_START": START, "ANSWER": ANSWER, "HANGUP": HANGUP}
# Q.850 causes of a call that was talked on, and the empty ones that say nothing.
_MAY_HAVE_TALKED = {"", "0", "16", "31"}
COLUMNS = (
    *("eventtype", "eventtime", "cidname", "cidnum", "cidani", "cidrdnis", "ciddnid", "exten", "context"),
    *("channame", "appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer"),
    *("userfield", "userdeftype", "eventextra"),
)


@dataclass(frozen=True)
class CelProfile:
    """``columns`` as cel_custom.conf maps them; ``time_form`` as cel.conf's dateformat (default: epoch).

    ``identifier`` names the column with the customer's number; ``contexts`` are the dialplan contexts in which
    customers call (empty: all), other channels count nothing.
    """

    source: SourceProfile
    columns: Sequence[str] = COLUMNS
    identifier: str = "cidnum"
    contexts: Sequence[str] = ()
    delimiter: str = ","
    quote: str = '"'
    time_form: str = EPOCH
    encoding: str = "utf-8"


class CelFormat(DeclaredFormat):
    """Only channel start, answer and hang-up are parts; bridges, applications and the rest are no usage.

    A channel whose unique id is another than its linked id at its start was dialled by the switch: the same call.
    """

    def __init__(self, profile: CelProfile) -> None:
        super().__init__(profile.source)
        self._profile = profile

    def decode(self, path: Path, after_line: int = 0) -> Iterator[DecodedLine]:
        for line in read_lines(path, self._profile.encoding):
            if line.number > after_line and line.text.strip() and not self._is_other_event(line):
                yield decoded_from(line, self._read)

    def decode_line(self, raw: str, header: str = "") -> DecodedLine:
        return decoded_from(as_line(0, raw.encode("utf-8", "replace")), self._read)

    def _is_other_event(self, line: Line) -> bool:
        """Told from the first column where that is the event's name, so that most lines are not split at all."""
        if self._profile.columns[0] != "eventtype" or line.damage:
            return False
        name = line.text.split(self._profile.delimiter, 1)[0].strip().strip(self._profile.quote)
        return name.isascii() and name.replace("_", "").isalpha() and name.isupper() and name not in _KINDS

    def _read(self, line: Line) -> SessionPart:
        row = self._row(line)
        name = needed(row, "eventtype").upper()
        kind = _KINDS.get(name)
        if kind is None:
            raise Damaged("eventtype", f"{name[:30]!r} is no event of a call.")
        written = needed(row, "eventtime")
        at = microseconds_of(
            instant("eventtime", written, self.profile.zone, self.profile.clock_rule, self._profile.time_form)
        )
        fields: dict[str, Any] = {"at": at} | (self._began(row) if kind == START else {})
        fields |= _ended(row.get("eventextra", "")) if kind == HANGUP else {}
        return SessionPart(session_key(needed(row, "uniqueid")), kind, at, fields)

    def _began(self, row: Mapping[str, str]) -> dict[str, Any]:
        profile, country = self._profile, self.profile.country
        is_first = needed(row, "uniqueid") == needed(row, "linkedid")
        if not is_first or (profile.contexts and row.get("context", "") not in profile.contexts):
            return {"is_call": False}
        return {
            "is_call": True,
            "identifier": international(needed(row, profile.identifier), country),
            "destination": international(row.get("exten", ""), country),
        }

    def _row(self, line: Line) -> dict[str, str]:
        if line.damage:
            raise Damaged("line", line.damage)
        profile, columns = self._profile, self._profile.columns
        try:
            reader = csv.reader([line.text], delimiter=profile.delimiter, quotechar=profile.quote, strict=True)
            values = next(reader, [])
        except csv.Error as error:
            raise Damaged("line", f"The quotes of this line do not match: {error}.") from None
        if len(values) != len(columns):
            raise Damaged("line", f"The line has {len(values)} columns instead of {len(columns)}.")
        return dict(zip(columns, values, strict=True))

    def combine(self, parts: Sequence[SessionPart]) -> Mapping[str, Any] | None:
        """The call from its answer to its hang-up; nothing at all for a channel that the switch dialled.

        Files come in any order, so a call without an answer is complete only when its hang-up says that there was none.
        """
        start, answer, hangup = (first(of_kind(parts, kind)) for kind in (START, ANSWER, HANGUP))
        if start is not None and not start.fields["is_call"]:
            return {}
        if start is None or hangup is None:
            return None
        if answer is None:
            return self._begun(start, None) | {"quantity": 0} if _never_talked(hangup) else None
        seconds = (int(hangup.fields["at"]) - int(answer.fields["at"])) // 1_000_000
        return self._begun(start, answer) | {"quantity": seconds}

    def describe_open(self, parts: Sequence[SessionPart]) -> OpenSession:
        """What the channel lacks."""
        start, answer = first(of_kind(parts, START)), first(of_kind(parts, ANSWER))
        if start is None:
            key = parts[0].session_key if parts else ""
            event = {"source": self.source, "record_id": key, "meter": "voice"}
            return OpenSession(event, "Events of a channel without CHAN_START: nobody knows who called.")
        if of_kind(parts, HANGUP):
            return OpenSession(self._begun(start, answer), "Ended without ANSWER, and its cause does not say why.")
        reason = "ANSWER without HANGUP." if answer else "CHAN_START without HANGUP."
        return OpenSession(self._begun(start, answer), reason)

    def _begun(self, start: SessionPart, answer: SessionPart | None) -> dict[str, Any]:
        fields = {name: start.fields.get(name, "") for name in ("identifier", "destination")}
        at = (answer or start).fields["at"]
        known = {"source": self.source, "record_id": start.session_key, "meter": "voice"}
        return known | fields | {"started_at": instant_of(at)}


def cel(
    zone: str = "Europe/Amsterdam", country: str = "NL", name: str = "asterisk-cel", source: str = "asterisk-cel"
) -> CelFormat:
    """Master.csv of cel_custom. A switch whose cdr-csv is imported too would count its calls twice: choose one."""
    declared = SourceProfile(name, source, "asterisk-cel", delay_days=2, zone=zone, country=country)
    return CelFormat(CelProfile(declared))


def _ended(extra: str) -> dict[str, Any]:
    """Cause and dial status from the JSON that newer versions add to a hang-up."""
    try:
        found = json.loads(extra) if extra.strip() else {}
    except (ValueError, RecursionError):
        found = {}
    told = found if isinstance(found, dict) else {}
    return {"cause": str(told.get("hangupcause", ""))[:10], "dialled": str(told.get("dialstatus", ""))[:30]}


def _never_talked(hangup: SessionPart) -> bool:
    """Whether a hang-up without a known answer proves that there was none."""
    dialled = str(hangup.fields["dialled"])
    return dialled != "ANSWER" if dialled else hangup.fields["cause"] not in _MAY_HAVE_TALKED
