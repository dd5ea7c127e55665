"""A stream of bytes as numbered NDJSON records, in bounded memory: a damaged line is one record that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from billing.services.usage_batch import Entry
from billing.services.usage_kept import LONGEST_RAW

LONGEST_LINE_BYTES = 64 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DEEPEST = 32
_decode_json = msgspec.json.Decoder().decode


class NotJson(ValueError):
    """The text is no JSON document; the message says where."""


def read_json(content: bytes) -> Any:
    """A JSON document from its bytes. Raises NotJson.

    What a strict reader refuses and a lenient one can keep (half of a character, NaN) is read leniently: it makes one
    value unusable, which is said of that value.
    """
    try:
        return _decode_json(content)
    except RecursionError:
        raise NotJson("it is nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as strict:
        try:
            return json.loads(content.decode("utf-8"))
        except (ValueError, RecursionError):
            raise NotJson(str(strict)) from None


def too_deep_field(event: Mapping[str, Any]) -> str:
    """The field that is nested too deep to be written again; empty when there is none."""
    for name, value in event.items():
        if type(value) in (dict, list) and _is_deeper(value, DEEPEST):
            return str(name)
    return ""


def _is_deeper(value: Any, levels: int) -> bool:
    if not levels:
        return True
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_is_deeper(part, levels - 1) for part in parts if type(part) in (dict, list))


def written(value: Any) -> str:
    """The beginning of a decoded value as JSON, to be kept; nothing of what is nested too deep to be written."""
    try:
        return json.dumps(value, ensure_ascii=False)[:LONGEST_RAW]
    except RecursionError:
        return ""


def entry_of(event: Any, line_number: int | None = None) -> Entry:
    """A decoded record, or why it is none."""
    if not isinstance(event, dict):
        return Entry(None, written(event), line_number, "record", "A record is a JSON object.")
    deep = too_deep_field(event)
    if deep:
        return Entry(None, written(event), line_number, deep, "This field is nested too deep.")
    return Entry(event, line_number=line_number)


class LineSplitter:
    """Cuts chunks of any size into lines, numbered from 1; empty ones are counted and left out."""

    def __init__(self) -> None:
        self._rest = b""
        self._number = 0
        self._is_overlong = False

    def feed(self, chunk: bytes) -> Iterator[Entry]:
        """The records of the lines that end in this chunk."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            yield from self._record(line)
        self._rest = rest
        if len(rest) > LONGEST_LINE_BYTES:
            # Only its beginning is kept; the rest is read past.
            self._is_overlong, self._rest = True, rest[:LONGEST_RAW]

    def finish(self) -> Iterator[Entry]:
        """The last line, when no newline ended it."""
        rest, self._rest = self._rest, b""
        if rest:
            yield from self._record(rest)

    @property
    def lines_read(self) -> int:
        """How many lines have ended so far."""
        return self._number

    def _record(self, line: bytes) -> Iterator[Entry]:
        self._number += 1
        is_overlong, self._is_overlong = self._is_overlong or len(line) > LONGEST_LINE_BYTES, False
        if self._number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if is_overlong:
            yield self._damaged(line, f"The line is longer than {LONGEST_LINE_BYTES} bytes.")
        elif line.strip():
            yield self._decoded(line)

    def _decoded(self, line: bytes) -> Entry:
        try:
            return entry_of(read_json(line), self._number)
        except NotJson as error:
            return self._damaged(line, f"The line is not JSON: {error}.")

    def _damaged(self, line: bytes, reason: str) -> Entry:
        text = line[:LONGEST_RAW].decode("utf-8", "backslashreplace")
        return Entry(None, text, self._number, "line", reason)
