"""XML files as a series of records: each one is cut out by its tags and parsed on its own, in bounded memory.

So a damaged record spoils no other. Nothing that a document type could define is ever expanded: a file that defines
anything is refused, and records are parsed without any definitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

LONGEST_RECORD_BYTES = 256 * 1024
_PART_BYTES = 256 * 1024
_LONGEST_PROLOG_BYTES = 64 * 1024
_LONGEST_TOKEN_BYTES = 64
_DEEPEST = 32
_ENCODINGS = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "latin1", "windows-1252"}
_DECLARED_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
# A document type with nothing in it defines nothing; switches really write it.
_EMPTY_DOCTYPE = re.compile(rb"<!DOCTYPE\s+[\w:.-]+\s*>")
# In comments and literal text tags are no tags.
_SECTIONS = {b"<!--": re.compile(rb"-->"), b"<![CDATA[": re.compile(rb"\]\]>")}


class NotThisXml(Exception):
    """The file cannot be read as the XML that was expected; the message says why."""


@dataclass(frozen=True, slots=True)
class XmlRecord:
    """The text of one record with its tags, or the reason why it is none."""

    number: int
    text: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class XmlFields:
    """The texts of a record, by their path below it (``basicModule/userNumber``) and by the name of their element.

    Of several with one path or name the first counts.
    """

    by_path: dict[str, str]
    by_name: dict[str, str]


class XmlRecords:
    """Files whose records are the elements ``record`` in an element ``root``."""

    def __init__(self, root: str, record: str) -> None:
        self._root = root
        start, end = rb"<%b(?=[\s>/])", rb"</%b\s*>"
        self._root_start = re.compile(start % root.encode())
        self._is_start = re.compile(rb"<" + record.encode())
        self._is_end = re.compile(end % record.encode())
        self._is_root_end = re.compile(end % root.encode())
        words = [start % record.encode(), end % record.encode(), end % root.encode()]
        self._tokens = re.compile(b"|".join([*words, rb"<!\[CDATA\[", rb"<!--", rb"<!DOCTYPE", rb"<!ENTITY"]))

    def find(self, path: Path, after: int = 0) -> Iterator[XmlRecord]:
        """The records with a number above ``after``. Raises NotThisXml before the first one, never later."""
        with path.open("rb") as opened:
            encoding = self._encoding_of(opened)
            for number, (data, reason) in enumerate(self._cut(_Window(opened)), start=1):
                if number > after:
                    yield _as_record(number, data, reason, encoding)

    def _encoding_of(self, opened: BinaryIO) -> str:
        """The encoding that the prolog declares; the file stands at its root afterwards."""
        prolog = opened.read(_LONGEST_PROLOG_BYTES)
        if prolog[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in prolog[:200]:
            raise NotThisXml("The file is in UTF-16 or UTF-32 or is no text; write it in UTF-8.")
        root = self._root_start.search(prolog)
        if root is None:
            raise NotThisXml(f"This is not such a file: it has no element {self._root} at its start.")
        before = re.sub(rb"<!--.*?-->", b"", prolog[: root.start()], flags=re.DOTALL)
        if b"<!" in _EMPTY_DOCTYPE.sub(b"", before, count=1):
            raise NotThisXml(
                "The file brings its own definitions (a DOCTYPE with content, or an ENTITY), which are never read; "
                "send it without them."
            )
        declared = _DECLARED_ENCODING.search(before)
        encoding = declared.group(1).decode().lower() if declared else "utf-8"
        if encoding not in _ENCODINGS:
            raise NotThisXml(f"The encoding {encoding} is not one of {', '.join(sorted(_ENCODINGS))}.")
        opened.seek(root.start())
        return encoding

    def _cut(self, window: _Window) -> Iterator[tuple[bytes, str]]:
        """The bytes of each record with the reason why it is damaged, empty when it is not."""
        has_end = False
        while (token := window.search(self._tokens)) is not None:
            word, end = token.group(), token.end()
            if self._is_start.fullmatch(word):
                end, reason = self._end_of_record(window, token.start(), end)
                yield window.data[token.start() : end], reason
            elif self._is_root_end.fullmatch(word):
                has_end = True
            elif word in _SECTIONS:
                section = window.search(_SECTIONS[word], end, token.start())
                end = section.end() if section else end
            elif word.startswith(b"<!"):
                yield word, f"There is {word.decode()} between the records, which is never read."
            window.done(end)
        if not has_end:
            yield b"", f"The file has no end: </{self._root}> is missing, so it was cut off."

    def _end_of_record(self, window: _Window, start: int, at: int) -> tuple[int, str]:
        """Where a record ends that starts at ``start``, and the reason why it is damaged."""
        while (token := window.search(self._tokens, at, start)) is not None:
            word, at = token.group(), token.end()
            if self._is_end.fullmatch(word):
                return at, ""
            if self._is_start.fullmatch(word) or self._is_root_end.fullmatch(word):
                return token.start(), "The record has no end."
            section = window.search(_SECTIONS[word], at, start) if word in _SECTIONS else None
            if section is None:
                return at, f"The record contains {word.decode()}, which has no end or is never read."
            at = section.end()
        if len(window.data) - start > LONGEST_RECORD_BYTES:
            return len(window.data), f"The record is longer than {LONGEST_RECORD_BYTES} bytes."
        return len(window.data), "The file ends inside the record."


def fields_of(text: str, record: str) -> XmlFields:
    """The texts in one record. Raises ValueError when it is not XML, or brings definitions of its own."""
    parser = DefusedXMLParser(target=_Reading(record), forbid_dtd=True)
    try:
        parser.feed(text)
        fields: XmlFields = parser.close()
    except (ParseError, ExpatError) as error:
        raise ValueError(f"The record is not XML: {error}.") from None
    except DefusedXmlException:
        raise ValueError("The record brings its own definitions (DOCTYPE), which are never read.") from None
    return fields


class _Reading:
    """Collects the texts of one record while it is parsed."""

    def __init__(self, record: str) -> None:
        self._fields = XmlFields({}, {})
        self._record = record
        self._path: list[str] = []
        self._text = ""

    def start(self, name: str, _attributes: object) -> None:
        if not self._path and name != self._record:
            raise ValueError(f"The record is not an element {self._record}.")
        if len(self._path) > _DEEPEST:
            raise ValueError(f"Elements are nested deeper than {_DEEPEST}.")
        self._path.append(name)
        self._text = ""

    def end(self, name: str) -> None:
        text = self._text.strip()
        if text:
            self._fields.by_path.setdefault("/".join(self._path[1:]), text)
            self._fields.by_name.setdefault(name, text)
        self._path.pop()
        self._text = ""

    def data(self, text: str) -> None:
        self._text += text

    def close(self) -> XmlFields:
        return self._fields


def _as_record(number: int, data: bytes, reason: str, encoding: str) -> XmlRecord:
    try:
        text = data[:LONGEST_RECORD_BYTES].decode(encoding)
    except UnicodeDecodeError as error:
        text = data[:LONGEST_RECORD_BYTES].decode(encoding, "backslashreplace")
        reason = reason or f"Byte {error.start + 1} of the record is not {encoding}."
    return XmlRecord(number, text, reason)


class _Window:
    """The part of a file that is looked at: never longer than a record may be and three reads."""

    def __init__(self, opened: BinaryIO) -> None:
        self._opened = opened
        self._done = 0
        self.data = b""

    def search(
        self, pattern: re.Pattern[bytes], at: int | None = None, keep_from: int | None = None
    ) -> re.Match[bytes] | None:
        """The first match from ``at``; None when the file ends, or a record that starts at ``keep_from`` is too long.

        Without them it goes on behind what is done, and forgets what is before.
        """
        at = self._done if at is None else at
        while (found := pattern.search(self.data, at)) is None:
            if keep_from is not None and len(self.data) - keep_from > LONGEST_RECORD_BYTES:
                return None
            # A token may have been cut in two by the end of the window.
            at = max(at, len(self.data) - _LONGEST_TOKEN_BYTES)
            if keep_from is None:
                self.data, self._done, at = self.data[at:], 0, 0
            part = self._opened.read(_PART_BYTES)
            if not part:
                return None
            self.data += part
        return found

    def done(self, count: int) -> None:
        """The first bytes are not needed any more. They go together, not a few at a time."""
        self._done = count
        if count > _PART_BYTES:
            self.data, self._done = self.data[count:], 0
