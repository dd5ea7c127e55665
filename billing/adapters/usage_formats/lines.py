"""Reading a file line by line in bounded memory: a damaged line is a value, never an exception."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LONGEST_LINE_BYTES = 64 * 1024
# What a source may declare; each is a name that Python knows.
ENCODINGS = ("utf-8", "ascii", "latin-1", "cp1252", "iso-8859-15", "utf-16", "utf-16-le", "utf-16-be")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end; ``damage`` says why it cannot be read as text, empty when it can."""

    number: int
    text: str
    damage: str = ""


def read_lines(path: Path, encoding: str = "utf-8") -> Iterator[Line]:
    """All lines from 1, empty ones too. Bytes that the encoding does not know are kept in escaped form."""
    with path.open("rb") as opened:
        if encoding.startswith("utf-16"):
            yield from _wide_lines(opened, encoding)
        else:
            yield from _narrow_lines(opened, encoding)


def _narrow_lines(opened: BinaryIO, encoding: str) -> Iterator[Line]:
    number = 0
    while part := opened.readline(LONGEST_LINE_BYTES + 1):
        number += 1
        is_whole = part.endswith(b"\n") or len(part) <= LONGEST_LINE_BYTES
        rest = part
        while not is_whole and rest and not rest.endswith(b"\n"):
            rest = opened.readline(LONGEST_LINE_BYTES)
        if number == 1 and encoding == "utf-8":
            part = part.removeprefix(_BYTE_ORDER_MARK)
        yield as_line(number, part, is_whole=is_whole, encoding=encoding)


def _wide_lines(opened: BinaryIO, encoding: str) -> Iterator[Line]:
    """Lines of two-byte characters: an end of line counts only where a character begins."""
    mark = opened.read(2)
    if mark in {b"\xff\xfe", b"\xfe\xff"}:
        encoding = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    else:
        opened.seek(0)
        encoding = "utf-16-le" if encoding == "utf-16" else encoding
    end = "\n".encode(encoding)
    number, kept, is_whole = 0, b"", True
    while chunk := opened.read(_CHUNK_BYTES):
        pieces = _split_wide(kept + chunk, end)
        kept = pieces.pop()
        for piece in pieces:
            number += 1
            whole = is_whole and len(piece) <= LONGEST_LINE_BYTES
            yield as_line(number, piece[:LONGEST_LINE_BYTES], is_whole=whole, encoding=encoding)
            is_whole = True
        if len(kept) > LONGEST_LINE_BYTES:
            # Half a character at the end stays, so that the next ones keep their place.
            half = kept[-1:] if len(kept) % 2 else b""
            kept, is_whole = kept[: LONGEST_LINE_BYTES - 2] + half, False
    if kept:
        yield as_line(number + 1, kept, is_whole=is_whole, encoding=encoding)


def _split_wide(content: bytes, end: bytes) -> list[bytes]:
    pieces, begin, at = [], 0, content.find(end)
    while at >= 0:
        if at % 2 == 0:
            pieces.append(content[begin:at])
            begin = at + 2
        at = content.find(end, at + 1 + (at % 2 == 0))
    return [*pieces, content[begin:]]


def as_line(number: int, part: bytes, *, is_whole: bool = True, encoding: str = "utf-8") -> Line:
    """One line from its bytes."""
    if not encoding.startswith("utf-16"):
        part = part.rstrip(b"\r\n")
    text = part.decode(encoding, "backslashreplace").rstrip("\r\n")
    if not is_whole:
        return Line(number, text, f"The line is longer than {LONGEST_LINE_BYTES} bytes.")
    if "\x00" in text:
        return Line(number, text.replace("\x00", "\\x00"), "The line contains NUL bytes.")
    try:
        part.decode(encoding)
    except UnicodeDecodeError as error:
        return Line(number, text, f"Byte {error.start + 1} of the line is not {encoding.upper()}.")
    return Line(number, text)
