"""Reading a file line by line in bounded memory: a damaged line is a value, never an exception."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST_LINE_BYTES = 64 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end; ``damage`` says why it cannot be read as text, empty when it can."""

    number: int
    text: str
    damage: str = ""


def read_lines(path: Path) -> Iterator[Line]:
    """All lines from 1, empty ones too. Bytes that are not UTF-8 are kept in escaped form."""
    with path.open("rb") as opened:
        number = 0
        while part := opened.readline(LONGEST_LINE_BYTES + 1):
            number += 1
            is_whole = part.endswith(b"\n") or len(part) <= LONGEST_LINE_BYTES
            rest = part
            while not is_whole and rest and not rest.endswith(b"\n"):
                rest = opened.readline(LONGEST_LINE_BYTES)
            yield as_line(number, part.removeprefix(_BYTE_ORDER_MARK) if number == 1 else part, is_whole=is_whole)


def as_line(number: int, part: bytes, *, is_whole: bool = True) -> Line:
    """One line from its bytes."""
    part = part.rstrip(b"\r\n")
    text = part.decode("utf-8", "backslashreplace")
    if not is_whole:
        return Line(number, text, f"The line is longer than {LONGEST_LINE_BYTES} bytes.")
    if b"\x00" in part:
        return Line(number, text.replace("\x00", "\\x00"), "The line contains NUL bytes.")
    try:
        part.decode("utf-8")
    except UnicodeDecodeError as error:
        return Line(number, text, f"Byte {error.start + 1} of the line is not UTF-8.")
    return Line(number, text)
