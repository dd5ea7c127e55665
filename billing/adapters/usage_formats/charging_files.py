"""Files of 3GPP charging records: with the file and record headers of TS 32.297, or one record after the other.

Filler bytes between records are stepped over. Behind headers a damaged record does not hide the next one, because its
length is known; a bare file ends where its bytes stop being BER, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from billing.adapters.usage_formats.ber import LONGEST_RECORD_BYTES, BerFile, BrokenFraming

_SHORTEST_HEADER, _LONGEST_HEADER = 50, 140_000
_SHORTEST_RECORD_HEADER, _LONGEST_RECORD_HEADER = 4, 5
_RELEASE_IN_EXTENSION = 7
_BER = 1
_FORMATS = range(1, 5)
_CONTEXT_CONSTRUCTED = range(0xA0, 0xC0)
_FIRST_BYTE_OF_A_RECORD = 0xA0
_UNKNOWN_COUNT = 0xFFFFFFFF
_SHOWN_BYTES = 64
# The numbers of TS 32.297 for the specifications of the two families.
_CIRCUIT, _PACKET = (2, 6), (1, 3, 7)


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What a file says of itself; ``records`` is None where it does not count them."""

    file_bytes: int
    header_bytes: int
    records: int | None
    sequence: int


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """The bytes of one record, or the reason why they are none. ``family`` is packet, circuit, or empty."""

    number: int
    data: bytes
    reason: str = ""
    family: str = ""


def read_file_header(opened: BerFile) -> FileHeader | None:
    """The header of TS 32.297, None for a bare file."""
    head = opened.read(0, _SHORTEST_HEADER)
    if len(head) < _SHORTEST_HEADER or head[0] >= _FIRST_BYTE_OF_A_RECORD:
        return None
    header_bytes = int.from_bytes(head[4:8], "big")
    if not _SHORTEST_HEADER <= header_bytes <= min(_LONGEST_HEADER, opened.size):
        return None
    records = int.from_bytes(head[18:22], "big")
    return FileHeader(
        file_bytes=int.from_bytes(head[0:4], "big"),
        header_bytes=header_bytes,
        records=None if records == _UNKNOWN_COUNT else records,
        sequence=int.from_bytes(head[22:26], "big"),
    )


def find_records(opened: BerFile, after: int = 0) -> Iterator[FoundRecord]:
    """The records with a number above ``after``; those before are stepped over unread."""
    header = read_file_header(opened)
    found = _find_bare(opened, after) if header is None else _find_framed(opened, header, after)
    last = 0
    try:
        for number, record in found:
            last = number
            if record is not None:
                yield record
    except BrokenFraming as broken:
        if last + 1 > after:
            rest = opened.size - broken.position
            reason = f"{broken.reason} The last {rest} bytes of the file cannot be read."
            yield FoundRecord(last + 1, opened.read(broken.position, _SHOWN_BYTES), reason)


def count_records(opened: BerFile) -> int:
    """How many records there are, damaged ones included, without reading them."""
    header = read_file_header(opened)
    found = _find_bare(opened, None) if header is None else _find_framed(opened, header, None)
    last = 0
    try:
        for number, _ in found:
            last = number
    except BrokenFraming:
        return last + 1
    return last


def _find_bare(opened: BerFile, after: int | None) -> Iterator[tuple[int, FoundRecord | None]]:
    number, at = 0, opened.after_fillers(0)
    while at < opened.size:
        element = opened.element_at(at)
        number += 1
        if after is None or number <= after:
            yield number, None
        elif element.next - at > LONGEST_RECORD_BYTES:
            shown = opened.read(at, _SHOWN_BYTES)
            yield number, FoundRecord(number, shown, f"The record is longer than {LONGEST_RECORD_BYTES} bytes.")
        else:
            yield number, FoundRecord(number, opened.whole(element))
        at = opened.after_fillers(element.next)


def _find_framed(opened: BerFile, header: FileHeader, after: int | None) -> Iterator[tuple[int, FoundRecord | None]]:
    number, at = 0, _record_header_from(opened, header.header_bytes)
    while at < opened.size:
        size = _header_bytes(opened, at)
        length = int.from_bytes(opened.read(at, 2), "big")
        start, end = at + size, _end_of(opened, at, size, length)
        if end > opened.size:
            raise BrokenFraming(at, f"A record claims {length} bytes where {max(0, opened.size - start)} are left.")
        number += 1
        yield number, None if after is None or number <= after else _framed(opened, number, at, (start, end))
        at = _record_header_from(opened, end)
    if opened.size < header.file_bytes:
        raise BrokenFraming(opened.size, f"The file says it has {header.file_bytes} bytes and has {opened.size}.")


def _framed(opened: BerFile, number: int, at: int, place: tuple[int, int]) -> FoundRecord:
    start, end = place
    kind = opened.read(at, _SHORTEST_RECORD_HEADER)[3]
    data = opened.read(start, end - start)
    data_format, specification = kind >> 5, kind & 0x1F
    if data_format != _BER:
        return FoundRecord(
            number, data[:_SHOWN_BYTES], f"The record is in data format {data_format}; only BER is read."
        )
    family = "packet" if specification in _PACKET else "circuit" if specification in _CIRCUIT else ""
    return FoundRecord(number, data, family=family)


def _header_bytes(opened: BerFile, at: int) -> int:
    """Four, or five when the release has its own byte."""
    head = opened.read(at, _LONGEST_RECORD_HEADER)
    if len(head) < _SHORTEST_RECORD_HEADER:
        raise BrokenFraming(at, "The file ends inside a record header.")
    return _LONGEST_RECORD_HEADER if head[2] >> 5 == _RELEASE_IN_EXTENSION else _SHORTEST_RECORD_HEADER


def _end_of(opened: BerFile, at: int, size: int, length: int) -> int:
    """Where a record ends. Its length is without its header; some write it with the header, as its bytes show."""
    try:
        element = opened.element_at(at + size, min(opened.size, at + size + length))
    except BrokenFraming:
        return at + size + length
    return at + length if element.next == at + length else at + size + length


def _record_header_from(opened: BerFile, at: int) -> int:
    """The next record header from a place. A length below 256 starts with a zero that is no filler."""
    if at >= opened.size or _is_header(opened, at):
        return at
    start = opened.after_fillers(at)
    if start >= opened.size:
        return start
    return start - 1 if start > at and _is_header(opened, start - 1) else start


def _is_header(opened: BerFile, at: int) -> bool:
    head = opened.read(at, _LONGEST_RECORD_HEADER + 1)
    if len(head) <= _LONGEST_RECORD_HEADER:
        return False
    size = _LONGEST_RECORD_HEADER if head[2] >> 5 == _RELEASE_IN_EXTENSION else _SHORTEST_RECORD_HEADER
    length = int.from_bytes(head[:2], "big")
    return length > 0 and head[3] >> 5 in _FORMATS and head[size] in _CONTEXT_CONSTRUCTED
