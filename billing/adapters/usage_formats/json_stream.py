"""Finding the records of a JSON file in bounded memory: one array, or documents one after the other."""

from __future__ import annotations

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.adapters.usage_formats.lines import Line
from billing.adapters.usage_formats.values import Damaged

LONGEST_DOCUMENT = 1024 * 1024
_CHUNK_BYTES = 64 * 1024
# A whole string, a string that is still open, or a bracket; everything between them is of no matter here.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|"|[{}\[\]]', re.DOTALL)
_AFTER_SCALAR = re.compile(r"[\n,{\[]")
_BETWEEN = re.compile(r"[\s,]*")


def read_documents(path: Path, encoding: str = "utf-8") -> Iterator[Line]:
    """The objects of a file, numbered from 1: the elements of its array, or its top-level values.

    A value that is no object is a damaged document. Where brackets do not balance, the rest of the file is one damaged
    document, since nobody can tell where the next one begins. Memory stays below a few documents of 1 MiB.
    """
    yield from _Documents(path, encoding).read()


class _Documents:
    """``text`` is what was read and not yet used; ``number`` counts documents.

    ``depth`` and ``scanned`` remember how far the document at its beginning was looked through, so that one that comes
    in many pieces is not looked through again with each.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self._path = path
        self._encoding = encoding
        self._text = ""
        self._number = 0
        self._in_array = False
        self._depth = 0
        self._scanned = 0

    def read(self) -> Iterator[Line]:
        for is_last in self._chunks():
            yield from self._take_whole_ones()
            if len(self._text) > LONGEST_DOCUMENT:
                yield self._document(
                    self._text, f"A document is longer than {LONGEST_DOCUMENT} characters; the rest is unread."
                )
                return
            if is_last and self._text.strip(" \t\r\n,]\ufeff"):
                yield self._document(self._text, "This is no whole JSON document; the rest of the file is unread.")

    def _chunks(self) -> Iterator[bool]:
        """Read on; True with the last chunk."""
        encoding = "utf-8-sig" if self._encoding == "utf-8" else self._encoding
        decoder = getincrementaldecoder(encoding)("backslashreplace")
        with self._path.open("rb") as opened:
            while chunk := opened.read(_CHUNK_BYTES):
                self._text += decoder.decode(chunk)
                yield False
        self._text += decoder.decode(b"", final=True)
        yield True

    def _take_whole_ones(self) -> Iterator[Line]:
        at = 0
        while True:
            begin = self._begin(at)
            end = self._end(begin)
            if end is None:
                break
            yield self._document(self._text[begin:end])
            at, self._depth, self._scanned = end, 0, 0
        self._text = self._text[begin:]

    def _begin(self, at: int) -> int:
        """Where the next document begins; the bracket of the outer array is stepped over."""
        found = _BETWEEN.match(self._text, at)
        begin = found.end() if found else at
        if self._number == 0 and not self._in_array and self._text.startswith("[", begin):
            self._in_array = True
            return self._begin(begin + 1)
        return begin

    def _end(self, begin: int) -> int | None:
        """The place after the document that begins there; None when it is not wholly read."""
        if not self._text.startswith(("{", "["), begin):
            return self._end_of_scalar(begin)
        for token in _TOKEN.finditer(self._text, begin + self._scanned):
            mark = token.group()
            if mark == '"':
                self._scanned = token.start() - begin
                return None
            self._depth += (mark in "{[") - (mark in "}]") if len(mark) == 1 else 0
            if self._depth == 0:
                return token.end()
        self._scanned = len(self._text) - begin
        return None

    def _end_of_scalar(self, begin: int) -> int | None:
        """What is no object ends at the next comma, bracket or line."""
        if begin >= len(self._text) or (self._in_array and self._text.startswith("]", begin)):
            return None
        found = _AFTER_SCALAR.search(self._text, begin + 1)
        return found.start() if found else None

    def _document(self, text: str, damage: str = "") -> Line:
        self._number += 1
        return Line(self._number, text.replace("\x00", "\\x00"), damage)


def read_object(line: Line) -> dict[str, Any]:
    """The object of a document; numbers with a fraction keep what was written. Raises Damaged."""
    if line.damage:
        raise Damaged("line", line.damage)
    try:
        # Decimal keeps an amount as it was written.
        found: Any = json.loads(line.text, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Damaged("line", f"The line is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise Damaged("line", "The line is not a JSON object.")
    return found


def value_at(document: Any, path: str) -> Any:
    """The value at a dotted path; a number is a place in a list. None when there is none."""
    found = document
    for step in path.split("."):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def text_of(value: Any) -> str:
    """A scalar as text; what is no scalar is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | Decimal) else ""


def _no_number(written: str) -> None:
    raise ValueError(f"{written} is no number")
